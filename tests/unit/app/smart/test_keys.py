"""Private keys are looked at before an EHR meets them, and nothing private of them is ever published."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey
from joserfc.util import int_to_base64

from app.config import ConfigError, read_registry
from app.smart.keys import checked, published
from tests.unit.app.registry.test_registry import registry

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def ec_key(kid: str = "e1", curve: ec.EllipticCurve | None = None, **changes: Any) -> dict[str, Any]:
    jwk = ECKey.import_key(_pem(ec.generate_private_key(curve or ec.SECP384R1()))).as_dict(private=True)
    return {**jwk, "kid": kid, "alg": "ES384", **changes}


def rsa_key(bits: int = 2048, kid: str = "r1", **changes: Any) -> dict[str, Any]:
    numbers = rsa.generate_private_key(65537, bits).private_numbers()
    public = numbers.public_numbers
    values = {"n": public.n, "e": public.e, "d": numbers.d, "p": numbers.p, "q": numbers.q,
              "dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}  # fmt: skip
    jwk = {name: int_to_base64(value) for name, value in values.items()}
    return {"kty": "RSA", **jwk, "kid": kid, "alg": "RS384", **changes}


def _pem(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.fixture(scope="module")
def rsa_2048() -> dict[str, Any]:
    return rsa_key()


def test_both_algorithms_sign_and_a_missing_alg_follows_from_the_kind(rsa_2048) -> None:
    assert checked(rsa_2048)["alg"] == "RS384"
    assert checked({name: value for name, value in ec_key().items() if name != "alg"})["alg"] == "ES384"
    assert checked(ec_key(use="sig", key_ops=["sign"]))["kid"] == "e1"


def without(key: dict[str, Any], name: str) -> dict[str, Any]:
    return {member: value for member, value in key.items() if member != name}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: [ec_key()], "one private JWK with a kid"),
        (lambda: without(ec_key(), "d"), "one private JWK with a kid"),
        (lambda: without(ec_key(), "kid"), "one private JWK with a kid"),
        (lambda: ec_key(kid=""), "one private JWK with a kid"),
        (lambda: ec_key(kid="a\nb"), "one private JWK with a kid"),
        (lambda: {"kty": "oct", "k": "c2VjcmV0", "d": "x", "kid": "1"}, "RS384 .* or ES384"),
        (lambda: ec_key(alg="ES256"), "RS384 .* or ES384"),
        (lambda: ec_key(alg="RS384"), "RS384 .* or ES384"),
        (lambda: ec_key(curve=ec.SECP256R1()), "P-384"),
        (lambda: ec_key(use="enc"), "do not allow it to sign"),
        (lambda: ec_key(key_ops=["verify"]), "do not allow it to sign"),
        (lambda: rsa_key(1024), "2048 bits"),
        (lambda: {**ec_key(), "x": ec_key()["x"]}, "no usable key"),
        (lambda: {**ec_key(), "d": ec_key()["d"]}, "no usable key"),
        (lambda: {**ec_key(), "x": "!!"}, "no usable key"),
        (lambda: without(ec_key(), "y"), "no usable key"),
    ],
)
def test_a_key_that_an_ehr_would_refuse_is_refused_at_start(make, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        checked(make())


def test_an_rsa_key_with_the_modulus_of_another_is_refused(rsa_2048) -> None:
    with pytest.raises(ValueError, match="no usable key"):
        checked({**rsa_2048, "n": rsa_key()["n"]})


def test_only_named_public_members_are_published(rsa_2048, ehr_at) -> None:
    keys = (checked({**rsa_2048, "note": "s3cret", "x5c": ["s3cret"]}), checked(ec_key(kid="e2")))
    (first, second) = published([ehr_at("https://ehr.example", private_keys=keys)])["keys"]
    assert set(first) == {"kty", "n", "e", "kid", "alg", "use"}
    assert set(second) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert not PRIVATE & (set(first) | set(second))
    assert not any(keys[at][name] in json.dumps([first, second]) for at in (0, 1) for name in PRIVATE & set(keys[at]))


def write(folder: Path, name: str, key: object, mode: int = 0o600) -> None:
    (folder / name).write_text(key if isinstance(key, str) else json.dumps(key))
    (folder / name).chmod(mode)


def keyed(folder: Path, **keys: str) -> Path:
    return registry(folder, client_auth='"private_key_jwt"', **keys)


def test_while_keys_rotate_the_first_signs_and_all_are_published(tmp_path: Path) -> None:
    for name in ("new", "old", "bulk"):
        write(tmp_path, f"{name}.json", ec_key(kid=name))
    path = keyed(tmp_path, private_keys='["new.json", "old.json"]', publish_keys='["bulk.json"]')
    ehr = read_registry(path)["north"]
    assert ehr.private_keys[0]["kid"] == "new"
    assert [key["kid"] for key in published([ehr])["keys"]] == ["new", "old", "bulk"]
    assert not [key for key in ehr.published_keys if PRIVATE & set(key)]


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (ec_key(), 0o644, "8: [north.app] private_key: others can read"),
        (ec_key(), 0o640, "8: [north.app] private_key: others can read"),
        ("secret!", 0o600, "is not JSON"),
        (ec_key(alg="ES512"), 0o600, "its alg must be"),
    ],
)
def test_a_wrong_key_file_is_named_by_line_and_path(tmp_path: Path, content: object, mode: int, says: str) -> None:
    write(tmp_path, "key.json", content, mode)
    with pytest.raises(ConfigError) as caught:
        read_registry(keyed(tmp_path, private_key='"key.json"'))
    assert says in str(caught.value) and str(tmp_path / "key.json") in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"private_key": '"gone.json"'}, "private_key: .* cannot be read"),
        ({"private_keys": "[]"}, "private_keys: names no key"),
        ({"private_keys": '["a.json"]', "private_key": '"a.json"'}, "private_keys: stands beside private_key"),
        ({"private_keys": '["a.json", "b.json"]'}, "one of its keys has the kid of another"),
        ({"private_keys": '["a.json"]', "publish_keys": '["b.json"]'}, "one of its keys has the kid of another"),
    ],
)
def test_keys_that_could_not_be_told_apart_are_refused(tmp_path: Path, keys: dict[str, str], says: str) -> None:
    write(tmp_path, "a.json", ec_key(kid="same"))
    write(tmp_path, "b.json", ec_key(kid="same"))
    with pytest.raises(ConfigError, match=says):
        read_registry(keyed(tmp_path, **keys))
