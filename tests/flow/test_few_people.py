"""A release of so few people runs to its end, and says in plain sentences what they cannot support: fifty generated
people, and Synthea's fifty where they lie beside the repository."""

import gzip
import json
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from analytics import build, suppression
from analytics.definitions.events import resource_types
from analytics.lake import Lake
from analytics.risk_groups import fit
from fhir_fixtures.population import generate
from tests.parity.batch import AS_OF, EXPORT, SYNTHEA, export, loaded, shared_of


def generated() -> list[bytes]:
    return [line for person in generate(50, 5) for _, line in person.lines]


def synthea() -> list[bytes]:
    files = [path for path in sorted(SYNTHEA.glob("*.ndjson.gz")) if path.name.split(".")[0] in resource_types()]
    return [line for path in files for line in gzip.decompress(path.read_bytes()).splitlines()]


@pytest.fixture(scope="module", params=[generated, *([synthea] if SYNTHEA.is_dir() else [])])
def model(request: pytest.FixtureRequest, spark: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    lake = export(tmp_path_factory.mktemp("few"), request.param())
    events = loaded(lake)[0]
    as_of = newest_care(events)
    dates = [as_of, build.index_date(as_of)]
    write_features(lake, build._rows(shared_of(events), dates), dates)
    return fit._fit(spark, lake, "test", EXPORT, as_of, bootstraps=3)


def newest_care(events: pa.Table) -> date:
    """As `build.newest_care` finds it; Synthea's years ended before ours."""
    times = events.filter(pc.starts_with(events.column("resource"), "Encounter/")).column("time")
    return min(pc.max(times).as_py().date(), AS_OF)


def write_features(lake: Lake, rows: pa.Table, dates: list[date]) -> None:
    for day in dates:
        alive = rows.filter((pc.field("as_of") == pa.scalar(day)) & (pc.field("died") == 0)).drop(["died", "as_of"])
        folder = lake.features("test", EXPORT, day)
        lake.write_counts(folder, len(alive), len(alive), {})
        pq.write_table(alive, lake.local(f"{folder}/part-00000.parquet"))


def test_it_says_that_they_are_too_few_for_groups(model: dict[str, Any]) -> None:
    assert any("people had contact" in one and "nothing here should guide care" in one for one in model["limits"])


def test_it_says_that_too_few_had_the_outcome(model: dict[str, Any]) -> None:
    """Of ten people or fewer no rate is shown, and that is said; otherwise more than ten are shown."""
    said = any("no rate, no order of risk" in one for one in model["limits"])
    assert said or sum(group["events"] or 0 for group in model["groups"]) > suppression.largest_hidden()


def test_one_to_ten_people_stand_nowhere(model: dict[str, Any]) -> None:
    numbers = [group[name] for group in model["groups"] for name in ("n", "followed", "events")]
    numbers += [leaf["n"] for leaf in (model["surrogate"] or {"leaves": []})["leaves"]]
    numbers += [one["smallest"] for one in model["choice"]["candidates"]]
    assert not [number for number in numbers if number and suppression.small(number)]


def test_it_can_be_written_down(model: dict[str, Any]) -> None:
    assert len(json.dumps(model, allow_nan=False)) > 1_000 and "NaN" not in str(model)
