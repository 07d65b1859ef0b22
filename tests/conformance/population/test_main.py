"""The command writes one file per resource type, and the truth apart."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from click.testing import CliRunner

from fhir_fixtures.population.__main__ import main


def test_files_by_type_and_truth_apart(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--patients", "6", "--seed", "3", "--out", str(tmp_path / "a"),
                                       "--until", "2025-06-30"])
    assert result.exit_code == 0 and result.stdout == "" and "6 patients" in result.stderr
    for path in (tmp_path / "a").glob("*.ndjson"):
        kinds = {json.loads(line)["resourceType"] for line in path.read_text("utf-8").splitlines()}
        assert kinds == {path.stem}
    truth = list(csv.DictReader((tmp_path / "a" / "truth.csv").read_text("utf-8").splitlines()))
    ids = [json.loads(line)["id"] for line in (tmp_path / "a" / "Patient.ndjson").read_text("utf-8").splitlines()]
    assert [row["patient"] for row in truth] == ids and len(ids) == 6
    assert all(0 < float(row["risk"]) < 1 and row["archetype"] for row in truth)
    assert "archetype" not in (tmp_path / "a" / "Patient.ndjson").read_text("utf-8")


def test_a_wrong_command_line_ends_with_2() -> None:
    assert CliRunner().invoke(main, ["--patients", "-1", "--seed", "3", "--out", "x"]).exit_code == 2
