"""The list is whole: every id of the app's side has a test or a reason, and the table says what stands."""

import re

from tests.conformance.smart.requirements import HERE, LEVELS, TABLE, named_tests, requirements, shown_by, table

SPANS = (
    "1-13 20-23 25 26 28 29 32-47 50-52 60-72 90 93 97 98 105-108 117 120-122 124 125 131-133 135 137 141 143 146-148"
    " 150-153 155-158 161 162 166 191 193 195 196 201 202 211 215 216 218-227 229 230 232-239 242 263 264 267 268 270"
    " 284 290-295 298-304 307-309 312-315 317-325 327-334 343 345 375 379 413-416 420 425 426 435"
)  # the client's side of the published list, the withdrawn ones included


def clients() -> set[int]:
    """Every id of the client's side."""
    bounds = [span.partition("-")[::2] for span in SPANS.split()]
    return {number for low, high in bounds for number in range(int(low), int(high or low) + 1)}


def test_every_id_of_the_clients_side_is_in_the_list_once() -> None:
    ids = [row.id for row in requirements()]
    assert len(ids) == len(set(ids)) and ids == sorted(ids)
    assert {row.id for row in requirements() if row.actor == "client"} == clients() and len(clients()) == 173


def test_every_row_has_words_and_a_level() -> None:
    assert {row.level for row in requirements()} <= LEVELS
    assert {row.actor for row in requirements()} == {"client", "server"}
    assert all(row.text.endswith(".") and (row.reason is None or row.reason.endswith(".")) for row in requirements())


def test_every_row_has_either_a_test_or_a_reason() -> None:
    named = named_tests()
    bare = [row.id for row in requirements() if not shown_by(row, named) and not row.reason]
    both = [row.id for row in requirements() if shown_by(row, named) and row.reason]
    assert (bare, both) == ([], [])


def test_every_name_carries_ids_of_the_list_alone() -> None:
    known = {row.id for row in requirements()}
    named = named_tests()
    assert [test.name for test in named if not set(test.ids) <= known or len(set(test.ids)) < len(test.ids)] == []


def test_every_test_of_the_protocol_carries_an_id() -> None:
    files = [path for path in HERE.glob("test_*.py") if path.name != "test_requirements.py"]
    names = [name for path in files for name in re.findall(r"^\s*def (test_\w+)", path.read_text(), re.MULTILINE)]
    assert sorted(names) == sorted(test.name for test in named_tests())
    assert len(names) == len(set(names))


def test_the_table_in_docs_is_up_to_date() -> None:
    assert TABLE.read_text(encoding="utf-8") == table(), "run scripts/smart-requirements"
