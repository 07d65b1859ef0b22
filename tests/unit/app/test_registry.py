"""A wrong registry stops the start with a sentence that names file, table and key, and never the value."""

import json
import os
from pathlib import Path

import pytest

from app.config import ConfigError, from_environment, read_registry
from app.registry import origin_of

GOOD = {
    "issuer": '"https://ehr.example.org/fhir"',
    "client_id": '"kindred"',
    "client_auth": '"public"',
    "redirect_uri": '"https://kindred.example.org/callback"',
    "scopes": '"launch patient/Patient.rs"',
}


def registry(folder: Path, **changes: str | None) -> Path:
    values = {key: value for key, value in (GOOD | changes).items() if value is not None}
    issuer = values.pop("issuer", None)
    head = f"[north]\nissuer = {issuer}\n" if issuer else "[north]\n"
    path = folder / "ehrs.toml"
    path.write_text(head + "[north.app]\n" + "".join(f"{key} = {value}\n" for key, value in values.items()))
    return path


def test_a_good_registry_gives_ehrs_with_defaults(tmp_path: Path) -> None:
    ehr = read_registry(registry(tmp_path))["north"]
    assert (ehr.hosts, ehr.frame_ancestors, ehr.today, ehr.is_synthetic) == ((), (), None, False)
    assert ehr.allowed_origins == {"https://ehr.example.org"}


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("issuer", None, "[north] issuer: missing"),
        ("issuer", '"http://ehr.example.org/fhir"', "[north] issuer: must be https"),
        ("issuer", '"https://user:pw-secret@ehr.example.org"', "[north] issuer: not a URL"),
        ("issuer", '"https://ehr.example.org/fhir?x=1"', "[north] issuer: must have no query"),
        ("client_id", "7", "[north.app] client_id: missing or not a text"),
        ("client_auth", '"magic-secret"', "[north.app] client_auth: must be one of"),
        ("client_auth", '"client_secret_basic"', "[north.app] client_secret: missing"),
        ("client_auth", '"private_key_jwt"', "[north.app] private_key: missing"),
        ("redirect_uri", '"https://kindred.example.org/back"', "[north.app] redirect_uri: its path must be /callback"),
        ("scopes", '"launch openid"', "[north.app] scopes: no patient/ or user/ scope"),
        ("hosts", '"https://x.example"', "[north.app] hosts: must be a list"),
        ("hosts", '["https://x.example/path"]', "[north.app] hosts: an origin is"),
        ("frame_ancestors", '["https://x.example; script-src *"]', "[north.app] frame_ancestors"),
        ("frame_ancestors", '["https://*.example"]', "[north.app] frame_ancestors: an origin is"),
        ("today", '"2026-06-30"', "[north.app] today: must be a date without quotes"),
        ("sandbox", '"yes"', "[north.app] sandbox: must be true or false"),
        ("redirect_url", '"x"', "[north.app] redirect_url: not a known key; did you mean redirect_uri?"),
    ],
)
def test_each_mistake_is_named_by_table_and_key(tmp_path: Path, key: str, value: str | None, says: str) -> None:
    path = registry(tmp_path, **{key: value})
    with pytest.raises(ConfigError) as caught:
        read_registry(path)
    assert says in str(caught.value) and str(path) in str(caught.value)
    assert "secret@" not in str(caught.value) and "magic" not in str(caught.value)


def test_two_ehrs_may_not_share_an_issuer(tmp_path: Path) -> None:
    path = registry(tmp_path)
    path.write_text(path.read_text() + path.read_text().replace("north", "south"))
    with pytest.raises(ConfigError, match=r"\[south\] issuer: already used by \[north\]"):
        read_registry(path)


@pytest.mark.parametrize(("text", "says"), [("[north", "not valid TOML"), ("", "no EHR has"), ("a = 1", "outside")])
def test_a_file_that_is_no_registry_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "ehrs.toml").write_text(text)
    with pytest.raises(ConfigError, match=says):
        read_registry(tmp_path / "ehrs.toml")


@pytest.mark.parametrize(
    ("key", "mode", "says"),
    [
        ({"kty": "EC", "d": "x", "kid": "1", "alg": "ES384"}, 0o644, "others can read"),
        ({"kty": "EC", "kid": "1", "alg": "ES384"}, 0o600, "one private JWK"),
        ({"kty": "RSA", "d": "x", "kid": "1", "alg": "RS256"}, 0o600, "alg must be RS384 or ES384"),
    ],
)
def test_a_private_key_is_checked(tmp_path: Path, key: dict[str, str], mode: int, says: str) -> None:
    (tmp_path / "key.json").write_text(json.dumps(key))
    (tmp_path / "key.json").chmod(mode)
    with pytest.raises(ConfigError, match=says):
        read_registry(registry(tmp_path, client_auth='"private_key_jwt"', private_key='"key.json"'))


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://EHR.example:443/fhir", "https://ehr.example"),
        ("http://127.0.0.1:9400/fhir", "http://127.0.0.1:9400"),
        ("http://[::1]:9400/x", "http://[::1]:9400"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


class TestTheSecretKey:
    def test_is_made_once_for_its_owner_alone(self, tmp_path: Path) -> None:
        environ = {"KINDRED_HOME": str(tmp_path / "home"), "KINDRED_EHRS": str(registry(tmp_path))}
        first, second = from_environment(environ).secret_key, from_environment(environ).secret_key
        assert first == second and len(first) == 64
        assert (tmp_path / "home/app.key").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700

    def test_that_others_can_read_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "app.key").write_text("x" * 64)
        (tmp_path / "app.key").chmod(0o644)
        with pytest.raises(ConfigError, match="others can read this key"):
            from_environment({"KINDRED_HOME": str(tmp_path), "KINDRED_EHRS": str(registry(tmp_path))})

    def test_that_is_short_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="KINDRED_SECRET_KEY: shorter than 32"):
            from_environment({"KINDRED_HOME": str(tmp_path), "KINDRED_SECRET_KEY": "short"})


def test_nothing_secret_is_printed(tmp_path: Path) -> None:
    path = registry(tmp_path, client_auth='"client_secret_basic"', client_secret='"s3cret-of-client"')
    config = from_environment(
        {
            "KINDRED_HOME": str(tmp_path),
            "KINDRED_EHRS": str(path),
            "KINDRED_DATABASE": "postgresql://kindred:pw-of-db@db/kindred",
            "KINDRED_SECRET_KEY": "k" * 40,
        }
    )
    shown = repr(config) + config.describe() + repr(config.ehrs)
    assert not [secret for secret in ("s3cret-of-client", "pw-of-db", "k" * 40) if secret in shown]
    assert "***@db/kindred" in config.describe()
    assert os.fspath(tmp_path) in shown
