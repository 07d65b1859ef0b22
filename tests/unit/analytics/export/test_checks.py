"""What a person may ask of an export, and what is refused in words."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from analytics.definitions.resource_types import R4_TYPES
from analytics.errors import ConfigError
from analytics.export import checks

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(("text", "utc"), [
    ("2026-06-30T00:00:00Z", datetime(2026, 6, 30, tzinfo=UTC)),
    ("2026-06-30T02:00:00+02:00", datetime(2026, 6, 30, tzinfo=UTC)),
    ("2024-02-29T23:59:59.123456789-05:00", datetime(2024, 3, 1, 4, 59, 59, 123456, tzinfo=UTC))])
def test_an_instant_is_read(text: str, utc: datetime) -> None:
    assert checks.instant("--since", text, NOON) == utc


@pytest.mark.parametrize(("text", "why"), [
    ("yesterday", "not an instant"), ("2026-06-30", "not an instant"), ("2026-06-30T00:00:00", "not an instant"),
    ("2026-06-30 00:00:00Z", "not an instant"), ("2026-06-30T00:00Z", "not an instant"), ("", "not an instant"),
    ("2026-02-30T00:00:00Z", "no date and time"), ("2026-06-30T25:00:00Z", "no date and time"),
    ("2026-06-30T12:00:01Z", "lies in the future")])
def test_what_is_no_instant_is_refused_with_an_example(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        checks.instant("--until", text, NOON)
    assert "--until 2026-06-30T00:00:00Z" in caught.value.next_step


@pytest.mark.parametrize(("name", "near"), [
    ("patient", "Patient"), ("Observatoin", "Observation"), ("Medications", "Medication"), ("Zebra", None)])
def test_a_slip_in_a_type_gets_the_nearest_one(name: str, near: str | None) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' is not a resource type") as caught:
        checks.resource_type("--types", name)
    assert caught.value.next_step == (f"Did you mean {near}?" if near else
                                      "Write names as FHIR does, such as --types Patient,Condition.")


def test_the_types_are_those_of_fhir_r4() -> None:
    assert len(R4_TYPES) == 146
    assert {"Patient", "MedicinalProduct", "SubstanceSpecification"} <= R4_TYPES
    assert not {"Resource", "DomainResource", "Citation"} & R4_TYPES


@pytest.mark.parametrize(("check", "wrong"), [
    (lambda: checks.type_filter("Observation", ("Observation",)), "not of the form"),
    (lambda: checks.type_filter("Observation?code", ("Observation",)), "not of the form"),
    (lambda: checks.type_filter("Observation?code=a b", ("Observation",)), "not of the form"),
    (lambda: checks.type_filter("Condition?code=a", ("Observation",)), "not among the types"),
    (lambda: checks.type_filter("Observation?_sort=date", ("Observation",)), "cannot hold _sort"),
    (lambda: checks.elements(("Patient id",), ("Patient",)), "not an element"),
    (lambda: checks.elements(("Condition.id",), ("Patient",)), "not among the types"),
    (lambda: checks.associated(("Everything",)), "not known to Bulk Data"),
])
def test_what_no_server_could_honour_is_refused(check: Callable[[], None], wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        check()


def test_ids_are_counted_and_never_repeated() -> None:
    with pytest.raises(ConfigError, match="2 of 3 are no FHIR ids") as caught:
        checks.fhir_ids("--patient", ("a-1", "Jane Doe", "x" * 65))
    assert "Jane" not in str(caught.value)
