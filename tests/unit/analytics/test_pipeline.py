"""The order of the steps: each one says which comes before it. No Spark starts here."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from analytics import build, load
from analytics.config import Settings
from analytics.definitions import catalogue
from analytics.errors import ConfigError, DataError, KindredError, ReleaseError
from analytics.lake import Lake
from analytics.pipeline import Pipeline, only_ehr
from analytics.publish import current
from tests.unit.analytics.releases import write_release


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"KINDRED_HOME": str(tmp_path)})


def register(settings: Settings, *names: str) -> None:
    settings.ehrs.write_text("".join(f'[{name}]\nissuer = "https://{name}.example/fhir"\n' for name in names))


def exported(settings: Settings) -> Lake:
    lake = Lake(settings.lake)
    lake.write_json(f"{lake.export('a', '20260701T000000Z')}/manifest.json", {"since": None})
    lake.finish(lake.export("a", "20260701T000000Z"))
    return lake


@pytest.mark.parametrize(
    ("step", "error", "said"),
    [
        ("load", DataError, "no finished export of a. Run `kindred export a` first."),
        ("build", DataError, "no finished export of a"),
        ("fit", DataError, "no finished export of a"),
        ("publish", ReleaseError, "no release of a in the lake. Run `kindred fit` first."),
    ],
)
def test_nothing_is_there_yet(settings: Settings, step: str, error: type[KindredError], said: str) -> None:
    with pytest.raises(error, match=said):
        getattr(Pipeline(settings, "a"), step)()


def test_an_export_that_is_not_loaded_or_built(settings: Settings) -> None:
    register(settings, "a")
    exported(settings)
    with pytest.raises(DataError, match=r"20260701T000000Z is not loaded .* Run `kindred load` first\."):
        Pipeline(settings, "a").build(date(2026, 6, 30))
    with pytest.raises(DataError, match="Run `kindred build --as-of 2026-06-30` first"):
        Pipeline(settings, "a").fit(date(2026, 6, 30))
    with pytest.raises(DataError, match="No features were built from the export 20260701T000000Z"):
        Pipeline(settings, "a").fit()


def test_what_other_definitions_made_is_made_again(settings: Settings) -> None:
    """Else a release would carry the hash of definitions that its features never saw."""
    register(settings, "a")
    lake = exported(settings)
    for one, made in (
        (lake.events("a", "20260701T000000Z"), {"events": 9, "definitions_hash": "old"}),
        (lake.features("a", "20260701T000000Z", "2026-06-30"), {"outcomes_until": None, "definitions_hash": "old"}),
        (lake.features("a", "20260701T000000Z", "2025-06-30"), {"outcomes_until": "2026-06-30"}),
    ):
        lake.write_json(f"{one}/events.json", made)
        lake.write_json(f"{one}/made.json", {"definitions_hash": "old"} | made)
        lake.finish(one)
    with pytest.raises(DataError, match="not loaded with these definitions"):
        Pipeline(settings, "a").build(date(2026, 6, 30))
    with pytest.raises(DataError, match=r"not built .* with these definitions"):
        Pipeline(settings, "a").fit()


def test_what_was_made_for_another_fhir_base_is_made_again(settings: Settings) -> None:
    """Whose an absolute reference is has changed with the registry."""
    register(settings, "a")
    lake = exported(settings)
    events = lake.events("a", "20260701T000000Z")
    same = {"events": 9, "definitions_hash": catalogue.definitions_hash(), "format": load.FORMAT,
            "duckdb": duckdb.__version__}
    for base, there in (("https://a.example/fhir", True), ("https://b.example/fhir", False), (None, False)):
        lake.write_json(f"{events}/events.json", same | {"fhir_base": base})
        lake.finish(events)
        assert load.loaded(lake, "a", "20260701T000000Z", Pipeline(settings, "a").base) is there
    features = {day: lake.features("a", "20260701T000000Z", day) for day in ("2026-06-30", "2025-06-30")}
    made = {"layout": build.LAYOUT, "definitions_hash": same["definitions_hash"], "outcomes_until": "2026-06-30"}
    for base, there in ((None, True), ("https://a.example/fhir", False)):
        for folder in features.values():
            lake.write_json(f"{folder}/made.json", made | {"fhir_base": base})
            lake.finish(folder)
        assert build.built(lake, "a", "20260701T000000Z", date(2026, 6, 30)) is there


@pytest.mark.parametrize("engine", [duckdb.__version__, "0.0.1", None])
def test_what_another_duckdb_made_is_made_again(settings: Settings, engine: str | None) -> None:
    """A version's digest is DuckDB's own hash, and nobody promises that the next DuckDB hashes alike."""
    register(settings, "a")
    lake, events = exported(settings), Lake(settings.lake).events("a", "20260701T000000Z")
    lake.write_json(f"{events}/events.json", {
        "events": 9, "definitions_hash": catalogue.definitions_hash(), "format": load.FORMAT,
        "fhir_base": "https://a.example/fhir", "duckdb": engine})
    lake.finish(events)
    ours = engine == duckdb.__version__
    assert load.loaded(lake, "a", "20260701T000000Z", "https://a.example/fhir") is ours
    assert load.other_engine(lake, "a", "20260701T000000Z") == (None if ours else engine)
    if not ours:
        with pytest.raises(DataError, match=rf"this DuckDB \({duckdb.__version__}\)\. Run `kindred load` first"):
            Pipeline(settings, "a").build(date(2026, 6, 30))


def test_an_unfinished_export_is_none(settings: Settings) -> None:
    lake = exported(settings)
    lake.write_json(f"{lake.export('a', '20260702T000000Z')}/manifest.json", {})
    assert Pipeline(settings, "a").newest_export() == "20260701T000000Z"


def test_the_release_made_last_is_published(settings: Settings) -> None:
    """Ids start with the as-of date, so the newest is not the last by name."""
    lake = Lake(settings.lake)
    write_release(lake, "a", "20260630-aaaaaaaa", [("p", 1, None, None)], created_at="2026-07-03T00:00:00+00:00")
    write_release(lake, "a", "20260801-bbbbbbbb", [("p", 1, None, None)], created_at="2026-07-02T00:00:00+00:00")
    pipeline = Pipeline(settings, "a")
    assert pipeline.publish() == "20260630-aaaaaaaa"
    assert pipeline.counts == {"publish": {"read": 1, "kept": 1, "dropped": {}}}
    assert pipeline.publish("20260801-bbbbbbbb") == "20260801-bbbbbbbb"
    found = current(settings.database, "a")
    assert found and found["release_id"] == "20260801-bbbbbbbb"


def test_the_only_registered_ehr_needs_no_name(settings: Settings) -> None:
    register(settings, "a")
    assert only_ehr(settings, None) == only_ehr(settings, "a") == "a"


@pytest.mark.parametrize(
    ("names", "named", "said"),
    [
        (("a", "b"), None, "It is not clear which EHR is meant; .* has: a, b. Name one of them."),
        ((), None, "has: none"),
        (("a", "b"), "c", "'c' is not a registered EHR"),
        (("a",), "", "'' is not a registered EHR"),
        (("a",), "../a", "'../a' is not a registered EHR"),
    ],
)
def test_which_ehr_must_be_clear(settings: Settings, names: tuple[str, ...], named: str | None, said: str) -> None:
    register(settings, *names)
    with pytest.raises(ConfigError, match=said):
        only_ehr(settings, named)
