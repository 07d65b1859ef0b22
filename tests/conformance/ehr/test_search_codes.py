"""Long lists of codes: whatever way they are looked up, a list finds what its tokens find one by one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from fhir_fixtures.ehr.search import conditions
from fhir_fixtures.ehr.store import Condition, Store, all_of

LOINC, LOCAL = "http://loinc.org", "u"
CODES: dict[str, list[dict[str, str]]] = {
    "one": [{"system": LOINC, "code": "1"}],
    "two": [{"system": LOINC, "code": "1"}, {"system": LOCAL, "code": "x"}],
    "last": [{"system": LOCAL, "code": "y"}, {"system": LOINC, "code": "2"}],
    "longer": [{"system": LOINC, "code": "11"}],
    "elsewhere": [{"system": LOCAL, "code": "1"}],
    "bare": [{"code": "1"}],
    "none": [],
}
CASES = {
    f"{LOINC}|1": {"one", "two"},
    f"{LOINC}|1,{LOINC}|2": {"one", "two", "last"},
    f"{LOINC}|2,{LOCAL}|x": {"two", "last"},
    f"{LOINC}|2,{LOCAL}|1": {"last", "elsewhere"},
    f"{LOINC}|3,{LOINC}|4": set(),
    f"1,{LOINC}|2": {"one", "two", "last", "elsewhere", "bare"},
    f"|1,{LOINC}|11": {"bare", "longer"},
    f"{LOCAL}|,{LOINC}|11": {"two", "last", "elsewhere", "longer"},
    ",".join(f"{LOINC}|{number}" for number in range(2, 900)): {"last", "longer"},
}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder: Path = tmp_path_factory.mktemp("codes")
    observations = [{"resourceType": "Observation", "id": name, "code": {"coding": codings}}
                    for name, codings in CODES.items()]  # fmt: skip
    built = Store.build(folder, [("Observation", orjson.dumps(one)) for one in observations])
    yield built
    built.close()


@pytest.mark.parametrize("wanted", CASES)
def test_a_list_of_codes_finds_each_of_them(store: Store, wanted: str) -> None:
    assert found(store, "code", wanted) == CASES[wanted]
    assert set().union(*(found(store, "code", one) for one in wanted.split(","))) == CASES[wanted]


@pytest.mark.parametrize("wanted", CASES)
def test_what_a_list_of_codes_leaves_out_has_none_of_them(store: Store, wanted: str) -> None:
    assert found(store, "code:not", wanted) == set(CODES) - CASES[wanted]


def found(store: Store, name: str, value: str) -> set[Any]:
    where, unknown = conditions("Observation", [(name, value)])
    assert not unknown
    return {row[0] for row in store.select("id", all_of([Condition("type = 'Observation'"), *where]))}
