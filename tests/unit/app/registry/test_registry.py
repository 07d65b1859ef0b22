"""A wrong registry stops the start with a sentence that names file, line, table and key, and never the value."""

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
    ("key", "value", "line", "says"),
    [
        ("issuer", None, 1, "[north] issuer: missing"),
        ("issuer", '"http://ehr.example.org/fhir"', 2, "[north] issuer: must be https"),
        ("issuer", '"https://user:pw-secret@ehr.example.org"', 2, "[north] issuer: not a URL"),
        ("issuer", '"https://ehr.example.org/fhir?x=1"', 2, "[north] issuer: must have no query"),
        ("issuer", '"https://ehr.example.org/fhir?"', 2, "[north] issuer: must have no query"),
        ("issuer", '"https://ehr.example.org:0/fhir"', 2, "[north] issuer: not a URL"),
        ("issuer", '"https://ehr.example.org:99999/fhir"', 2, "[north] issuer: not a URL"),
        ("issuer", '"https://klinik-süd.example/fhir"', 2, "in ASCII"),
        ("issuer", '" https://ehr.example.org/fhir"', 2, "[north] issuer: must have no space"),
        ("issuer", '"https:///fhir"', 2, "[north] issuer: not a URL"),
        ("client_id", "7", 4, "[north.app] client_id: missing or not a text"),
        ("client_id", '"a\\nb"', 4, "[north.app] client_id: must have no space around it and no line break"),
        ("client_auth", None, 3, "[north.app] client_auth: missing"),
        ("client_auth", '"magic-secret"', 5, "[north.app] client_auth: must be one of"),
        ("client_auth", '"client_secret_basic"', 3, "[north.app] client_secret: missing"),
        ("client_auth", '"private_key_jwt"', 3, "[north.app] private_key: missing"),
        ("client_secret", '"magic-secret"', 8, '[north.app] client_secret: belongs to client_auth = "client_secret_'),
        ("private_key", '"k.json"', 8, '[north.app] private_key: belongs to client_auth = "private_key_jwt"'),
        ("redirect_uri", '"https://kindred.example.org/back"', 6, "[north.app] redirect_uri: its path must be"),
        ("scopes", '"launch openid"', 7, "[north.app] scopes: nothing lets the app read the patient"),
        ("scopes", '"launch patient/Condition.rs"', 7, "[north.app] scopes: nothing lets the app read the patient"),
        ("scopes", '"launch patient/Patient.rs magic.secret"', 7, "[north.app] scopes: word 3 is no scope of an app"),
        ("scopes", '"patient/Patient.rs system/*.rs"', 7, "[north.app] scopes: word 2 is no scope of an app"),
        ("scopes", '"patient/Patient.rs patient/Observaton.rs"', 7,
         "[north.app] scopes: word 2 names no resource type of FHIR R4; did you mean Observation?"),
        ("scopes", '"patient/Patient.rs user/Zebra.read"', 7, "scopes: word 2 names no resource type of FHIR R4."),
        ("hosts", '"https://x.example"', 8, "[north.app] hosts: must be a list"),
        ("hosts", '["https://x.example/path"]', 8, "[north.app] hosts: an origin is"),
        ("hosts", '[\n"https://y.example",\n"http://x.example"]', 8, "[north.app] hosts: must be https"),
        ("frame_ancestors", '["https://x.example; script-src *"]', 8, "[north.app] frame_ancestors"),
        ("frame_ancestors", '["https://*.example"]', 8, "[north.app] frame_ancestors: an origin is"),
        ("authorize_method", '"post"', 8, "[north.app] authorize_method: must be one of GET, POST"),
        ("headers", '"x"', 8, "[north.app] headers: must be a table"),
        ("headers", '{ Authorization = "magic-secret" }', 8, "[north.app] headers: one of them is no header name, or"),
        ("headers", '{ "X Y" = "magic-secret" }', 8, "[north.app] headers: one of them is no header name, or"),
        ("headers", '{ X-Y = "magic\\r\\nSecret: x" }', 8, "[north.app] headers: each value is one line"),
        ("today", '"2026-06-30"', 8, "[north.app] today: must be a date without quotes"),
        ("sandbox", '"yes"', 8, "[north.app] sandbox: must be true or false"),
        ("redirect_url", '"x"', 8, "[north.app] redirect_url: not a known key; did you mean redirect_uri?"),
        ("publish_keys", '"k.json"', 8, "[north.app] publish_keys: must be a list of texts"),
    ],
)
def test_each_mistake_is_named_by_line_table_and_key(
    tmp_path: Path, key: str, value: str | None, line: int, says: str
) -> None:
    path = registry(tmp_path, **{key: value})
    with pytest.raises(ConfigError) as caught:
        read_registry(path)
    assert says in str(caught.value) and str(caught.value).startswith(f"{path}:{line}: [north")
    assert "secret@" not in str(caught.value) and "magic" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[north]\nisuer = "x"\n[north.app]\n', ":2: [north] isuer: not a known key; did you mean issuer?"),
        ('[north]\nissuer = "https://a.example"\n\n[north.ap]\n', ":4: [north] ap: not a known key; did you mean"),
        ('[north]\napp = 7\n', ":2: [north] app: must be a table"),
        ('["north wing".app]\n', ":1: [north wing]: an EHR's name has letters"),
        ('[a]\nissuer = "https://a.example"\nnotes = "x"\n[a.app]\n', ":4: [a.app] client_auth: missing"),
        ("[north", ":1: not valid TOML"),
        ('[north]\nissuer = "secret', ":2: not valid TOML"),
        ('[north]\nissuer = ["secret",\n\n', ":3: not valid TOML"),
        ("", ": no EHR has"),
        ("a = 1", ":1: [a]: stands outside of any table"),
    ],
)
def test_a_file_that_is_no_registry_is_named_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "ehrs.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_registry(tmp_path / "ehrs.toml")
    assert str(caught.value).startswith(f"{tmp_path / 'ehrs.toml'}{says}")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("other", ["https://ehr.example.org/fhir", "https://EHR.example.org/fhir/"])
def test_two_ehrs_may_not_share_an_issuer(tmp_path: Path, other: str) -> None:
    path = registry(tmp_path)
    second = path.read_text().replace("north", "south").replace("https://ehr.example.org/fhir", other)
    path.write_text(path.read_text() + second)
    with pytest.raises(ConfigError, match=r":9: \[south\] issuer: already used by \[north\]"):
        read_registry(path)


def test_a_secret_in_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = registry(tmp_path, client_auth='"client_secret_basic"', client_secret='"magic"')
    with pytest.raises(ConfigError, match=r":8: \[north.app\] client_secret: others can read this file"):
        read_registry(path)
    path.chmod(0o600)
    assert read_registry(path)["north"].client_secret == "magic"


def test_all_that_can_be_said_of_an_ehr_is_read(tmp_path: Path) -> None:
    path = registry(
        tmp_path, hosts='["https://Files.example:443"]', frame_ancestors='["https://ehr.example.org"]',
        authorize_method='"POST"', headers='{ Epic-Client-ID = "abc" }', sandbox="true",
    )  # fmt: skip
    more = 'notes = ["Changes take a night"]\n[north.bulk]\n[north.app]'
    path.write_text(path.read_text().replace("[north.app]", more))
    ehr = read_registry(path)["north"]
    assert (ehr.authorize_method, dict(ehr.headers), ehr.notes) == (
        "POST", {"Epic-Client-ID": "abc"}, ("Changes take a night",),
    )  # fmt: skip
    assert ehr.hosts == ("https://files.example",) and ehr.is_synthetic


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://EHR.example:443/fhir", "https://ehr.example"),
        ("HTTPS://ehr.example", "https://ehr.example"),
        ("https://ehr.example:", "https://ehr.example"),
        ("https://ehr.example:00443/", "https://ehr.example"),
        ("https://ehr.example:80/", "https://ehr.example:80"),
        ("http://ehr.example:80?x=https://evil.example", "http://ehr.example"),
        ("https://ehr.example#@evil.example/", "https://ehr.example"),
        ("https://ehr.example?@evil.example/", "https://ehr.example"),
        ("https://ehr.example/\\@evil.example", "https://ehr.example"),
        ("https://my_ehr.example", "https://my_ehr.example"),
        ("http://127.0.0.1:9400/fhir", "http://127.0.0.1:9400"),
        ("http://[::1]:9400/x", "http://[::1]:9400"),
        ("http://[0:0:0:0:0:0:0:1]:80/x", "http://[::1]"),
        ("https://[2001:DB8::A]", "https://[2001:db8::a]"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "https://ehr.example\\@evil.example/", "https://evil.example\\.ehr.example/", "https:\\\\ehr.example/",
        "https://me@ehr.example/", "https://@ehr.example/", "https://:@ehr.example/", "https://ehr.example@/",
        "https://ehr.exa\tmple/", "https://ehr.example\n/", "\x00https://ehr.example/", "https://ehr.example/\r\nX: 1",
        " https://ehr.example/", "https://ehr.example/ ", "https://ehr.example /", "https://ehr.example\u2028/",
        "https://ehr.example./", "https://ehr..example/", "https://.ehr.example/", "https://./",
        "https://ehr%2eexample/", "https://ehr.example%00.evil.example/", "https://ehr.example;.evil.example/",
        "https://ｅｈｒ.example/", "https://ehr。example/", "https://klinik-süd.example/",
        "https://ehr.example:0/", "https://ehr.example:65536/", "https://ehr.example:+443/", "https://ehr.example:4_43/",
        "https://ehr.example:４４３/", "https://ehr.example:443:443/", "https://ehr.example:port/",
        "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.0.0.1.2/",
        "http://127.0.0.0x1/", "http://[::1/", "http://::1/", "http://[::1%25lo]/", "http://[::1]evil.example/",
        "http://[127.0.0.1]/", "http://[v1.x]/", "//ehr.example/", "ehr.example",
        "https:ehr.example", "https:/ehr.example", "https:///ehr.example", "ftp://ehr.example/",
        "javascript://ehr.example/%0aalert(1)", "wss://ehr.example/", "",
    ],
)  # fmt: skip
def test_what_two_programs_could_read_as_two_addresses_is_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        origin_of(url)


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
    path.chmod(0o600)
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


@pytest.mark.parametrize(
    ("url", "takes"),
    [
        ("https://ehr.example.org/fhir/Patient/p1", True),
        ("https://ehr.example.org/fhir", True),
        ("https://ehr.example.org/fhir?_getpages=1", True),
        ("https://EHR.example.org:443/fhir/x?next=../..", True),
        ("https://files.example:8443/any/where", True),
        ("https://ehr.example.org/", False),
        ("https://ehr.example.org/fhir2/Patient/p1", False),  # another tenant beside this one
        ("https://ehr.example.org/FHIR/Patient", False),
        ("https://ehr.example.org/fhir/../admin", False),
        ("https://ehr.example.org/fhir/%2E%2e/admin", False),
        ("https://ehr.example.org/fhir/..%2Fadmin", False),
        ("https://ehr.example.org/fhir/..\\admin", False),
        ("http://ehr.example.org/fhir/Patient", False),
        ("https://ehr.example.org:8443/fhir/Patient", False),
        ("https://ehr.example.org.evil.example/fhir/Patient", False),
        ("https://ehr.example.org@evil.example/fhir/Patient", False),
        ("https://user:pw@ehr.example.org/fhir/Patient", False),
        ("https://ehr.example.org\\@evil.example/fhir/Patient", False),
        ("https://ehr.example.org./fhir/Patient", False),
        ("https://ehr.exam\tple.org/fhir/Patient", False),
        ("https://files.example:8443\\@evil.example/", False),
        ("https://files.example/fhir", False),
        ("//ehr.example.org/fhir", False),
        ("javascript:1", False),
        ("http://[broken", False),
        ("", False),
    ],
)
def test_where_a_token_may_go(tmp_path: Path, url: str, takes: bool) -> None:
    ehr = read_registry(registry(tmp_path, hosts='["https://files.example:8443"]'))["north"]
    assert ehr.takes_token(url) is takes


HOOKS = {"issuer": '"https://ehr.example.org"', "jwks_url": '"https://keys.example.org/jwks"'}
FROM_FILE = {"jwks_url": None, "jwks": '"keys.json"'}
PUBLIC = {"kty": "EC", "crv": "P-384", "kid": "1", "alg": "ES384",
          "x": "46SDH7Znh821wblCBglA61sNE9ZrHYKKt3qRtRTmSXyOI_FIGBLWrWa0GPUkDCEk",
          "y": "XMcRuuoGW7CXjQdy-F5i3FeBE0x9hPLdeFdSoDd3ELmx404tLX0VRRcqzAsPhXcI"}  # fmt: skip


def with_hooks(folder: Path, key_set: object = None, **changes: str | None) -> Path:
    path = registry(folder)
    (folder / "keys.json").write_text(json.dumps(key_set))
    values = {key: value for key, value in (HOOKS | changes).items() if value is not None}
    written = "".join(f"{key} = {value}\n" for key, value in values.items())
    path.write_text(f"{path.read_text()}[north.hooks]\n{written}")
    return path


def test_a_table_of_hooks_makes_the_ehr_a_cds_client(tmp_path: Path) -> None:
    ehr = read_registry(with_hooks(tmp_path, origins='["https://page.example"]', quiet_days="7"))["north"]
    assert ehr.hooks is not None
    assert (ehr.hooks.issuer, ehr.hooks.origins, ehr.hooks.quiet_days) == (
        "https://ehr.example.org", ("https://page.example",), 7,
    )  # fmt: skip
    assert ehr.key_origins - ehr.allowed_origins == {"https://keys.example.org"}  # tokens never travel there
    assert not ehr.takes_token("https://keys.example.org/jwks")


def test_the_keys_of_a_cds_client_may_come_as_a_file(tmp_path: Path) -> None:
    ehr = read_registry(with_hooks(tmp_path, {"keys": [PUBLIC]}, jwks_url=None, jwks='"keys.json"'))["north"]
    assert ehr.hooks is not None and (ehr.hooks.jwks_url, ehr.hooks.keys) == (None, (PUBLIC,))
    assert ehr.key_origins == ehr.allowed_origins


@pytest.mark.parametrize(("key_set", "changes", "says"), [
    (None, {"issuer": None}, ":8: [north.hooks] issuer: missing"),
    (None, {"issuer": '"http://ehr.example.org"'}, ":9: [north.hooks] issuer: must be https"),
    (None, {"jwks_url": None}, ":8: [north.hooks] jwks_url: give either"),
    (None, {"jwks": '"keys.json"'}, ":10: [north.hooks] jwks_url: give either"),
    (None, {"jwks_url": '"https://x.example/?a=magic-secret"'}, ":10: [north.hooks] jwks_url: must have no query"),
    (None, {"origins": '["https://*.example"]'}, ":11: [north.hooks] origins: an origin is"),
    (None, {"quiet_days": "-1"}, ":11: [north.hooks] quiet_days: must be a whole number from 0 to 365"),
    (None, {"quiet_days": "true"}, ":11: [north.hooks] quiet_days: must be a whole number"),
    (None, {"quiet_day": "1"}, ":11: [north.hooks] quiet_day: not a known key; did you mean quiet_days?"),
    (None, {"jwks_url": None, "jwks": '"none.json"'}, "none.json cannot be read"),
    ([], FROM_FILE, "keys.json must hold a key set"),
    ({"keys": []}, FROM_FILE, "keys.json must hold a key set"),
    ({"keys": [PUBLIC | {"d": "magic-secret"}]}, FROM_FILE, "must hold public keys alone"),
    ({"keys": [{"kty": "oct", "k": "magic-secret"}]}, FROM_FILE, "must hold public keys alone"),
    ({"keys": [PUBLIC | {"y": "A"}]}, FROM_FILE, "one of them is no such key"),
])  # fmt: skip
def test_each_mistake_of_a_table_of_hooks_is_named(
    tmp_path: Path, key_set: object, changes: dict[str, str | None], says: str
) -> None:
    with pytest.raises(ConfigError) as error:
        read_registry(with_hooks(tmp_path, key_set, **changes))
    assert says in str(error.value) and "magic-secret" not in str(error.value)


def test_two_ehrs_cannot_share_a_signer(tmp_path: Path) -> None:
    path = with_hooks(tmp_path)
    text = path.read_text()
    path.write_text(text + text.replace("north", "south").replace("ehr.example.org/fhir", "s.example/fhir"))
    with pytest.raises(ConfigError, match=r"\[south.hooks\] issuer: already used by \[north.hooks\]"):
        read_registry(path)
