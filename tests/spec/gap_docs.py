"""docs/gaps.md: every care gap as its rule says it, with what comes out of the spec tests."""

from __future__ import annotations

from pathlib import Path

from analytics.definitions import catalogue, gaps
from tests.spec.cases_gaps import OF_RULES, START

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gaps.md"
INTRO = """# Care gaps

Written by `scripts/gaps-doc` from `analytics/definitions/gaps.toml` and the spec tests; do not edit.
{count} rules, each a set of conditions over the features (docs/features.md): one definition for the chart and for the
batch. {period} Ages are those at the as-of date. Missing is never met, and where nothing can be decided the reason says
what is not known.
A *gap* is open; *met* says with which record; *not applicable* says why. The weight orders the page: 5 treats a disease
with proven effect on death or cardiovascular events, 4 finds cancer or organ damage early or stops smoking, 3 finds
what harms soon, 2 prevents later. These are no quality measures: the periods, the visits and the code lists differ, as
each rule says.

*Codes* says where each code was read that a rule rests on: VSAC stands for a public copy of the value set (Canvas
Medical's SDK, canvas-plugins 0.261.0) with the month of its eCQM edition, not for VSAC itself. Before clinical use
check them against your own value sets, first those that are not from a value set of the measure. Versions of the
measures are those of the 2026 performance period, as public lists of it say.

| id | title | weight | look-back | source |
|---|---|---|---|---|
"""


def document() -> str:
    """The whole page."""
    rules = gaps.rules().values()
    intro = INTRO.format(count=len(rules), period=catalogue.gap_rules()["period"]["words"])
    rows = [f"| `{one.id}` | {one.title} | {one.weight:g} | {one.look_back} | {one.source} |\n" for one in rules]
    return intro + "".join(rows) + "".join(_rule(one) for one in rules)


def _rule(rule: gaps.Rule) -> str:
    parts = "".join(f"- *{about}*: {text}\n" for about, text in rule.parts)
    rests = f"- *Rests on*: Patient, {', '.join(rule.rests_on)}.\n"
    return f"\n## {rule.title} (`{rule.id}`)\n\n{parts}{rests}{_codes(rule)}{_cases(rule)}"


def _codes(rule: gaps.Rule) -> str:
    """How many codes each concept of the rule has, where they were read, and what was left out."""
    shown = [one for one in rule.concepts if one.family != "ingredient"]
    rows = "".join(f"| {one.label} | {number} | {where} |\n" for one in shown for number, where in _read(one))
    return f"\n| codes of | number | read in |\n|---|---|---|\n{rows}"


def _read(concept: catalogue.Concept) -> list[tuple[str, str]]:
    """(number of codes, where they were read) for each source, then for what a concept has from others."""
    rows = [(str(number), where) for where, number in concept.sources]
    if others := len(concept.codes) - sum(number for _, number in concept.sources) - len(concept.unverified):
        rows.append((str(others), "" if concept.sources else concept.source))
    if concept.members:
        rows[-1] = (rows[-1][0], f"{rows[-1][1]} (of its members: {len(concept.members)})".strip())
    if concept.unverified:
        rows.append((str(len(concept.unverified)), f"**not checked**: {', '.join(concept.unverified)}"))
    return rows + ([("", concept.note)] if concept.note else [])


def _cases(rule: gaps.Rule) -> str:
    """The spec cases of the rule: what is given beside its start, and what comes of it."""
    head = f"\nFrom `{START[rule.id]}`:\n\n| given | state | reason |\n|---|---|---|\n"
    cases = (case for case in OF_RULES if case.rule == rule.id)
    rows = (f"| `{case.given or 'nothing more'}` | {_state(case.state)} | {case.says} |\n" for case in cases)
    return head + "".join(rows)


def _state(state: str) -> str:
    return state.replace("_", " ")
