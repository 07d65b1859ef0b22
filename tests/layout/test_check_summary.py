"""`scripts/check-summary` accepts a summary that adds up and names what does not."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.layout.sources import ROOT

GOOD: dict[str, Any] = {
    "counts": {"load": {"read": 10, "kept": 8, "dropped": {"broken": 1, "no_id": 1}}},
    "groups": [{"rank": 1, "name": "few visits", "n": 60, "outcome_rate": 0.1}],
    "launch": {"status": 200, "patient": "p1", "group": "few visits", "reasons": 3},
    "seconds": {"load": 1.5},
}


def check(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    file = folder / "summary.json"
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, str(ROOT / "scripts" / "check-summary"), str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_adds_up_is_one_line(tmp_path: Path) -> None:
    result = check(tmp_path, json.dumps(GOOD))
    assert result.returncode == 0 and result.stdout.count("\n") == 1 and "launch 200" in result.stdout


def test_a_group_of_one_to_ten_people_tells_neither_number_nor_rate(tmp_path: Path) -> None:
    hidden = {"rank": 2, "name": "no contact", "n": None, "outcome_rate": None}
    assert check(tmp_path, json.dumps(GOOD | {"groups": [*GOOD["groups"], hidden]})).returncode == 0


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("counts", "load", "kept"), 9, "load: read 10 is not kept 9 + dropped 2"),
        (("counts", "load"), {"read": 1, "kept": 0, "dropped": {"x": 1}}, "load: kept nothing"),
        (("counts",), {}, "no step left counts"),
        (("groups",), [], "no group"),
        (("groups", 0, "rank"), 2, "ranks are not"),
        (("groups", 0, "outcome_rate"), 1.2, "outcome rate 1.2"),
        (("groups", 0, "n"), 0, "group 1: n 0"),
        (("groups", 0, "n"), 10, "group 1: n 10"),
        (("groups", 0, "n"), None, "group 1: n None, outcome rate 0.1"),
        (("launch", "status"), 500, "launch: status 500"),
        (("launch", "reasons"), 0, "0 reasons"),
        (("launch", "group"), None, "group None"),
        (("launch",), None, "shape agreed on"),
    ],
)
def test_what_does_not_hold_is_named(tmp_path: Path, path: tuple[Any, ...], value: object, said: str) -> None:
    summary = copy.deepcopy(GOOD)
    holder: Any = summary
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    result = check(tmp_path, json.dumps(summary))
    assert result.returncode == 1 and said in result.stderr


def test_text_that_is_not_json_is_said(tmp_path: Path) -> None:
    assert "not one JSON object" in check(tmp_path, "Traceback ...").stderr
