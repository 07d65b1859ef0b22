"""Input that is wrong ends nothing: each line is counted and quarantined with its file and line, and no command ever
prints or keeps what was on it."""

import contextlib
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from analytics import cli
from analytics.definitions import live
from analytics.errors import SparkError
from analytics.pipeline import Pipeline, only_ehr
from analytics.spark import spark_step
from fhir_fixtures.population import generate, shared_resources
from tests.flow.way import Lines, Way, way

CANARY = "ZZCANARY"
HUGE = 10_000_000


def observation(number: int, **elements: Any) -> bytes:
    code = {"coding": [{"system": "http://loinc.org", "code": "4548-4", "display": CANARY}]}
    subject = {"reference": f"Patient/{CANARY}-1"}
    value = {"value": 6.1, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    given = {"resourceType": "Observation", "id": f"{CANARY}-o{number}", "status": "final", "code": code,
             "subject": subject, "effectiveDateTime": "2026-05-01T08:00:00Z", "valueQuantity": value,
             "note": [{"text": CANARY}], **elements}  # fmt: skip
    return orjson.dumps({name: value for name, value in given.items() if value is not None})


# Each line that is wrong in one way, and what it is called; None where it is no fault.
BAD: list[tuple[bytes, str | None]] = [
    (b'{"resourceType":"Observation","id":"ZZCANARY","status":"fin', "broken_json"),
    (b"ZZCANARY", "broken_json"),
    (b'{"resourceType":"Observation","id":"ZZCANARY","note":"\xff\xfe"}', "not_utf8"),
    (observation(1, id=None), "no_id"),
    (observation(2, id="ZZCANARY/with spaces "), "no_id"),
    (observation(3, subject=None), "no_subject"),
    (observation(4, resourceType="Observatoin"), "unused_type"),
    (observation(5, resourceType=None), "no_type"),
    (b'"ZZCANARY"', "no_type"),
    (b"[]", "no_type"),
    (observation(6, effectiveDateTime="0001-01-01T00:00:00Z"), "date_out_of_range"),
    (observation(7, effectiveDateTime="3000-01-01T00:00:00Z"), "date_out_of_range"),
    (observation(8, effectiveDateTime=f"{CANARY} May"), "date_unreadable"),
    (observation(9).replace(b"6.1", b"1e308"), "value_out_of_range"),
    (observation(10).replace(b"6.1", b"1e400"), "value_not_a_number"),
    (observation(11).replace(b"6.1", b'"NaN"'), "value_not_a_number"),
    (observation(12, note=[{"text": "x" * HUGE}]), "line_too_long"),
    (observation(13), None),
    (observation(14, subject={"reference": f"https://other.example/fhir/Patient/{CANARY}-1"}), "subject_elsewhere"),
    (observation(15, subject={"reference": f"#{CANARY}-1"}), "no_subject"),
]


def patient(number: int, **elements: Any) -> bytes:
    given = {"resourceType": "Patient", "id": f"{CANARY}-{number}", "gender": "female", "birthDate": "1961-05-01",
             "name": [{"family": CANARY}]}  # fmt: skip
    return orjson.dumps(given | elements)


@dataclass
class Run:
    """What the commands printed, and the home in which they ran."""

    way: Way
    printed: dict[str, str]
    out: dict[str, str]

    def events(self) -> Path:
        (folder,) = (self.way.settings.home / "lake/sandbox/events").glob("[0-9]*")
        return folder


def good() -> Lines:
    lines = [line for person in generate(60, 5) for line in person.lines] + list(shared_resources())
    return [*lines, ("Patient", patient(1)), ("Patient", patient(2, birthDate="0001"))]


def place(home: Path) -> Path:
    """The one Observation file of the export; a server that is broken enough to send BAD has done so."""
    (export,) = (home / "lake/sandbox/exports").glob("[0-9]*")
    return export / "Observation" / "00000.ndjson"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, spark: Any) -> Iterator[Run]:
    """Every command in turn, over an export whose first Observation file begins with the bad lines."""
    folder = tmp_path_factory.mktemp("bad")
    with way(folder, spark, good(), faults="broken-lines") as home, pytest.MonkeyPatch.context() as m:
        m.setenv("KINDRED_HOME", str(home.settings.home))
        m.setattr("analytics.spark.session", lambda settings: spark)
        m.setattr(cli, "_pipeline", lambda settings, ehr: Pipeline(settings, only_ehr(settings, ehr), bootstraps=2))
        done = Run(home, {}, {})
        for words in ("export sandbox", "load", "build", "fit", "publish", "status", "status --json"):
            m.setattr(sys, "argv", ["kindred", *words.split()])
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                cli.main()
            done.printed[words], done.out[words] = out.getvalue() + err.getvalue(), out.getvalue()
            if words.startswith("export"):
                file = place(home.settings.home)
                file.write_bytes(b"".join(line + b"\n" for line, _ in BAD) + file.read_bytes())
        yield done


def test_nothing_ended(run: Run) -> None:
    assert json.loads(run.out["status --json"])["releases"][0]["current"]


def test_each_bad_line_is_quarantined_with_file_and_line(run: Run) -> None:
    file = place(run.way.settings.home)
    said = str(file.relative_to(run.way.settings.home / "lake"))
    rows = [json.loads(line) for line in (run.events() / "quarantine.ndjson").read_text().splitlines()]
    found = {row["line"]: row["reason"] for row in rows if row["file"] == said and row["line"] <= len(BAD)}
    assert found == {number: reason for number, (_, reason) in enumerate(BAD, start=1) if reason}
    assert {tuple(row) for row in rows} == {("file", "line", "reason")}


def test_what_the_server_itself_sent_wrong_is_found_too(run: Run) -> None:
    """The sandbox's fault `broken-lines`: nine lines."""
    rows = [json.loads(line) for line in (run.events() / "quarantine.ndjson").read_text().splitlines()]
    observations = [row["reason"] for row in rows if "/Observation/" in row["file"] and row["line"] > len(BAD)]
    assert sorted(observations) == [
        "broken_json", "date_out_of_range", "date_out_of_range", "line_too_long", "no_id", "no_subject", "unused_type",
        "value_not_a_number", "value_out_of_range",
    ]  # fmt: skip


def test_the_counts_hold_every_line(run: Run) -> None:
    counts = json.loads((run.events() / "counts.json").read_text())
    export = place(run.way.settings.home).parent.parent
    lines = sum(file.read_bytes().count(b"\n") for file in export.glob("*/*.ndjson"))
    assert counts["read"] == lines == counts["kept"] + sum(counts["dropped"].values())
    rows = (run.events() / "quarantine.ndjson").read_text().splitlines()
    assert len(rows) == sum(counts["dropped"].values())


def test_status_names_every_reason_and_its_first_places(run: Run) -> None:
    for reason in {reason for _, reason in BAD if reason}:
        assert f"    {reason}: " in run.out["status"]
    assert "Observation/00000.ndjson:1, " in run.out["status"]


def test_no_command_prints_patient_data(run: Run) -> None:
    names = [json.loads(line)["id"] for kind, line in good() if kind == "Patient"]
    for command, text in run.printed.items():
        assert CANARY not in text, command
        assert not [name for name in names if name in text], command


def test_nothing_of_a_person_is_kept_beside_the_data(run: Run) -> None:
    """Logs, quarantine, counts, manifests and releases: all text in the lake but the export's files."""
    names = [json.loads(line)["id"].encode() for kind, line in good() if kind == "Patient"]
    checked = []
    for file in (run.way.settings.home / "lake").rglob("*"):
        if file.is_file() and file.suffix in (".json", ".ndjson") and not file.parent.name[0].isupper():
            text = file.read_bytes()
            assert CANARY.encode() not in text and not [name for name in names if name in text], file.name
            checked.append(file.name)
    assert {"quarantine.ndjson", "log.ndjson", "release.json", "manifest.json", "counts.json"} <= set(checked)


def test_a_patient_without_any_data_has_features_and_no_group(run: Run) -> None:
    (release,) = (run.way.settings.home / "lake/sandbox/releases").glob("[0-9]*")
    model = json.loads((release / "release.json").read_text())
    found = live.score([patient(2)], date(2026, 6, 30), model)
    assert (found["group"], found["group_hidden"]) == (None, "no_patient_data")


def failing(rows: Any) -> Any:
    raise ValueError(f"cannot read {CANARY}")


def test_sparks_own_errors_say_nothing_of_the_data(spark: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """A failure inside a task, and a failing cast: Spark quotes the value in both."""
    ways = {
        "a task": lambda: spark.sparkContext.parallelize([CANARY], 1).mapPartitions(failing).collect(),
        "a cast": lambda: spark.createDataFrame([(CANARY,)], "v STRING").selectExpr("CAST(v AS DOUBLE)").collect(),
        "a query": lambda: spark.sql(f"SELECT {CANARY}").collect(),
        "an arrow task": lambda: spark.range(1).mapInArrow(failing, "id LONG").collect(),
    }
    for name, fail in ways.items():
        with pytest.raises(SparkError) as failed, spark_step(spark, "Trying", f"do {name}"):
            fail()
        assert CANARY not in str(failed.value) and f"could not do {name}" in str(failed.value), name
        assert failed.value.__suppress_context__
    said = capfd.readouterr()
    assert CANARY not in said.out + said.err
