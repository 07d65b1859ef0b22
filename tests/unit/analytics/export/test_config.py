"""Settings and the bulk part of the registry: read, made absolute, and refused with file, table and key."""

import json
from pathlib import Path

import pytest

from analytics import errors
from analytics.config import BulkClient, Settings, registered_ehrs
from analytics.errors import ConfigError, KindredError
from fhir_fixtures.ehr.keys import new_key


def test_without_environment_everything_lies_in_an_absolute_dot_kindred() -> None:
    settings = Settings.from_environment({})
    home = Path(".kindred").absolute()
    assert settings == Settings(home, f"file://{home}/lake", f"sqlite:///{home}/kindred.db", "local[*]",
                                home / "ehrs.toml", 134_217_728, 5_000_000)


def test_the_environment_wins_and_relative_paths_become_absolute() -> None:
    settings = Settings.from_environment({
        "KINDRED_HOME": "/data", "KINDRED_LAKE": "file://lake", "KINDRED_DATABASE": "sqlite:///own.db",
        "KINDRED_EHRS": "mine.toml", "KINDRED_MAX_LINE_BYTES": "1_000", "KINDRED_SPARK_MASTER": ""})
    here = Path.cwd()
    assert (settings.lake, settings.database) == (f"file://{here}/lake", f"sqlite:///{here}/own.db")
    assert (settings.ehrs, settings.max_line_bytes, settings.spark_master) == (here / "mine.toml", 1000, "local[*]")


@pytest.mark.parametrize(("name", "value"), [
    ("KINDRED_LAKE", "s3://bucket"), ("KINDRED_DATABASE", "kindred.db"), ("KINDRED_FILE_TARGET_BYTES", "-1"),
    ("KINDRED_FILE_TARGET_BYTES", "128 MB"), ("KINDRED_MAX_LINE_BYTES", "0"),
    ("KINDRED_KEEP_RELEASES", "0"), ("KINDRED_KEEP_DAYS", "some"), ("KINDRED_EARLIER_DATES", "10")])
def test_a_wrong_setting_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        Settings.from_environment({name: value})
    assert caught.value.next_step


def test_passwords_are_never_printed() -> None:
    settings = Settings.from_environment({
        "KINDRED_DATABASE": "postgresql+psycopg://kindred:p@ss:word@db.example/kindred?sslpassword=hidden"})
    assert settings.redacted()["database"] == "postgresql+psycopg://kindred:***@db.example/kindred?sslpassword=***"


def registry(folder: Path, **changes: object) -> Path:
    """A registry with one EHR; `changes` replace values of [a.bulk], None removes one."""
    key = dict(new_key("ES384").as_dict(private=True))
    (folder / "key.json").touch(mode=0o600)
    (folder / "key.json").write_text(json.dumps(key))
    bulk: dict[str, object] = {"client_id": "me", "private_key": "key.json", "scopes": "system/*.rs", **changes}
    issuer = bulk.pop("issuer", "https://ehr.example/fhir/")
    table = "".join(f"{key} = {json.dumps(value)}\n" for key, value in bulk.items() if value is not None)
    path = folder / "ehrs.toml"
    path.write_text(f"[a]\nissuer = {json.dumps(issuer)}\n[a.bulk]\n{table}")
    return path


def test_the_bulk_client_is_read_with_its_key_beside_the_registry(tmp_path: Path) -> None:
    client = BulkClient.from_registry(registry(tmp_path, group="all", hosts=["https://files.example"]), "a")
    assert (client.issuer, client.algorithm, client.group) == ("https://ehr.example/fhir", "ES384", "all")
    assert client.hosts == ("https://files.example",)
    assert client.private_key["d"] not in repr(client)
    assert registered_ehrs(tmp_path / "ehrs.toml") == ["a"]


@pytest.mark.parametrize(("changes", "message"), [
    ({"client_id": None}, r"ehrs.toml:3: \[a\.bulk\] client_id is missing"),
    ({"client_id": 7}, r"\[a\.bulk\] client_id is not a text"),
    ({"private_key": "none.json"}, r"\[a\.bulk\] private_key .*none\.json cannot be read"),
    ({"issuer": "http://ehr.example/fhir"}, r"\[a\] issuer is not an https"),
    ({"issuer": "https://ehr.example:port/fhir"}, r"\[a\] issuer is not an https"),
    ({"hosts": "https://files.example"}, r"ehrs.toml:7: \[a\.bulk\] hosts is not a list"),
    ({"hosts": ["https://files.example/x"]}, r"ehrs.toml:7: \[a\.bulk\] hosts holds more than origins"),
    ({"goup": "all"}, r"ehrs.toml:7: \[a\.bulk\] goup is no key of this table. Did you mean group\?"),
])
def test_a_wrong_registry_is_refused_by_file_table_and_key(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        BulkClient.from_registry(registry(tmp_path, **changes), "a")
    assert "ehrs.toml" in caught.value.message


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = registry(tmp_path)
    (tmp_path / "key.json").chmod(0o644)
    with pytest.raises(ConfigError, match=r"mode 0644.*chmod 600"):
        BulkClient.from_registry(path, "a")


@pytest.mark.parametrize(("text", "message"), [
    ("[b]\n", r"no EHR \[a\]; registered: b"), ("[a]\n", r"no table \[a\.bulk\]"), ("[a\n", "toml:1: not valid TOML")])
def test_a_registry_without_the_table_says_so(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "ehrs.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        BulkClient.from_registry(path, "a")


def test_a_missing_registry_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no registry of EHRs"):
        BulkClient.from_registry(tmp_path / "ehrs.toml", "a")


def test_every_error_has_an_exit_code_of_its_own_and_is_listed() -> None:
    kinds = [kind for kind in KindredError.__subclasses__() if kind.__module__.startswith("analytics")]
    codes = [kind.exit_code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert not {0, 1, 2} & set(codes)
    assert all(f"| {kind.exit_code} | {kind.__name__} |" in (errors.__doc__ or "") for kind in kinds)
    assert str(KindredError("No room.", "Make some.")) == "No room. Make some."
