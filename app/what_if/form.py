"""The what-if form: what was entered, checked field by field, and where each value comes from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analytics.definitions import explain
from analytics.definitions.scores import levers
from analytics.definitions.scores.inputs import Input
from app.chart.score_inputs import NOT_READ, is_assumed, number, row
from app.what_if.start import Start, declared

NUMBERS = ("sbp", "tc", "hdl", "ldl", "bmi", "egfr")
FLAGS = ("smoking", "dm")
PEOPLE = ("sex", "age")  # fixed, unless the chart does not know them
FIXED = ("bptx", "statin", "prior_cvd")  # a treatment of the model is no what-if: levers.py
CHOSEN = "lever_"
ALSO_NUDGE, ALSO_STEP = 0.1, 0.01
NUMBER = re.compile(r"[0-9]{1,6}(?:[.,][0-9]{1,6})?")
MARKS = {"chart": "from the chart", "changed": "changed by you", "assumed": "assumed", "unknown": "not known"}
NO_NUMBER = "Enter a number, such as {}."
OUTSIDE = "Enter a value from {} to {} {}."
NO_CHOICE = "Choose one of the answers."


@dataclass(frozen=True)
class Field:
    """One value of the form. `message` says what is wrong with it; "" where nothing is."""

    name: str
    label: str
    kind: str  # number, flag, choice, fixed
    text: str
    unit: str
    low: str
    high: str
    step: str
    nudge: str
    mark: str  # chart, changed, assumed, unknown
    chart: str  # what the chart says, with date
    is_old: bool
    resource: str | None
    message: str
    choices: tuple[tuple[str, str], ...]

    @property
    def mark_words(self) -> str:
        """The mark as the page prints it."""
        return MARKS[self.mark]


@dataclass(frozen=True)
class Entered:
    """The form as it was sent: fields, the values in them (mg/dL; None: not known), and the dose of each lever."""

    fields: list[Field]
    values: dict[str, Any]
    doses: dict[str, str]
    also: bool  # cholesterol in mmol/L

    @property
    def is_wrong(self) -> bool:
        """Whether a field has to be corrected first."""
        return any(field.message for field in self.fields)


def read_form(start: Start, form: Mapping[str, str]) -> Entered:
    """What the form says; an empty form, or one whose button was "reset", is the chart's own values."""
    do = form.get("do", "")
    was = form.get("shown") == "also"
    also = form.get("unit") == "also" if do == "unit" else was
    sent = {} if do == "reset" else form
    fields, values = [], start.values()
    for name, one in declared().items():
        text, value, message = _entered(name, one, start, sent, was)
        if name in editable(start) and do.startswith(f"{name}:") and not message:
            value = _nudged(one, value, do.endswith("+"), was)
            text = text_of(one, value, was)
        if not message and also != was:
            text = text_of(one, value, also)
        values[name] = value
        fields.append(_field(name, one, start, text, value, message, also))
    order = [*PEOPLE, *NUMBERS, *FLAGS, *FIXED]
    doses = {name: sent.get(CHOSEN + name, "") for name in levers.names()}
    return Entered(sorted(fields, key=lambda field: order.index(field.name)), values, doses, also)


def editable(start: Start) -> tuple[str, ...]:
    """What may be changed: values, never a treatment of the model; sex and age only where the chart has none."""
    return (*(name for name in PEOPLE if start.given[name]["value"] is None), *NUMBERS, *FLAGS)


def text_of(one: Input, value: Any, also: bool) -> str:
    """A value as the form holds it; "" where it is not known."""
    if value is None:
        return ""
    if one.kind == "flag":
        return "yes" if value else "no"
    if one.kind == "choice":
        return str(value)
    return number(value * one.also_factor, ALSO_STEP) if also and one.also else number(value, one.step)


def _entered(name: str, one: Input, start: Start, sent: Mapping[str, str], also: bool) -> tuple[str, Any, str]:
    """Text, value and message of one field. What reads as the chart's value is the chart's, to its last digit."""
    chart = start.given[name]["value"]
    own = text_of(one, chart, also)
    text = sent.get(name, own).strip()[:40] if name in editable(start) else own
    if text == own:
        return own, chart, _range_message(one, chart, also) if name in NUMBERS else ""
    if not text:
        return "", None, ""
    if one.kind == "number":
        return _number(one, text, also)
    answers = {"yes": True, "no": False} if one.kind == "flag" else {choice: choice for choice in one.choices}
    return (text, answers[text], "") if text in answers else (own, chart, NO_CHOICE)


def _number(one: Input, text: str, also: bool) -> tuple[str, Any, str]:
    if not NUMBER.fullmatch(text):
        return text, None, NO_NUMBER.format(_bounds(one, also)[0])
    value = float(text.replace(",", ".")) / (one.also_factor if also and one.also else 1)
    return text, value, _range_message(one, value, also)


def _range_message(one: Input, value: Any, also: bool) -> str:
    """A value beyond the range is refused, unless it spares some results (BMI): then the answer says so."""
    if value is None or one.only_for:
        return ""
    low, high = one.range or (value, value)
    slack = 0.005 / one.also_factor if also and one.also else 0.0  # a bound that was rounded in the other unit
    if low - slack <= value <= high + slack:
        return ""
    return OUTSIDE.format(*_bounds(one, also), _unit(one, also))


def _nudged(one: Input, value: Any, up: bool, also: bool) -> Any:
    """One step of the plus or minus button, within the range; an unknown value stays unknown."""
    if value is None or one.kind != "number":
        return value
    step = ALSO_NUDGE / one.also_factor if also and one.also else one.nudge
    low, high = one.range or (value, value)
    return min(max(value + (step if up else -step), low), high)


def _field(name: str, one: Input, start: Start, text: str, value: Any, message: str, also: bool) -> Field:
    given, may_edit = start.given[name], name in editable(start)
    told = row(one, given, (), start.on)
    low, high = _bounds(one, also) if one.range else ("", "")
    step = ALSO_STEP if also and one.also else one.step
    return Field(
        name=name, label=told.label, kind=one.kind if may_edit else "fixed", text=text,
        unit=_unit(one, also) if one.kind == "number" else "", low=low, high=high, step=f"{step:g}",
        nudge=f"{ALSO_NUDGE if also and one.also else one.nudge:g}",
        mark=_mark(one, given, value, message),
        chart=NOT_READ.format(start.hidden[name]) if name in start.hidden else
        start.older.get(name) or _chart(told.value if given["value"] is not None else "", told.dated, told.age),
        is_old=told.is_old, resource=given["resource"], message=message, choices=_choices(one, given["value"]),
    )  # fmt: skip


def _chart(value: str, dated: str, age: str) -> str:
    return ", ".join(part for part in (value, dated, age) if part) if value else "nothing usable in the chart"


def _mark(one: Input, given: Mapping[str, Any], value: Any, message: str) -> str:
    if message or value != given["value"]:
        return "changed" if value is not None or message else "unknown"
    if value is None:
        return "unknown"
    return "assumed" if is_assumed(one, given) else "chart"


def _choices(one: Input, chart: Any) -> tuple[tuple[str, str], ...]:
    unknown = (("", "not known"),) if chart is None else ()
    if one.kind == "flag":
        return (*unknown, ("yes", "yes"), ("no", "no"))
    return (*unknown, *((choice, choice) for choice in one.choices)) if one.kind == "choice" else ()


def _bounds(one: Input, also: bool) -> tuple[str, str]:
    low, high = one.range or (0.0, 0.0)
    if also and one.also:
        return number(low * one.also_factor, ALSO_STEP), number(high * one.also_factor, ALSO_STEP)
    return f"{low:g}", f"{high:g}"


def _unit(one: Input, also: bool) -> str:
    if also and one.also:
        return one.also
    return {"a": "years", "1": ""}.get(one.unit, explain.unit_words(one.unit))
