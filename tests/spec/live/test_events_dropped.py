"""Why a line gives no events: each reason with its lines; nothing ever raises, and read = kept + dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.definitions import events
from tests.spec.live.fhir import (
    Resource,
    codes,
    condition,
    encounter,
    line,
    observation,
    order,
    patient,
    read,
    reader,
    subject,
)

GOOD = observation("o", "4548-4", 7.1, "%", "2026-01-02")
A_NUMBER = line(GOOD).decode()


def without(key: str, **more: Any) -> Resource:
    return {name: value for name, value in GOOD.items() if name != key} | more


def valued(text: str) -> str:
    return A_NUMBER.replace("7.1", text)


REASONS: dict[str, list[Resource | str | bytes]] = {
    "broken_json": ['{"resourceType":"Observation",', "not json", "{'a': 1}", "{}{}", '{"a": "\\ud800"}', '"'],
    "no_type": [
        "{}",
        "[]",
        '""',
        "null",
        "1",
        '{"resourceType": null}',
        '[{"resourceType": "Observation"}]',
        "[" * 999 + "]" * 999,
    ],
    "unused_type": [
        {"resourceType": "Claim", "id": "1"},
        {"resourceType": "Spaceship"},
        {"resourceType": 5},
        {"resourceType": "patient"},
    ],
    "no_id": [
        without("id"),
        without("id", id=""),
        without("id", id="a b"),
        without("id", id="x" * 65),
        without("id", id="a\x00"),
    ],
    "no_subject": [
        without("subject"),
        without("subject", subject="Patient/p1"),
        without("subject", subject={"display": "x"}),
    ],
    "subject_elsewhere": [
        without("subject", subject={"reference": "https://other.example/fhir/Patient/p1"}),
        without("subject", subject={"reference": "https://other.example/fhir/Patient/p1/_history/2"}),
        {"resourceType": "AllergyIntolerance", "id": "a", "code": codes(("s", "1")),
         "patient": {"reference": "https://other.example/fhir/Patient/p1"}},
    ],
    "no_code": [
        without("code"),
        without("code", code={"text": "HbA1c"}),
        without("code", code=codes(("s", None))),
        without("code", code={"coding": []}),
        order("r", "1", "2026", medicationCodeableConcept={"text": " - "}),
        encounter("e", "IMP", "2026", **{"class": None}),
    ],
    "no_date": [
        without("effectiveDateTime"),
        condition("c", "1", None),
        encounter("e", "AMB", None, "2026"),
        order("r", "1", None),
    ],
    "date_unreadable": [
        without("effectiveDateTime", effectiveDateTime=text)
        for text in ("yesterday", "", "2026-13", "2026-02-30", "02/03/2026", "2026-W05", "now", " 2026")
    ]
    + [
        without("issued", issued="soon"),
        encounter("e", "AMB", "2026", "later"),
        patient(birthDate="1960-13-01"),
        patient(deceasedDateTime="last year"),
        condition("c", "1", "2026", recordedDate="x"),
    ],
    "date_out_of_range": [
        without("effectiveDateTime", effectiveDateTime=text)
        for text in (
            "0001",
            "0001-01-01T00:00:00Z",
            "3000-01-01",
            "1879-12-31",
            "2100-01-02",
            "290000-01-01",
            "infinity",
            "9999-12-31T23:59:59+14:00",
        )
    ]
    + [
        without("issued", issued="3000"),
        encounter("e", "AMB", "2026", "3000"),
        patient(birthDate="0001-01-01"),
        patient(deceasedDateTime="3000"),
        condition("c", "1", "2020", recordedDate="0001"),
    ],
    "value_not_a_number": [valued(text) for text in ('"NaN"', "NaN", "1e400", "-1e400", "Infinity", '"-inf"')],
    "value_out_of_range": [valued(text) for text in ("1e308", "-1e308", "1.000001e15", "9" * 40, '"1e300"')],
    "not_utf8": [b'{"resourceType":"Observation","id":"\xff"}', b"\xfe\xff", A_NUMBER.encode("utf-16")],
    "line_too_long": [valued("1" + "0" * 10_000_000), b"[" * 10_000_000],
}


@pytest.mark.parametrize("reason", REASONS)
def test_lines_that_give_no_events(reason: str) -> None:
    lines = REASONS[reason]
    batch = read(lines)
    assert sorted(batch.dropped) == [(number, reason) for number in range(1, len(lines) + 1)]
    assert (batch.read, batch.kept, batch.events.num_rows) == (len(lines), 0, 0)


def test_the_line_beside_each_of_them_is_kept() -> None:
    for lines in REASONS.values():
        batch = read([lines[0], GOOD])
        assert (batch.read, batch.kept, batch.events["resource"].to_pylist()) == (2, 1, ["Observation/o"])


def test_the_smallest_and_the_largest_values_that_are_kept() -> None:
    values = ["1e15", "-1e15", "0", "-0.0", "5e-324", "1e-400"]
    batch = read([valued(value) for value in values])
    assert batch.events["numeric_value"].to_pylist() == [1e15, -1e15, 0.0, 0.0, 5e-324, 0.0] and batch.dropped == []


def test_a_value_in_a_component_is_checked_too() -> None:
    parts = [{"code": codes(("s", "1")), "valueQuantity": {"value": value}} for value in (1, 1e308)]
    assert read([GOOD | {"component": parts}]).dropped == [(1, "value_out_of_range")]


def test_length_is_counted_in_bytes_and_blank_lines_are_no_resources() -> None:
    body = line(GOOD)
    assert read([body], largest=len(body)).kept == 1
    assert read([body], largest=len(body) - 1).dropped == [(1, "line_too_long")]
    assert read([b"", b"  \t", b"\r\n", body + b"\r\n", b" \n"]).read == 1


def test_numbers_of_lines_count_the_blank_ones() -> None:
    assert read([b"", "x", b"\n", b"\xff"]).dropped == [(2, "broken_json"), (4, "not_utf8")]


@pytest.mark.parametrize("expected", ["", "Observation", "Patient", "Claim"])
def test_types_may_be_mixed_in_a_file_of_any_name(expected: str) -> None:
    lines = [
        GOOD,
        patient(),
        {"resourceType": "Claim", "id": "1"},
        encounter("e", "AMB", "2026"),
        without("id"),
        "{",
        "{}",
    ]
    batch = read(lines, expected)
    assert sorted(batch.dropped) == [(3, "unused_type"), (5, "no_id"), (6, "broken_json"), (7, "no_type")]
    assert sorted(set(batch.events["resource"].to_pylist())) == ["Encounter/e", "Observation/o", "Patient/p1"]


def test_a_second_batch_knows_nothing_of_the_first() -> None:
    read([GOOD, patient(), "{"], "Observation")
    assert read([], "Observation").events.num_rows == 0
    assert read([patient()], "Observation").dropped == []


def test_the_columns_are_those_of_the_contract() -> None:
    assert read([GOOD, patient()]).events.schema == events.EVENT_SCHEMA == read([]).events.schema


SCRAPS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["2026-01-02", "0001", "NaN", "Patient/p1", "Observation", "1e400", "infinity"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "coding",
                    "code",
                    "system",
                    "value",
                    "unit",
                    "reference",
                    "start",
                    "end",
                    "lastUpdated",
                    "url",
                    "extension",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
SOUND: list[Resource] = [
    GOOD,
    patient(),
    condition("c", "1", "2020"),
    encounter("e", "IMP", "2026", "2026-02"),
    order("r", "1", "2026"),
    {
        "resourceType": "Procedure",
        "id": "x",
        "subject": subject(),
        "code": codes(("s", "1")),
        "performedDateTime": "2026",
    },
    {"resourceType": "Medication", "id": "m", "code": codes(("s", "1"))},
    {"resourceType": "AllergyIntolerance", "id": "a", "patient": subject(), "code": codes(("s", "1"))},
    {
        "resourceType": "Immunization",
        "id": "i",
        "patient": subject(),
        "vaccineCode": codes(("s", "1")),
        "occurrenceDateTime": "2026",
    },
]
FIELDS = sorted(
    {key for resource in SOUND for key in resource}
    | {
        "meta",
        "component",
        "effectivePeriod",
        "issued",
        "contained",
        "medicationReference",
        "extension",
        "deceasedBoolean",
        "priority",
        "type",
        "hospitalization",
        "doNotPerform",
        "abatementDateTime",
        "verificationStatus",
        "valueCodeableConcept",
        "dispenseRequest",
    }
)
MUTATED = st.tuples(st.sampled_from(SOUND), st.dictionaries(st.sampled_from(FIELDS), SCRAPS, max_size=3)).map(
    lambda pair: json.dumps(pair[0] | pair[1]).encode(errors="surrogatepass")
)
JSONISH = st.lists(
    st.sampled_from(
        [b"{", b"}", b"[", b"]", b'"', b":", b",", b"resourceType", b"1e999", b"\\u0000", b"\xff", b"\x00"]
    ),
    max_size=8,
).map(b"".join)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    lines=st.lists(MUTATED | JSONISH | st.binary(max_size=12), max_size=40),
    expected=st.sampled_from(["", "Observation", "Patient"]),
)
def test_whatever_the_lines_hold_it_adds_up(lines: list[bytes], expected: str) -> None:
    batch = read(lines, expected)
    numbers = [number for number, _ in batch.dropped]
    assert len(set(numbers)) == len(numbers) and batch.read == sum(1 for text in lines if text.strip())
    assert {reason for _, reason in batch.dropped} <= set(REASONS)
    assert batch.kept >= 0 and (batch.kept == 0) == (batch.events.num_rows == 0)


def test_one_bad_line_changes_nothing_of_how_the_others_are_read() -> None:
    good = [line(observation(f"o{number}", "4548-4", 7.1, "%", "2026-01-02", note=["é – 漢"])) for number in range(3)]
    alone, _ = events.read_lines(enumerate(good, start=1), 1_000)
    for bad in (b"\xff", b"\xed\xa0\x80", b"x" * 1_001):
        beside, dropped = events.read_lines(enumerate([*good, bad], start=1), 1_000)
        assert beside.equals(alone) and [number for number, _ in dropped] == [4]


@pytest.mark.parametrize("bad", [b"", b"{"])
def test_no_line_stays_in_the_reader(bad: bytes) -> None:
    """Whether all went well or not; and the next block of a file lies where this one lay."""
    lines, _ = events.read_lines(enumerate([line(patient("p")), bad], start=1), 1_000)
    assert reader().events_of(lines, "Patient").kept == 1
    assert reader().connection.execute("SELECT count(*) FROM lines").fetchall() == [(0,)]
