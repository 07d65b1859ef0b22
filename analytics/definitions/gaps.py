"""Care gaps: the rules of ``gaps.toml`` as SQL over one wide row of features, for a chart and for everyone.

A rule is an ordered list of cases; the first whose condition holds decides. ``columns`` gives the state alone, for
DuckDB and Spark SQL; ``select`` the number of the case, from which the chart has its words (SQLite runs it: one row
costs it a twentieth of what it costs DuckDB). The conditions are the same texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from analytics.definitions import catalogue, explain
from analytics.definitions.explain import Evidence
from analytics.definitions.gap_rules import DIED, GAP, MET, NOT_APPLICABLE, READ, Case, Rule, marks, read

__all__ = ["DIED", "GAP", "MET", "NOT_APPLICABLE", "READ", "Case", "Rule"]


@cache
def rules() -> dict[str, Rule]:
    """All rules by id, in the order of the file. Raises DefinitionError, by name of the rule."""
    return read()


def columns() -> dict[str, str]:
    """One SQL expression for each rule, over the wide row of features: 'met', 'gap' or 'not_applicable', never NULL.

    The same text on DuckDB and on Spark SQL.
    """
    return {rule.id: _case(rule, [f"'{case.state}'" for case in rule.cases]) for rule in rules().values()}


def select(table: str) -> str:
    """SELECT of one row: for each rule the number of its case, and of several ways to meet it whether each holds."""
    chosen = ", ".join(f"{text} AS {name}" for name, text in _selected().items())
    return f"SELECT {chosen} FROM {table}"  # noqa: S608 (conditions hold names of features and numbers alone)


@cache
def _selected() -> dict[str, str]:
    found = {}
    for rule in rules().values():
        found[rule.id] = _case(rule, [str(place) for place in range(len(rule.cases))])
        ways = [f"COALESCE({way.when}, FALSE)" for way in _ways(rule)]
        if len(ways) > 1:
            found |= {f"{rule.id}_way_{place}": holds for place, holds in enumerate(ways)}
    return found


def _ways(rule: Rule) -> list[Case]:
    return [case for case in rule.cases if case.state == MET]


def _case(rule: Rule, results: list[str]) -> str:
    *tried, last = zip(rule.cases, results, strict=True)
    whens = " ".join(f"WHEN {case.when} THEN {result}" for case, result in tried)
    return f"CASE {whens} ELSE {last[1]} END"


@cache
def features() -> tuple[str, ...]:
    """Every feature that a rule looks at, in the order of the catalogue."""
    named = {name for rule in rules().values() for name in rule.features}
    return tuple(name for name in catalogue.features() if name in named)


def told(
    row: tuple[Any, ...], values: Mapping[str, float | None], evidence: Mapping[str, Evidence], died: bool
) -> list[dict[str, Any]]:
    """Each rule for one person as docs/screens.md has it. row: what ``select`` gives of the person's features."""
    found, decided = [], dict(zip(_selected(), row, strict=True))
    for rule in rules().values():
        case = Case(NOT_APPLICABLE, "", DIED) if died else _decided(rule, decided, evidence)
        time, resource = evidence.get(case.evidence, (None, None))
        due = _due(case, time)
        found.append({
            "id": rule.id, "title": rule.title, "state": case.state, "reason": _words(case, values, time),
            "date": time.date().isoformat() if time else None, "resource": resource,
            "due": due.isoformat() if due else None,
            "rule": rule.text, "source": rule.source, "weight": rule.weight,
        })  # fmt: skip
    return found


def _decided(rule: Rule, row: Mapping[str, Any], evidence: Mapping[str, Evidence]) -> Case:
    """The case that holds; of several ways to meet the rule the one that lasts longest, an undated one before all."""
    case: Case = rule.cases[row[rule.id]]
    ways = _ways(rule)
    if case.state != MET or len(ways) == 1:
        return case
    holding = [way for place, way in enumerate(ways) if row[f"{rule.id}_way_{place}"]]
    return max(holding, key=lambda way: _due(way, evidence.get(way.evidence, (None, None))[0]) or date.max)


def _due(case: Case, time: datetime | None) -> date | None:
    """The day from which the rule is open again: the first on which the look-back no longer reaches the evidence."""
    return time.date() + timedelta(days=case.due_days) if case.due_days and time else None


def _words(case: Case, values: Mapping[str, float | None], time: datetime | None) -> str:
    said = {name: _shown(name, values[name]) for name in marks(case.says)}
    return case.says.format(date=f"{time.day} {time:%b %Y}" if time else "an unknown date", **said)


def _shown(name: str, value: float | None) -> str:
    return explain.display(catalogue.features()[name], value)
