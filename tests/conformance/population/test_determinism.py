"""The same seed gives the same bytes: on every machine, with any number of workers, in a population of any size."""

from __future__ import annotations

import hashlib
import itertools
from datetime import date
from types import GeneratorType

import pytest

from fhir_fixtures.population import Person, generate, shared_resources
from fhir_fixtures.population.people import AHEAD

FIRST_FIVE_OF_SEED_7 = "ddc7b4854b0d1af07c54dafaed653de2641aab68c93a4518776f519c63e9a532"


def digest(people: list[Person]) -> str:
    total = hashlib.sha256()
    for person in people:
        total.update(f"{person.id} {person.truth.archetype} {person.truth.risk} {person.story}\n".encode())
        for kind, line in person.lines:
            total.update(kind.encode() + b" " + line + b"\n")
    return total.hexdigest()


def test_the_first_people_of_seed_7_are_pinned() -> None:
    assert digest(list(generate(5, seed=7))) == FIRST_FIVE_OF_SEED_7


def test_two_workers_give_the_same_people_in_the_same_order(people: list[Person]) -> None:
    assert list(generate(45, seed=7, workers=2)) == people[:45]


def test_a_person_does_not_depend_on_the_size_of_the_population(people: list[Person]) -> None:
    assert list(generate(12, seed=7)) == people[:12]


def test_another_seed_and_another_end_give_other_people(people: list[Person]) -> None:
    assert next(generate(1, seed=8)).lines != people[0].lines
    assert next(generate(1, seed=7, until=date(2025, 6, 30))).lines != people[0].lines


def test_nothing_is_generated_before_it_is_asked_for() -> None:
    stream = generate(10**9, seed=7)
    assert [person.story for person in itertools.islice(stream, 1)] == ["Rising HbA1c, few visits"]


def test_workers_run_only_a_little_ahead_and_stop_when_the_reader_stops() -> None:
    """Memory stays bounded however slow the reader is."""
    stream = generate(20_000, seed=7, workers=2)
    assert isinstance(stream, GeneratorType)
    try:
        assert next(stream).id == next(generate(1, seed=7)).id
        assert stream.gi_frame is not None and len(stream.gi_frame.f_locals["waiting"]) < 2 * AHEAD
    finally:
        stream.close()


@pytest.mark.parametrize(("patients", "workers"), [(-1, 1), (5, 0)])
def test_impossible_sizes_are_refused(patients: int, workers: int) -> None:
    with pytest.raises(ValueError, match="patients"):
        generate(patients, seed=7, workers=workers)


def test_shared_resources_are_always_the_same() -> None:
    kinds = [kind for kind, _ in shared_resources()]
    assert kinds == ["Organization"] * 3 + ["Location"] * 3 + ["Practitioner"] * 4
    assert shared_resources() == shared_resources()
