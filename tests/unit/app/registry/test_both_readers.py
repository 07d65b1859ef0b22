"""One registry, two readers: the app and the export cannot import each other, so this table holds them together."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analytics.config import BulkClient
from analytics.errors import ConfigError as BulkError
from analytics.registry import BULK_KEYS, EHR_KEYS
from app.config import ConfigError, check_registry, read_registry
from app.problems import WORDS
from app.registry import bulk, reader
from tests.unit.app.smart.test_keys import ec_key, rsa_key, without

ROOT = Path(__file__).parents[4]
GOOD = "https://ehr.example/fhir"


def read_by_both(
    folder: Path, key: object, issuer: str = GOOD, hosts: object = (), more: str = ""
) -> list[str | None]:
    """What the app and the export say of the same registration: None where they take it."""
    path = folder / "ehrs.toml"
    (folder / "key.json").write_text(json.dumps(key))
    (folder / "key.json").chmod(0o600)
    common = f'client_id = "me"\nprivate_key = "key.json"\nhosts = {json.dumps(hosts)}\n'
    path.write_text(f'[a]\nissuer = {json.dumps(issuer)}\n{more}'
                    f'[a.app]\nclient_auth = "private_key_jwt"\n{common}redirect_uri = "https://k.example/callback"\n'
                    f'scopes = "patient/*.rs"\n[a.bulk]\n{common}')  # fmt: skip
    return [_said(lambda: read_registry(path)), _said(lambda: BulkClient.from_registry(path, "a"))]


def _said(read: Callable[[], Any]) -> str | None:
    try:
        read()
    except (ConfigError, BulkError) as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("issuer", "hosts", "line"),
    [
        (GOOD, [], None),
        ("https://ehr.example:8443/fhir/R4/", ["https://files.example", "https://files.example:444/"], None),
        ("http://127.0.0.1:9400/fhir", ["http://localhost:1"], None),
        ("http://127.0.0.9/fhir", ["http://[::1]:1"], None),
        ("http://ehr.example/fhir", [], 2),
        ("http://localhost.evil.example/fhir", [], 2),
        ("https://me@ehr.example/fhir", [], 2),
        ("https://ehr.example/fhir?", [], 2),
        ("https://ehr.example/fhir#x", [], 2),
        ("https://ehr.example:0/fhir", [], 2),
        ("https://ehr.example:port/fhir", [], 2),
        ("https:///fhir", [], 2),
        ("https://klinik-süd.example", [], 2),
        (" https://ehr.example/fhir", [], 2),
        ("https://ehr.example/fhir\n", [], 2),
        ("ehr.example/fhir", [], 2),
        ("", [], 2),
        (GOOD, ["https://files.example/path"], 7),
        (GOOD, ["https://*.example"], 7),
        (GOOD, ["http://files.example"], 7),
        (GOOD, ["https://a.example;b"], 7),
        (GOOD, [7], 7),
        (GOOD, "https://files.example", 7),
    ],
)
def test_addresses_are_taken_or_refused_alike(tmp_path: Path, issuer: str, hosts: object, line: int | None) -> None:
    said = read_by_both(tmp_path, ec_key(), issuer, hosts)
    if line is None:
        assert said == [None, None]
        return
    bulk_line = line if line == 2 else line + 6
    assert [f"ehrs.toml:{number}: [a" in str(text) for number, text in zip((line, bulk_line), said, strict=True)] == [
        True, True,
    ], said  # fmt: skip


@pytest.mark.parametrize(
    ("make", "taken"),
    [
        (ec_key, True),
        (rsa_key, True),
        (lambda: without(ec_key(), "alg"), True),
        (lambda: ec_key(key_ops=["sign"]), True),
        (lambda: without(ec_key(), "d"), False),
        (lambda: without(ec_key(), "kid"), False),
        (lambda: ec_key(kid=""), False),
        (lambda: ec_key(alg="ES256"), False),
        (lambda: ec_key(use="enc"), False),
        (lambda: ec_key(key_ops=["verify"]), False),
        (lambda: rsa_key(1024), False),
        (lambda: {**ec_key(), "d": ec_key()["d"]}, False),
        (lambda: without(ec_key(), "y"), False),
        (lambda: {"kty": "oct", "k": "eA", "d": "x", "kid": "1"}, False),
        (lambda: [1], False),
    ],
)
def test_keys_are_taken_or_refused_alike(tmp_path: Path, make: Callable[[], Any], taken: bool) -> None:
    said = read_by_both(tmp_path, make())
    assert [text is None for text in said] == [taken, taken], said
    assert taken or all("private_key" in str(text) and "key.json" in str(text) for text in said)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('scopes = "system/*.rs"', None),
        ('scopes = "system/Patient.read system/Observation.rs?category=laboratory https://ehr.example/scope"', None),
        ('scopes = "system/Patient.rs system/Observaton.rs"', "word 2 names no resource type of FHIR R4"),
        ('scopes = "system/Zebra.rs"', "word 1 names no resource type of FHIR R4"),
        ('scopes = "patient/Patient.rs"', "word 1 is no scope of a backend service"),
        ('scopes = "system/Patient."', "word 1 is no scope of a backend service"),
        ("scopes = 7", ""),
        ('scopes = ""', ""),
        ('group = "all"', None),
        ('group = " "', ""),
        ("patience_days = 0.5", None),
        ("patience_days = 0", ""),
        ("patience_days = 366", ""),
        ("patience_days = true", ""),
        ('patience_days = "30"', ""),
        ('groups = "all"', ""),
    ],
)
def test_a_bulk_table_is_taken_or_refused_alike_with_its_line(tmp_path: Path, line: str, says: str | None) -> None:
    (tmp_path / "key.json").write_text(json.dumps(ec_key()))
    (tmp_path / "key.json").chmod(0o600)
    path = tmp_path / "ehrs.toml"
    path.write_text(f'[a]\nissuer = "{GOOD}"\n[a.app]\nclient_id = "me"\nclient_auth = "public"\n'
                    'redirect_uri = "https://k.example/callback"\nscopes = "patient/*.rs"\n'
                    f'[a.bulk]\nclient_id = "me"\nprivate_key = "key.json"\n{line}\n')  # fmt: skip
    both = [_said(lambda: check_registry(path)), _said(lambda: BulkClient.from_registry(path, "a"))]
    if says is None:
        assert both == [None, None]
    else:
        assert ["ehrs.toml:11: [a.bulk] " in str(said) and says in str(said) for said in both] == [True, True], both
    assert _said(lambda: read_registry(path)) is None  # a start of the app leaves the export's part to the export


def test_both_know_the_same_keys_of_a_bulk_table() -> None:
    assert set(bulk.BULK_KEYS) == BULK_KEYS


def test_the_check_tells_of_the_bulk_client_and_needs_its_key(tmp_path: Path) -> None:
    assert read_by_both(tmp_path, ec_key(kid="of-bulk")) == [None, None]
    assert check_registry(tmp_path / "ehrs.toml")[-1] == "a: bulk client me, key of-bulk"
    path = tmp_path / "ehrs.toml"
    path.write_text(path.read_text().replace("[a.bulk]\n", '[b]\nissuer = "https://b.example"\n[b.bulk]\n'))
    assert check_registry(path)[-1] == "b: bulk client me, key of-bulk"
    path.write_text(path.read_text().rpartition("private_key")[0])
    assert f"{path}:12: [b.bulk] private_key: missing or not a text" in str(_said(lambda: check_registry(path)))


def test_an_unknown_key_of_the_ehr_is_named_by_both(tmp_path: Path) -> None:
    said = read_by_both(tmp_path, ec_key(), more='note = ["x"]\n')
    assert ["ehrs.toml:3: [a] note" in str(text) for text in said] == [True, True]


def test_a_table_of_hooks_is_the_apps_alone(tmp_path: Path) -> None:
    """The export knows that it may be there, and leaves what is in it to the app."""
    hooks = '[a.hooks]\nissuer = "https://ehr.example"\njwks_url = "https://ehr.example/keys"\n'
    assert read_by_both(tmp_path, ec_key(), more=hooks) == [None, None]
    said = read_by_both(tmp_path, ec_key(), more=hooks + 'jwks = "k.json"\n')
    assert said[1] is None and "ehrs.toml:5: [a.hooks] jwks_url: give either" in str(said[0])


def test_what_both_must_have_is_the_same() -> None:
    assert set(reader.EHR_KEYS) == EHR_KEYS


def documented(heading: str) -> set[str]:
    """The keys in the first column of the table under a heading of the integrator's guide."""
    text = (ROOT / "docs/ehr-registry.md").read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}


@pytest.mark.parametrize(
    ("heading", "keys"),
    [
        ("Keys of `[NAME]`", set(reader.EHR_KEYS) - {"app", "bulk", "hooks"}),
        ("Keys of `[NAME.app]`", set(reader.APP_KEYS)),
        ("Keys of `[NAME.hooks]`", set(reader.HOOKS_KEYS)),
        ("Keys of `[NAME.bulk]`", BULK_KEYS),
    ],
)
def test_the_guide_explains_each_key_and_no_other(heading: str, keys: set[str]) -> None:
    assert documented(heading) == keys


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    text = (ROOT / "docs/ehr-registry.md").read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def source(*patterns: str) -> str:
    return "".join(path.read_text() for pattern in patterns for path in sorted(ROOT.glob(pattern)))


def test_the_messages_that_the_guide_explains_are_those_of_the_code() -> None:
    text = source("app/registry/*.py", "app/config.py", "app/smart/keys.py")
    quoted = [message.strip("`") for message, _ in rows("What the messages at start mean")]
    assert len(quoted) > 10
    assert [message for message in quoted if message not in text] == []


def test_the_codes_and_causes_that_the_guide_explains_are_those_of_the_code() -> None:
    text = source("app/*.py", "app/smart/*.py") + ' f"http_404" f"http_401" "no_token_endpoint" '
    for codes, causes, _ in rows("What a launch that fails says"):
        assert {code.strip("` ") for code in codes.split(",")} <= set(WORDS)
        named = [cause.strip("` ") for cause in causes.split(",") if cause.strip()]
        missing = [cause for cause in named if f'"{cause}"' not in text and not cause.endswith("_origin")]
        assert missing == []


def test_the_example_of_the_guide_is_one_that_both_take(tmp_path: Path) -> None:
    text = (ROOT / "docs/ehr-registry.md").read_text().split("## An example\n", 1)[1].split("\n## ", 1)[0]
    (tmp_path / "ehrs.toml").write_text(textwrap.dedent(text))
    for name in ("kindred-2027", "kindred-2026", "kindred-bulk"):
        (tmp_path / f"{name}.jwk.json").write_text(json.dumps(ec_key(kid=name)))
        (tmp_path / f"{name}.jwk.json").chmod(0o600)
    north = read_registry(tmp_path / "ehrs.toml")["north"]
    assert north.notes and north.hooks and north.hooks.quiet_days == 30
    assert BulkClient.from_registry(tmp_path / "ehrs.toml", "north").group == "all-patients"
