"""docs/order-rules.md: what is said when an order is selected, as `app/hooks/orders/rules.toml` says it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from analytics.definitions import catalogue
from analytics.definitions.scores import levers
from app.chart.words import TYPES
from app.hooks.orders.rules import SAME, Rule, rules

PAGE = Path(__file__).resolve().parents[4] / "docs" / "order-rules.md"
INTRO = """# When an order is selected: what is said, and by which rule

Written by `scripts/orders-doc` from `app/hooks/orders/rules.toml`; do not edit. For clinicians who judge the rules, and
whoever changes them. The service is `kindred-order-select` ([cds-hooks.md](cds-hooks.md)). It speaks of the *selected*
drafts alone, by the ingredients that the definitions know (codes; what a medicine is called where no code is known).
What no class below knows has no card.

- An *other order* is one of the chart that is in use by the definitions (it covers the as-of date; without an end it
  lasts 365 days) **and** whose status is `active`; or another draft of the same call. Left out: an order that a draft
  replaces (`priorPrescription`), and one that was stopped, completed or put on hold, which a change of medicine leaves
  behind. A rule that says *of late* counts these too, as long as they are in use by the definitions and their last
  change (`meta.lastUpdated`) is not more than two days old, or not known: an order does not say when it was stopped.
- Warnings are `warning`, all else `info`; nothing is `critical`, nothing is suggested, no order is changed.
- What is not known never makes a rule speak, and no card says of anything that there is none. Where a type of record
  was not read whole on which a rule for the selected medicine rests, a card says so. A record that was read counts
  all the same.
- A summary that would be too long loses whole parts from its end, never half a number; all of it stands in the detail.
- The class decides, not the dose, the route or the reason of the order.
"""
LEFT_OUT = """
## Left out, and why

- **Allergy to an ACE inhibitor or ARB**: the definitions know the two, and sacubitril, as one class. A change to an ARB
  after a cough from an ACE inhibitor is ordinary, and would be warned of each time. **Angioedema** is no concept of the
  definitions yet. Each card names both among what is not checked.
- **Chronic liver disease, kidney failure and statins**: exceptions of CMS347, and for many who have them no reason
  against a statin.
- **Mineralocorticoid antagonist beside an ACE inhibitor or ARB**: often meant so. Potassium and eGFR are shown instead,
  without a threshold of ours.
- **Verapamil or diltiazem beside a beta-blocker, and other interactions**: no source was read for them; they belong to
  the medicine knowledge base of the EHR.
- **Doses**, for kidney function or otherwise: no dosage instruction is read. A statin's intensity is that of the
  selected product, one a day, and its card says so. The trials' figure for blood pressure is
  for 10 or 20 mmHg lower, whatever lowers it.
- **Loop diuretics**: the score counts them for no treatment of blood pressure, and neither does this.
- **A statin that was stopped within a year** is in use for the score still, and so no effect of starting one is told.
"""


def document() -> str:
    """The whole page."""
    return "".join([INTRO, _warnings(), _known(), _classes(), LEFT_OUT])


def _warnings() -> str:
    return "\n## Warnings\n" + "".join(_rule(rule) for rule in rules().rules)


def _rule(rule: Rule) -> str:
    other = f"another order{', also of late' if rule.lately else ''}"
    when = f"{other} of the same class" if rule.beside == (SAME,) else f"{other}: {_labels(rule.beside)}"
    lines = [
        ("said", rule.summary.replace("{date}", " on DATE").replace("{", "*").replace("}", "*")),
        ("selected", _labels(rule.selected)),
        ("when", _recorded(rule) if rule.feature else when),
        ("because", rule.because),
        ("rests on", ", ".join(TYPES[kind].lower() for kind in rule.rests_on)),
        ("source", rule.source),
    ]
    if rule.instead_of:
        lines.append(("instead of", f"{', '.join(f'`{name}`' for name in rule.instead_of)}, of the same orders"))
    return f"\n### `{rule.id}`\n\n| | |\n|---|---|\n" + "".join(f"| {name} | {text} |\n" for name, text in lines)


def _recorded(rule: Rule) -> str:
    feature = catalogue.features()[rule.feature]
    if rule.below is None:
        return f"`{rule.feature}`: {feature.label} ([features.md](features.md))"
    lasting = f"{feature.label} within {rule.below:g} days that has not ended (by its status; without one by its end)"
    return f"`{rule.feature}`: any {lasting} ([features.md](features.md))"


def _known() -> str:
    lines = ["\n## What is known for the choice\n\n"]
    for topic in rules().topics:
        lever = levers.table()[topic.lever]
        lines.append(
            f"- **{_labels(topic.classes)}**: the 10-year risk by PREVENT, as the chart page has it (whom it is not "
            "for: the reason and no number; a range where one or two values are not known); and what trials say, never "
            f"a flag of the model: {lever['source']}. Each card says what is not checked: {topic.unchecked}\n"
        )
    for value in rules().values:
        days = catalogue.features()[value.features[0]].window_days
        lines.append(
            f"- {value.label}, the newest of {days} days, with its date, or why it is not known, for: "
            f"{_labels(value.classes)}.\n"
        )
    return "".join(lines)


def _classes() -> str:
    rows = [
        f"| {one.label} | {', '.join(sorted(catalogue.concepts()[name].label for name in one.ingredients))} |\n"
        for one in rules().classes.values()
    ]
    return "\n## Classes\n\n| class | ingredients |\n|---|---|\n" + "".join(rows)


def _labels(names: Iterable[str]) -> str:
    return ", ".join(rules().classes[name].label for name in names)
