"""ASCII tables: how a case is written, and how its events and results are read.

Input columns: id (default: the row's number), time, code, value, unit, text, end, recorded (default: time), status,
version, kind (the resource's type where it matters), of ("nobody" for a Medication). A code is a concept's name (its
first code), `SYSTEM#code`, or `med:ID` for a reference to the Medication of that id. An empty cell is NULL. Times are
UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from analytics.definitions import catalogue
from analytics.definitions.events import EVENT_SCHEMA

AS_OF = date(2026, 6, 30)
SYSTEMS = catalogue.read_toml("concepts/systems.toml")


@dataclass(frozen=True)
class Case:
    """One person: events in, and what the table of that name (a stage, or "feature_values") holds of them."""

    name: str
    table: str
    events: str
    expected: str
    about: tuple[str, ...] = ()

    @property
    def features(self) -> set[str]:
        """What the case is about: the features of the kinds that it expects values of, or those that it names.

        A kind may have hundreds of features: with `about` the case says which of them the table is whole for.
        """
        if self.about or self.table != "feature_values":
            return set(self.about)
        named = {row["feature"] for row in parse(self.expected)}
        kinds = {feature.kind for name, feature in catalogue.features().items() if name in named}
        return {name for name, feature in catalogue.features().items() if feature.kind in kinds}

    @property
    def person(self) -> str:
        """The subject: one person for each case, so that all run together."""
        return f"{self.table}.{self.name}".replace(" ", "-")


def parse(text: str) -> list[dict[str, str]]:
    """Rows of an ASCII table by the names of its header; blank lines and lines of dashes do not count."""
    lines = [line.strip() for line in text.splitlines() if line.strip(" |-+")]
    if not lines:
        return []
    header, *rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"{len(row)} cells where the header has {len(header)}: {row}")
    return [dict(zip(header, row, strict=True)) for row in rows]


def events_of(case: Case) -> list[dict[str, Any]]:
    """The case's events in the columns of the contract."""
    return [_event(case.person, number, row) for number, row in enumerate(parse(case.events), start=1)]


def as_table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=EVENT_SCHEMA)


def _event(person: str, number: int, row: dict[str, str]) -> dict[str, Any]:
    nobody = row.get("of") == "nobody"
    ident = row.get("id") or str(number)
    time = _instant(row.get("time", ""))
    return {
        "subject_id": None if nobody else person,
        "time": time,
        "code": _code(row["code"], person),
        "numeric_value": float(row["value"]) if row.get("value") else None,
        "text_value": _text(row.get("text", "")),
        "unit": row.get("unit") or None,
        "end_time": _instant(row.get("end", "")),
        "status": row.get("status") or None,
        "recorded": _instant(row.get("recorded", "")) or time,
        "resource": f"{'Medication' if nobody else row.get('kind') or 'R'}/{person}-{ident}",
        "version": row.get("version") or "1",
    }


def _instant(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _code(short: str, person: str) -> str:
    if short.startswith("med:"):
        return f"reference|Medication/{person}-{short.removeprefix('med:')}"
    system, mark, code = short.partition("#")
    if mark:
        return f"{SYSTEMS[system]}|{code}"
    return catalogue.concepts()[short].codes[0].removesuffix("*")


def _text(short: str) -> str | None:
    """A coded answer (`current`), or plain text such as a comparator."""
    answers = {
        answer: codes for name in ("smoking_status", "housing_status")
        for answer, codes in catalogue.concepts()[name].answers
    }  # fmt: skip
    return answers[short][0] if short in answers else _code(short, "") if "#" in short else short or None


def shown(rows: list[dict[str, Any]], columns: list[str], person: str) -> list[tuple[str, ...]]:
    """Rows as text in these columns, sorted; a float is written with every digit that tells it from its neighbours."""
    return sorted(tuple(_cell(row[column], person) for column in columns) for row in rows)


def _cell(value: Any, person: str) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ").removesuffix(" 00:00:00").removesuffix(":00")
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value).removesuffix(".0").replace("|", "#")
    if person:
        text = text.replace(f"Patient/{person}", "patient").replace(f"{person}-", "")
    return text.removeprefix("R/")
