"""The evidence of a release from feature tables in a lake, with a real Spark: columns, fits at earlier dates, and what
is said where the history does not reach back far enough."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics import build, suppression
from analytics.definitions import catalogue
from analytics.evidence import evidence, temporal
from analytics.evidence.people import people
from analytics.lake import Lake
from analytics.risk_groups import fitting

EHR, EXPORT, AS_OF = "test", "20260701T000000Z-abcd", date(2026, 6, 30)
DAYS = build.dates(AS_OF, 1)
N, SEED = 900, 20260630
RISKS = (0.05, 0.2, 0.6)
Change = Callable[[dict[str, Any]], None]


def columns(day: date, seed: int) -> dict[str, Any]:
    """Three planted kinds of people, the same at every date; the last 40 have had no contact."""
    rng, kind = np.random.default_rng(seed), np.arange(N) % 3
    found: dict[str, Any] = {name: np.zeros(N) for name in catalogue.features()}
    found |= {
        "subject_id": [f"p{number:04}" for number in range(N)],
        "age": 35.0 + 18 * kind + rng.normal(0, 4, N), "female": (np.arange(N) // 3 % 2).astype(float),
        "charlson_2011": 2.0 * kind + rng.integers(0, 2, N), "stays_12m": 2.0 * kind + rng.integers(0, 2, N),
        "care_days_12m": 3.0 + 6 * kind + rng.integers(0, 3, N),
        "race": [("White", "Asian", None)[number % 3] if number % 5 else "White" for number in range(N)],
        "ethnicity": ["Not Hispanic or Latino"] * N,
        "outcome": (rng.random(N) < np.array(RISKS)[kind]).astype(float),
    }  # fmt: skip
    assert found.keys() <= catalogue.features().keys() | {"subject_id", "race", "ethnicity", "outcome"}
    found["outcome"][N - 40 :] = np.arange(40) < 4
    found["care_days_24m"] = found["care_days_12m"] + rng.poisson(5, N)
    found["days_since_contact"] = np.where(np.arange(N) < N - 40, 20.0, 800.0)
    return found


def written(folder: Path, days: list[date], change: Change = lambda _: None) -> Lake:
    """A lake with the feature tables of these dates; the newest has no outcomes."""
    lake = Lake(f"file://{folder}")
    for place, day in enumerate(days):
        cells = columns(day, place)
        change(cells)
        table = pa.table(cells)
        outcome = pa.array(cells["outcome"]).cast(pa.int32()) if place else pa.nulls(N, pa.int32())
        table = table.set_column(table.schema.get_field_index("outcome"), "outcome", outcome)
        target = lake.features(EHR, EXPORT, day)
        made = {"layout": build.LAYOUT, "definitions_hash": catalogue.definitions_hash(),
                "outcomes_until": days[place - 1].isoformat() if place else None}  # fmt: skip
        lake.write_json(f"{target}/made.json", made)
        pq.write_table(table, f"{lake.local(target)}/part-0.parquet")
        lake.write_counts(target, N, N, {})
        lake.finish(target)
    return lake


def rows_of(spark: Any, lake: Lake, day: date) -> Any:
    return spark.read.parquet(f"{lake.url(lake.features(EHR, EXPORT, day))}/part-*")


def release(spark: Any, lake: Lake) -> dict[str, Any]:
    """What `fit` would write, as far as evidence reads it."""
    rows = rows_of(spark, lake, DAYS[1])
    model = fitting.fitted(rows, ("k_means", 3), SEED)
    found = people(rows, model)
    order = [place for place, _ in temporal.ranked(found["rank"], found["outcome"])[0]]
    groups = []
    for rank, place in enumerate(order, start=1):
        outcome = found["outcome"][found["rank"] == place]
        said = suppression.rate(len(outcome), len(outcome), int(outcome.sum()))
        group = next(one for one in model["groups"] if one["rank"] == place)
        groups.append(group | said | {"rank": rank, "name": f"group {rank}"})
    return model | {
        "ehr": EHR, "export_id": EXPORT, "as_of": AS_OF.isoformat(), "index_date": DAYS[1].isoformat(),
        "groups": groups, "choice": {"family": "k_means", "k": 3},
    }  # fmt: skip


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return written(tmp_path_factory.mktemp("lake"), DAYS)


@pytest.fixture(scope="module")
def model(spark: Any, lake: Lake) -> dict[str, Any]:
    return release(spark, lake)


@pytest.fixture(scope="module")
def found(spark: Any, lake: Lake, model: dict[str, Any]) -> dict[str, Any]:
    return evidence(spark, lake, model)


def test_the_planted_risks_are_found_again(found: dict[str, Any]) -> None:
    rates = [group["rate"] for group in found["groups"] if group["rate"] is not None]
    assert rates == pytest.approx(RISKS, abs=0.06)
    ratios = [group["standardised"] and group["standardised"]["ratio"] for group in found["groups"]]
    assert ratios[0] == 1.0 or ratios[1] == 1.0
    assert found["discrimination"]["rank"]["c"] > 0.75
    assert all(found["discrimination"][name] is not None for name in ("age_sex", "charlson", "prior_admissions"))


def test_it_is_all_of_the_contract_and_is_json(found: dict[str, Any]) -> None:
    assert found.keys() >= {"groups", "discrimination", "calibration", "screening", "subgroups", "temporal"}
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {row["by"] for row in found["subgroups"]} == {"sex", "age_band", "race", "ethnicity"}
    assert [row["top"] for row in found["screening"]] == [0.01, 0.05, 0.1]


def test_the_method_is_tried_at_the_earlier_date_and_tested_on_the_year_after(found: dict[str, Any]) -> None:
    first = found["temporal"][0]
    assert (first["fitted_at"], first["tested_at"]) == (DAYS[2].isoformat(), DAYS[1].isoformat())
    assert first["why_not"] is None and first["people"] == N
    assert first["c"]["c"] > 0.75 and first["age_sex"]["c"] > 0.7 and first["adjusted_rand_index"] > 0.9
    assert [row["rank"] for row in first["calibration"]] == [1, 2, 3, 4]
    assert found["calibration"] == first["calibration"]
    highest = first["calibration"][-1]
    assert highest["expected"] == pytest.approx(0.6, abs=0.1) and highest["low"] < highest["expected"] < highest["high"]


def test_a_hidden_number_of_the_release_does_not_follow_from_the_calibration(found: dict[str, Any]) -> None:
    """The people without contact are 40 with few events, which the release hides."""
    assert any(group["events"] is None for group in found["groups"])
    assert sum(row["observed"] is None for row in found["calibration"]) >= 2


def test_what_was_not_built_is_said(found: dict[str, Any]) -> None:
    second = found["temporal"][1]
    assert second["fitted_at"] is second["tested_at"] is second["c"] is None
    assert "KINDRED_EARLIER_DATES" in second["why_not"]


@pytest.mark.parametrize(
    ("change", "why_not"),
    [
        (lambda cells: cells.update(care_days_24m=cells["care_days_12m"]), "history does not reach back"),
        (lambda cells: cells.update(outcome=np.where(np.arange(N) < 30, 1.0, 0.0)), "Fewer than 50 people"),
    ],
)
def test_a_test_that_cannot_be_made_is_said_instead_of_made(
    spark: Any, tmp_path: Path, model: dict[str, Any], change: Change, why_not: str
) -> None:
    short = written(tmp_path, DAYS, change)
    told = temporal.temporal(lambda day: rows_of(spark, short, day), model, DAYS[1:], SEED)
    assert why_not in told[0]["why_not"] and told[0]["c"] is None and told[0]["calibration"] == []


def test_the_columns_are_in_the_order_of_ids_whatever_the_files(spark: Any, lake: Lake, model: dict[str, Any]) -> None:
    rows = rows_of(spark, lake, DAYS[1])
    one, other = people(rows, model), people(rows.repartition(5, "age"), model)
    assert all(np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f")
               for name in ("outcome", "age", "rank", "firmness"))  # fmt: skip
    assert one["race"] == other["race"]


def test_race_and_ethnicity_place_nobody(spark: Any, lake: Lake, model: dict[str, Any]) -> None:
    """Turned round in the table, the fit and everyone's group stay the same."""
    rows = rows_of(spark, lake, DAYS[1])
    turned = rows.withColumnsRenamed({"race": "was", "ethnicity": "race"}).withColumnRenamed("was", "ethnicity")
    again = fitting.fitted(turned, ("k_means", 3), SEED)
    assert again["features"] == model["features"] and not {"race", "ethnicity"} & set(again["features"])
    centres = [sorted(one["centre"] for one in each["groups"] if one["centre"]) for each in (again, model)]
    assert centres[0] == centres[1]
    assert np.array_equal(people(turned, model)["rank"], people(rows, model)["rank"])
