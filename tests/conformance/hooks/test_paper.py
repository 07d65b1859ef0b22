"""docs/cds-hooks.md names tests that are there, and codes and causes that the code has."""

import re
from pathlib import Path

from app.hooks.answers import WORDS

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[3]
PAPER = (ROOT / "docs/cds-hooks.md").read_text()


def names() -> str:
    """All names of tests in this folder, each on a line of its own."""
    found = re.findall(r"def (test_\w+)", "".join(path.read_text() for path in HERE.glob("test_*.py")))
    return "\n".join(found)


def test_every_test_that_is_named_is_there() -> None:
    table = PAPER.split("## Requirements", 1)[1]
    named = [one.rpartition("::")[2] for one in re.findall(r"`((?:[\w.]+::)?…?(?:test_)?\w+_\w+…?)`", table)
             if "test_" in one or "…" in one]  # fmt: skip
    missing = [one for one in named if not re.search(one.strip("…").replace("…", r"\w*"), names())]
    assert len(named) > 25 and missing == []
    files = set(re.findall(r"`(tests/[\w/]+\.py)`", table))
    assert files and all((ROOT / file).is_file() for file in files)


def test_every_refusal_is_in_the_table_with_its_status() -> None:
    table = PAPER.split("## What a call that fails says", 1)[1].split("\n## ", 1)[0]
    told = {(int(status), code) for status, code in re.findall(r"(\d{3}) `(\w+)`", table)}
    unsaid = {"method", "misdirected", "internal"}  # of any web server, and faults of ours
    assert told == {(status, code) for code, (status, _) in WORDS.items() if code not in unsaid}


def test_every_cause_of_a_401_is_in_the_table() -> None:
    source = (ROOT / "app/hooks/caller.py").read_text()
    causes = set(re.findall(r'Refused\("unauthorized", "(\w+)"', source)) - {"jwks_failed_lately"}
    row = next(line for line in PAPER.splitlines() if line.startswith("| 401 "))
    assert causes <= set(re.findall(r"`(\w+)`", row))
