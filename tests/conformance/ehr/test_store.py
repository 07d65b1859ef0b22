"""The store: what it keeps of good and bad lines, and what bulk export reads from it."""

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from fhir_fixtures.ehr.dates import interval, isoformat
from fhir_fixtures.ehr.index import keys
from fhir_fixtures.ehr.search import Order
from fhir_fixtures.ehr.sources import Folder
from fhir_fixtures.ehr.store import Selection, Store, in_list


def line(kind: str, **resource: Any) -> tuple[str, bytes]:
    return kind, orjson.dumps({"resourceType": kind, **resource})


def patients(*ids: str) -> list[tuple[str, bytes]]:
    return [line("Patient", id=patient) for patient in ids]


def observation(number: int, patient: str, updated: str = "2026-01-01T00:00:00Z") -> tuple[str, bytes]:
    subject = {"reference": f"Patient/{patient}"}
    return line("Observation", id=f"o{number}", subject=subject, meta={"lastUpdated": updated})


def bodies(store: Store, kind: str, selection: Selection = Selection(), **more: Any) -> list[str]:  # noqa: B008
    return [orjson.loads(body)["id"] for chunk in store.chunks(kind, selection, **more) for _, body in chunk]


BAD = {
    b"{broken": "broken_json",
    b"\xff\xfe": "broken_json",
    b'{"resourceType":"Observation","id":"x","valueQuantity":{"value":NaN}}': "broken_json",
    b"[1]": "not_an_object",
    b'{"resourceType":"Observation"}': "no_id",
    b'{"resourceType":"Observation","id":7}': "no_id",
    b'{"resourceType":"Banana","id":"x"}': "wrong_type",
    b'{"id":"x"}': "wrong_type",
}


@pytest.mark.parametrize("bad", BAD)
def test_an_unusable_line_is_counted_kept_for_export_and_ends_nothing(tmp_path: Path, bad: bytes) -> None:
    given = [*patients("a"), observation(1, "a"), ("Observation", bad), observation(2, "a")]
    store = Store.build(tmp_path, given)
    assert bodies(store, "Observation") == ["o1", "o2"]
    assert list(store.oddities("Observation")) == [bad]
    assert store.oddity_counts() == {BAD[bad]: 1}


ODD = [
    {"code": [1, 2], "category": "x", "status": 7, "subject": "Patient/a", "meta": [], "component": {}},
    {"code": {"coding": {"code": "x"}}, "category": [None, 3], "component": [None], "identifier": "x"},
    {"effectiveDateTime": "0000-01-01", "issued": 5, "subject": {"reference": 7}},
    {"effectiveDateTime": "0001-01-01", "subject": {"reference": "Patient/"}},
    {"effectivePeriod": {"start": "x", "end": []}, "code": {"coding": [{"code": None, "system": 3}]}},
    {"effectiveDateTime": "3000-01-01T00:00:00+14:00", "valueQuantity": {"value": 1e308}},
    {"code": {"coding": [{"system": "a\nb", "code": "c\nd"}]}},
]


@pytest.mark.parametrize("odd", ODD)
def test_odd_content_in_a_resource_is_kept_as_it_came(tmp_path: Path, odd: dict[str, Any]) -> None:
    kind, body = line("Observation", id="odd", **odd)
    store = Store.build(tmp_path, [(kind, body)])
    assert store.read("Observation", "odd") == body


def test_a_line_of_ten_megabytes_is_kept(tmp_path: Path) -> None:
    store = Store.build(tmp_path, [line("Observation", id="long", note=[{"text": "x" * 10_000_000}])])
    assert len(store.read("Observation", "long") or b"") > 10_000_000


def test_chunks_give_every_line_once_in_order_and_can_resume(tmp_path: Path) -> None:
    store = Store.build(tmp_path, [*patients("a"), *(observation(n, "a") for n in range(25))])
    chunks = list(store.chunks("Observation", size=10))
    assert [len(chunk) for chunk in chunks] == [10, 10, 5]
    assert bodies(store, "Observation") == [f"o{n}" for n in range(25)]
    assert bodies(store, "Observation", after=chunks[1][-1][0]) == [f"o{n}" for n in range(20, 25)]


def test_selections_narrow_by_patient_group_compartment_and_instant(tmp_path: Path) -> None:
    group = line("Group", id="two", member=[{"entity": {"reference": "Patient/b"}}])
    lines = [
        *patients("a", "b"), observation(1, "a"), observation(2, "b", "2026-05-01T00:00:00Z"),
        line("Observation", id="o3"), group,
    ]  # fmt: skip
    store = Store.build(tmp_path, lines)
    may = datetime(2026, 5, 1, tzinfo=UTC)
    april = datetime(2026, 4, 1, tzinfo=UTC)
    assert bodies(store, "Observation", Selection(patients=frozenset("a"))) == ["o1"]
    assert bodies(store, "Observation", Selection(patients=frozenset())) == []
    assert bodies(store, "Observation", Selection(group="two")) == ["o2"]
    assert bodies(store, "Observation", Selection(group="none")) == []
    assert bodies(store, "Observation", Selection(group="all")) == ["o1", "o2"]
    assert bodies(store, "Observation", Selection(compartment=True)) == ["o1", "o2"]
    assert bodies(store, "Observation", Selection(since=april)) == ["o2"]
    assert bodies(store, "Observation", Selection(since=may)) == []
    assert bodies(store, "Observation", Selection(until=april)) == ["o1", "o3"]


def test_counts_and_types(tmp_path: Path) -> None:
    store = Store.build(tmp_path, [*patients("a", "b"), observation(1, "a"), ("Condition", b"{")])
    assert store.types() == ["Condition", "Group", "Observation", "Patient", "Practitioner"]
    assert store.counts(["Patient", "Observation"]) == {"Observation": 1, "Patient": 2}
    assert store.counts(["Patient", "Observation"], Selection(patients=frozenset("b"))) == {"Patient": 1}


def test_the_groups_are_all_and_a_half_that_depends_on_ids_alone(tmp_path: Path) -> None:
    everyone = [f"p{n}" for n in range(200)]
    store = Store.build(tmp_path, patients(*everyone))
    assert bodies(store, "Patient", Selection(group="all")) == everyone
    north = bodies(store, "Patient", Selection(group="clinic-north"))
    assert 70 < len(north) < 130
    body = store.read("Group", "clinic-north")
    assert body is not None
    assert orjson.loads(body)["quantity"] == len(north)
    again = Store.build(tmp_path / "again", patients(*reversed(everyone)))
    assert sorted(bodies(again, "Patient", Selection(group="clinic-north"))) == sorted(north)


def test_of_repeated_resources_the_newest_is_read_and_all_are_exported(tmp_path: Path) -> None:
    old, new = observation(1, "a", "2026-01-01T00:00:00Z"), observation(1, "a", "2026-02-01T00:00:00Z")
    store = Store.build(tmp_path, [new, old])
    assert store.read("Observation", "o1") == new[1]
    assert bodies(store, "Observation") == ["o1", "o1"]


@pytest.mark.parametrize("where", ["patient = ?", in_list("patient", ["p0"]).sql])
@pytest.mark.parametrize("statistics", ["those of the build", "misleading", "none"])
def test_one_patients_resources_are_found_in_order_by_index_however_many_others_there_are(
    tmp_path: Path, where: str, statistics: str
) -> None:
    everyone = [f"p{n}" for n in range(50)]
    store = Store.build(tmp_path, [*patients(*everyone), *(observation(n, f"p{n % 50}") for n in range(3000))])
    told = {"misleading": "UPDATE sqlite_stat1 SET stat = '66528 201' WHERE idx = 'by_type'",  # as of 500 people
            "none": "DELETE FROM sqlite_stat1"}  # fmt: skip
    store.connection().execute(told.get(statistics, "SELECT 1"))
    store.close()  # a connection reads them once
    tail = Order().sql + " LIMIT 1001"
    sql = f"SELECT row, body FROM resource WHERE current AND ((type = ?) AND ({where}) AND (patient = ?)) {tail}"
    plan = store.connection().execute(f"EXPLAIN QUERY PLAN {sql}", ("Observation", "p0", "p0")).fetchall()
    assert [step[3] for step in plan] == ["SEARCH resource USING INDEX by_patient (patient=? AND type=?)"]


def test_a_build_that_fails_leaves_no_store(tmp_path: Path) -> None:
    def failing() -> Any:
        yield from patients("a")
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        Store.build(tmp_path, failing())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        Store(tmp_path)


def test_a_folder_is_read_plain_and_gzipped_and_bad_lines_have_a_place(tmp_path: Path) -> None:
    (tmp_path / "Patient.ndjson").write_bytes(b"\n".join(body for _, body in patients("a", "b")) + b"\n\n")
    with gzip.open(tmp_path / "Observation.000.ndjson.gz", "wb") as file:
        file.write(observation(1, "a")[1] + b"\r\n{broken\n")
    (tmp_path / "notes.txt").write_text("ignored")
    source = Folder(tmp_path)
    store = Store.build(tmp_path / "store", source.lines(), places=source.place)
    assert bodies(store, "Patient") == ["a", "b"]
    assert store.connection().execute("SELECT reason, place FROM oddity").fetchall() == [
        ("broken_json", "Observation.000.ndjson.gz:2")
    ]


def test_a_folder_without_ndjson_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no"):
        Folder(tmp_path)


CUT = gzip.compress(b'{"resourceType":"Patient"}' * 99)[:-12]


@pytest.mark.parametrize("content", [b"no gzip", CUT], ids=["no gzip", "cut"])
def test_a_file_that_is_cut_off_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "Patient.ndjson.gz").write_bytes(content)
    with pytest.raises(ValueError, match=r"Patient\.ndjson\.gz is not a whole gzip file"):
        list(Folder(tmp_path).lines())


@pytest.mark.parametrize(("value", "start", "end"), [
    ("2026", "2026-01-01T00:00:00.000Z", "2026-12-31T23:59:59.999Z"),
    ("2024-02", "2024-02-01T00:00:00.000Z", "2024-02-29T23:59:59.999Z"),
    ("2026-06-30", "2026-06-30T00:00:00.000Z", "2026-06-30T23:59:59.999Z"),
    ("2026-06-30T12:00:00+02:00", "2026-06-30T10:00:00.000Z", "2026-06-30T10:00:00.999Z"),
    ("2026-06-30T12:00:00.5Z", "2026-06-30T12:00:00.500Z", "2026-06-30T12:00:00.500Z"),
    ("2026-06-30T12:00Z", "2026-06-30T12:00:00.000Z", "2026-06-30T12:00:59.999Z"),
])  # fmt: skip
def test_a_date_is_the_range_it_covers(value: str, start: str, end: str) -> None:
    found = interval(value)
    assert found is not None
    assert (isoformat(found[0]), isoformat(found[1])) == (start, end)


@pytest.mark.parametrize(
    "value", ["", "x", "0000", "2026-13", "2026-02-30", "20260630", "yesterday", 2026, None, "2026-06-30Tx"]
)
def test_what_is_no_date_has_no_range(value: object) -> None:
    assert interval(value) is None


@pytest.mark.parametrize(("reference", "patient"), [
    ("Patient/a", "a"), ("http://x.example/fhir/Patient/a", "a"), ("Patient/a/_history/2", "a"),
    ("Practitioner/a", None), ("urn:uuid:a", None), ("NotPatient/a", None), ("", None),
])  # fmt: skip
def test_the_patient_is_taken_from_literal_references(reference: str, patient: str | None) -> None:
    assert keys({"subject": {"reference": reference}}, "Observation", "o").patient == patient
