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
    return f"\n## {rule.title} (`{rule.id}`)\n\n{parts}{rests}{_cases(rule)}"


def _cases(rule: gaps.Rule) -> str:
    """The spec cases of the rule: what is given beside its start, and what comes of it."""
    head = f"\nFrom `{START[rule.id]}`:\n\n| given | state | reason |\n|---|---|---|\n"
    cases = (case for case in OF_RULES if case.rule == rule.id)
    rows = (f"| `{case.given or 'nothing more'}` | {_state(case.state)} | {case.says} |\n" for case in cases)
    return head + "".join(rows)


def _state(state: str) -> str:
    return state.replace("_", " ")
