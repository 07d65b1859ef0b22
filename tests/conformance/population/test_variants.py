"""Every variant of variants.toml happens at its stated rate, and the README names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

import fhir_fixtures
from fhir_fixtures.population import Person
from fhir_fixtures.population.catalogue import load, rates

Row = dict[str, Any]
Count = tuple[int, int]


def kind(name: str) -> Callable[[Row], bool]:
    return lambda row: row["resourceType"] == name


def measured(row: Row) -> bool:
    return row["resourceType"] == "Observation" and ("valueQuantity" in row or "dataAbsentReason" in row)


def lab(row: Row) -> bool:
    return row["resourceType"] == "Observation" and row["category"][0]["coding"][0]["code"] == "laboratory"


def count(rows: list[Row], of: Callable[[Row], bool], hit: Callable[[Row], bool]) -> Count:
    base = [row for row in rows if of(row)]
    return sum(map(hit, base)), len(base)


FOREIGN = {body["foreign"]["unit"]: body["unit"] for body in load("measures").values() if "foreign" in body}
FOREIGN_LOINC = {loinc[0] for body in load("measures").values() if "foreign" in body for loinc in body["loinc"]}
BP_CODES = {"85354-9", "8480-6"}


def has_foreign(row: Row) -> bool:
    return "valueQuantity" in row and row["code"]["coding"][-1]["code"] in FOREIGN_LOINC


PER_RESOURCE: dict[str, tuple[Callable[[Row], bool], Callable[[Row], bool]]] = {
    "missing_unit": (lambda r: "valueQuantity" in r, lambda r: "unit" not in r["valueQuantity"]),
    "unit_text_only": (lambda r: "valueQuantity" in r,
                       lambda r: "unit" in r["valueQuantity"] and "code" not in r["valueQuantity"]),
    "foreign_unit": (has_foreign, lambda r: r["valueQuantity"].get("unit") in FOREIGN),
    "data_absent": (measured, lambda r: "dataAbsentReason" in r),
    "bp_apart": (lambda r: r["resourceType"] == "Observation" and r["code"]["coding"][0]["code"] in BP_CODES,
                 lambda r: r["code"]["coding"][0]["code"] == "8480-6"),
    "local_coding": (lab, lambda r: len(r["code"]["coding"]) == 2),
    "entered_in_error": (lambda r: r["resourceType"] in ("Observation", "Condition", "MedicationRequest"),
                         lambda r: "entered-in-error" in (r.get("status"), r.get("verificationStatus", {}).get(
                             "coding", [{}])[0].get("code"))),
    "date_only": (kind("Observation"), lambda r: len(r.get("effectiveDateTime", "-" * 11)) == 10),
    "partial_onset": (kind("Condition"), lambda r: len(r["onsetDateTime"]) < 10),
    "partial_authored": (kind("MedicationRequest"), lambda r: len(r["authoredOn"]) == 7),
    "effective_period": (lab, lambda r: "effectivePeriod" in r),
    "older_version": (kind("Observation"), lambda r: r["status"] == "preliminary"),
    "medication_reference": (kind("MedicationRequest"),
                             lambda r: r.get("medicationReference", {}).get("reference", "#")[0] != "#"),
    "medication_contained": (kind("MedicationRequest"), lambda r: "contained" in r),
    "unknown_smoking": (lambda r: r["resourceType"] == "Observation" and "valueCodeableConcept" in r,
                        lambda r: r["valueCodeableConcept"]["coding"][0]["code"] == "266927001"),
}
ELSEWHERE = {"comparator", "duplicate_line", "snomed_only", "icd10_only", "stale_active", "no_contact_to_end",
             "no_contact_gap"}


def near(got: Count, rate: float) -> None:
    hits, base = got
    spread = (rate * (1 - rate) / base) ** 0.5
    assert hits / base == pytest.approx(rate, abs=max(5 * spread, 0.15 * rate)), (hits, base, rate)


@pytest.mark.parametrize("name", sorted(PER_RESOURCE))
def test_rate_of_resources(name: str, resources: list[Row]) -> None:
    of, hit = PER_RESOURCE[name]
    near(count(resources, of, hit), rates()[name])


def test_rate_of_duplicate_lines(people: list[Person]) -> None:
    lines = [line for person in people for _, line in person.lines]
    near((len(lines) - len(set(lines)), len(lines)), rates()["duplicate_line"])


def test_rate_of_people_coded_in_one_system(lives: list[Any]) -> None:
    for name, mode in (("snomed_only", "snomed"), ("icd10_only", "icd10")):
        near((sum(life.profile.coding == mode for life in lives), len(lives)), rates()[name])


def test_one_system_means_one_coding_in_every_condition(people: list[Person]) -> None:
    widths = [{len(row["code"]["coding"]) for _, line in person.lines
               if (row := orjson.loads(line))["resourceType"] == "Condition"} for person in people]
    assert {frozenset(width) for width in widths if width} == {frozenset({1}), frozenset({2})}


def test_rate_of_gaps_that_end(lives: list[Any]) -> None:
    ended = sum(0 < life.profile.gap[1] <= life.profile.until for life in lives)
    alive = sum(life.profile.death is None for life in lives)
    near((ended, alive), rates()["no_contact_gap"])


def test_values_beyond_the_reporting_limit_carry_a_comparator(resources: list[Row]) -> None:
    egfr = [row["valueQuantity"] for row in resources if row["resourceType"] == "Observation"
            and "98979-8" in {coding["code"] for coding in row["code"]["coding"]} and "valueQuantity" in row]
    marked = [quantity for quantity in egfr if "comparator" in quantity]
    plain = [quantity for quantity in egfr if "comparator" not in quantity and quantity["value"] > 90]
    assert all(quantity["comparator"] == ">" and quantity["value"] == 90 for quantity in marked)
    near((len(marked), len(marked) + len(plain)), rates()["comparator"])


def test_lapsed_courses_are_mostly_but_not_always_closed(resources: list[Row]) -> None:
    old = [row for row in resources if row["resourceType"] == "MedicationRequest" and row["authoredOn"] < "2024-06"]
    stale = [row for row in old if row["status"] == "active"]
    assert 0 < len(stale) < 0.05 * len(old)


def test_every_variant_is_counted_here_and_named_in_the_readme() -> None:
    assert set(rates()) == set(PER_RESOURCE) | ELSEWHERE
    readme = (Path(fhir_fixtures.__file__).parent / "README.md").read_text("utf-8")
    assert [name for name in rates() if f"`{name}`" not in readme] == []
