"""The hand-written patients are what their README says: each file holds the edge it is named after."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import fhir_fixtures

CASES = Path(fhir_fixtures.__file__).parent / "cases"
NAMES = sorted(path.stem for path in CASES.glob("*.ndjson"))
NOT_VALID = {"broken_lines", "dates_out_of_range"}


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / f"{name}.ndjson").read_text("utf-8").splitlines()]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in NAMES if name not in NOT_VALID])
def test_a_case_is_valid_r4_of_one_patient(name: str) -> None:
    for row in rows(name):
        kind = row["resourceType"]
        getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind).model_validate(row)
    assert [row["resourceType"] for row in rows(name)].count("Patient") == 1


def test_every_case_has_its_reason_in_the_readme() -> None:
    readme = (CASES.parent / "README.md").read_text("utf-8")
    assert len(NAMES) == 10 and [name for name in NAMES if f"`{name}`" not in readme] == []


def test_no_data_holds_the_patient_alone() -> None:
    assert [row["resourceType"] for row in rows("no_data")] == ["Patient"]


def test_versions_differ_in_last_updated_and_come_in_any_order() -> None:
    ldl = [row for row in rows("duplicates_and_versions") if row["id"] == "dv-ldl"]
    assert [row["valueQuantity"]["value"] for row in sorted(ldl, key=lambda r: r["meta"]["lastUpdated"])] == [181, 118]
    assert ldl[0]["status"] == "final"


def test_dates_out_of_range_reach_from_year_1_to_3000() -> None:
    text = (CASES / "dates_out_of_range.ndjson").read_text("utf-8")
    assert '"0001-01-01' in text and '"3000-01-01' in text


def test_broken_lines_hold_each_kind_of_damage() -> None:
    lines = (CASES / "broken_lines.ndjson").read_text("utf-8").splitlines()
    broken = []
    for line in lines:
        try:
            json.loads(line)
        except json.JSONDecodeError:
            broken.append(line)
    sound = [json.loads(line) for line in lines if line not in broken]
    objects = [row for row in sound if isinstance(row, dict)]
    assert len(broken) == 2 and len(sound) - len(objects) == 2
    assert any("id" not in row for row in objects) and any("subject" not in row for row in objects[1:])
    assert any(row.get("resourceType") == "Spaceship" for row in objects)
    values = [row["valueQuantity"]["value"] for row in objects if "valueQuantity" in row]
    assert 1e308 in values and "NaN" in values
