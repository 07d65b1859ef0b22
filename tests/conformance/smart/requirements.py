"""The list of requirements, the tests that show them (found by name), and the table made of both."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TABLE = ROOT / "docs" / "smart-requirements.md"
NAME = re.compile(r"^\s*def (test_req((?:_\d{3})+)_[a-z]\w*)", re.MULTILINE)
LEVELS = {"SHALL", "SHALL NOT", "SHOULD", "SHOULD NOT", "MAY", "withdrawn"}


@dataclass(frozen=True)
class Requirement:
    """One row: what is asked of whom, and, where no test shows it, why not."""

    id: int
    actor: str
    level: str
    text: str
    reason: str | None = None


@dataclass(frozen=True)
class Named:
    """A test whose name carries requirement ids."""

    file: str
    name: str
    ids: tuple[int, ...]


def requirements() -> list[Requirement]:
    """Every row of requirements.toml, in its order."""
    rows = tomllib.loads((HERE / "requirements.toml").read_text(encoding="utf-8"))["requirements"]
    return [Requirement(**row) for row in rows]


def named_tests() -> list[Named]:
    """Every test here that is named by ids, in the order of files and lines."""
    return [
        Named(path.name, found[1], tuple(map(int, found[2].strip("_").split("_"))))
        for path in sorted(HERE.glob("test_*.py"))
        for found in NAME.finditer(path.read_text(encoding="utf-8"))
    ]


def table() -> str:
    """docs/smart-requirements.md."""
    rows, named = requirements(), named_tests()
    ours = [row for row in rows if row.actor == "client"]
    theirs = [row for row in rows if row.actor == "server"]
    return "\n".join([*_head(ours, named), *_rows(ours, named), *_second(theirs), *_rows(theirs, named), ""])


def shown_by(row: Requirement, named: list[Named]) -> list[Named]:
    """The tests that carry this row's id."""
    return [test for test in named if row.id in test.ids]


def _head(ours: list[Requirement], named: list[Named]) -> list[str]:
    covered = sum(bool(shown_by(row, named)) for row in ours)
    gone = sum(row.level == "withdrawn" for row in ours)
    return [
        "# SMART App Launch 2.2: what is asked of the app, and the test that shows it",
        "",
        "Written by `scripts/smart-requirements` from `tests/conformance/smart`; do not edit. Numbers are those of",
        "Inferno's list (hl7.fhir.uv.smart-app-launch_2.2.0), words are ours. The tests speak HTTP to the app and to",
        "the embedded EHR: `.venv/bin/python -m pytest tests/conformance/smart`, one of them with `-k 035`.",
        "",
        f"Of {len(ours)} on the client's side **{covered}** are shown by tests and **{len(ours) - covered}** have",
        f"a reason instead, {gone} of those because the list withdrew them.",
        "",
        *_titles(),
    ]


def _second(theirs: list[Requirement]) -> list[str]:
    return [
        "",
        "## What an EHR may send, and the app takes",
        "",
        f"{len(theirs)} requirements of the server's side: tests show what the app does with what they allow.",
        "",
        *_titles(),
    ]


def _titles() -> list[str]:
    return ["| id | level | what | test, or reason |", "|---|---|---|---|"]


def _rows(rows: list[Requirement], named: list[Named]) -> list[str]:
    return [f"| {row.id} | {row.level} | {row.text} | {_shown(row, named)} |" for row in rows]


def _shown(row: Requirement, named: list[Named]) -> str:
    links = [f"[{_words(test)}](../tests/conformance/smart/{test.file})" for test in shown_by(row, named)]
    return "; ".join(links) or row.reason or "**nothing yet**"


def _words(test: Named) -> str:
    return re.sub(r"^test_req(_\d{3})+_", "", test.name).replace("_", " ")
