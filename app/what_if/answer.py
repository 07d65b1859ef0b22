"""The what-if page: a person like this with other values; treatments by trial relative risks, never a model's flag."""

from dataclasses import dataclass
from typing import Any

from analytics.definitions import scores
from analytics.definitions.scores import levers, ranges
from app.chart.score_inputs import listed
from app.chart.scores import CANNOT_TELL, percent
from app.chart.words import capital
from app.what_if.form import FIXED, Entered
from app.what_if.icons import Figure, figure
from app.what_if.start import Start

CORRECT = "Nothing is computed until the marked values are corrected."
NOT_COMPUTED = "The risk cannot be computed: {} not known."
OVER_RANGE = "{} not known: the lowest and highest risk over all that it could be. Treatments need one risk: {}."
ENTER, CANNOT_ENTER = "enter it above", "there is none to weigh them against"
NOW = "10-year risk of cardiovascular disease {}"
CHART = "with the chart’s values {}"
WITH = "with treatment {}"


@dataclass(frozen=True)
class Lever:
    """One treatment as the form offers it: its doses, or why there is none to choose."""

    name: str
    label: str
    doses: list[tuple[str, str]]
    chosen: str
    why_not: str | None
    evidence: str


@dataclass(frozen=True)
class Chosen:
    """One treatment that was chosen: its relative risk here, what that is about, and what to say beside it."""

    label: str
    ratio: str
    about: str
    evidence: str
    caveats: list[str]
    source: str


@dataclass(frozen=True)
class Harm:
    """One harm: its words, and its figure where trials counted it; else the words say that there is none."""

    label: str
    text: str
    source: str
    figure: Figure | None


@dataclass(frozen=True)
class Answer:
    """What the entered values and treatments lead to. rows: label, with the chart's values, with those above."""

    trouble: str | None
    rows: list[tuple[str, str, str]]
    notes: list[str]
    offered: list[Lever]
    chosen: list[Chosen]
    effect: str | None
    needed: str | None
    benefit: Figure | None
    harms: list[Harm]
    assumed: str
    limits: list[str]
    said: str  # for aria-live


def answer_to(start: Start, entered: Entered) -> Answer:
    """The answer to one form. Treatments multiply the risk of the values above; the model's flags stay the chart's."""
    baseline = levers.table()["baseline"]
    given = _model_inputs(entered.values)
    result = scores.compute(baseline["score"], given)
    if why := _cannot_tell(start, given):
        result = result | {"reason": why, "values": {}}
    span = ranges.span(baseline["score"], given) if not result["values"] and not result["reason"] else {}
    trouble = _trouble(entered, result, span)
    percents = {} if entered.is_wrong else result["values"]
    offered = _offered(entered)
    risk = percents.get(baseline["result"])
    picked = [(one.name, _dose(one)) for one in offered if one.chosen] if risk is not None else []
    ratios = [levers.ratio(name, dose, entered.values) for name, dose in picked]
    effect = levers.effect(risk, ratios) if risk is not None and picked else None
    before = scores.compute(baseline["score"], _model_inputs(start.values()))["values"] if not result["reason"] else {}
    return Answer(
        trouble=trouble,
        rows=_rows(before, percents, {} if entered.is_wrong else span),
        notes=_notes(result) if not trouble else [],
        offered=offered,
        chosen=[_chosen(name, dose, ratio, entered.values) for (name, dose), ratio in zip(picked, ratios, strict=True)],
        effect=_effect_words(effect) if effect else None,
        needed=_needed_words(effect) if effect else None,
        benefit=_benefit(effect) if effect else None,
        harms=[_harm(name, harm) for name, dose in picked for harm in levers.harms(name, dose["name"], entered.values)],
        assumed=baseline["assumed"],
        limits=scores.table(baseline["score"])["limits"],
        said=_said(trouble, before.get(baseline["result"]), risk, effect),
    )  # fmt: skip


def _cannot_tell(start: Start, given: dict[str, Any]) -> str | None:
    """As the chart page says it: the flag that decides for whom the score is, was not read."""
    for key, one in scores.declared_inputs(levers.table()["baseline"]["score"]).items():
        if (one.excludes or one.requires) and given[key] is None and key in start.hidden:
            return CANNOT_TELL.format(start.hidden[key])
    return None


def _model_inputs(values: dict[str, Any]) -> dict[str, Any]:
    return {key: values[key] for key in scores.declared_inputs(levers.table()["baseline"]["score"])}


def _trouble(entered: Entered, result: dict[str, Any], span: dict[str, Any]) -> str | None:
    """Why there is no single risk; None where there is one."""
    if result["reason"]:
        return str(result["reason"])
    if entered.is_wrong:
        return CORRECT
    declared = scores.declared_inputs(levers.table()["baseline"]["score"])
    if result["missing"]:
        labels = listed([declared[key].label for key in result["missing"]])
        then = CANNOT_ENTER if set(result["missing"]) & set(FIXED) else ENTER
        return OVER_RANGE.format(capital(labels), then) if span else NOT_COMPUTED.format(labels)
    return None


def _rows(
    before: dict[str, float], now: dict[str, float], span: dict[str, tuple[float, float]]
) -> list[tuple[str, str, str]]:
    """Each result as a row; "–" where there is none."""
    found = []
    for key, about in scores.table(levers.table()["baseline"]["score"])["results"].items():
        after = percent(now[key]) if key in now else _between(*span[key]) if key in span else "–"
        if key in before or after != "–":
            found.append((capital(about["label"]), percent(before[key]) if key in before else "–", after))
    return found


def _between(low: float, high: float) -> str:
    return percent(low) if percent(low) == percent(high) else f"{percent(low)} to {percent(high)}"


def _notes(result: dict[str, Any]) -> list[str]:
    if "bmi" in result["out_of_range"]:
        return ["Heart failure is left out: body mass index is outside of 18.5 to 39.9."]
    return []


def _offered(entered: Entered) -> list[Lever]:
    found = []
    for name in levers.names():
        own, why = levers.table()[name], levers.why_not(name, entered.values)
        doses = [] if why else [(dose["name"], dose["label"]) for dose in levers.doses(name, entered.values)]
        asked = entered.doses.get(name, "")
        chosen = asked if asked in dict(doses) else ""
        found.append(Lever(name, own["label"], doses, chosen, why, own["evidence"]))
    return found


def _dose(lever: Lever) -> dict[str, Any]:
    return next(dose for dose in levers.table()[lever.name]["doses"] if dose["name"] == lever.chosen)


def _chosen(name: str, dose: dict[str, Any], ratio: levers.Ratio, values: dict[str, Any]) -> Chosen:
    own = levers.table()[name]
    return Chosen(
        label=f"{own['label']}, {dose['label']}",
        ratio=f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})",
        about=f"{own['relative_risk']:.2f} ({own['low']:.2f} to {own['high']:.2f}): {own['about']}",
        evidence=own["evidence"],
        caveats=levers.caveats(name, values),
        source=own["source"],
    )


def _effect_words(effect: levers.Effect) -> str:
    ends = f"{percent(effect.after_low)} to {percent(effect.after_high)}"
    return (
        f"{percent(effect.before)} without, {percent(effect.after)} ({ends}) with treatment: "
        f"{effect.fewer:.1f} percentage points fewer in ten years."
    )


def _needed_words(effect: levers.Effect) -> str:
    return (
        f"Number needed to treat for ten years: {effect.needed:,} ({effect.needed_low:,} to {effect.needed_high:,}), "
        "from the intervals of the relative risks alone."
    )


def _benefit(effect: levers.Effect) -> Figure:
    options = [("Without treatment", effect.before), ("With treatment", effect.after)]
    return figure("Benefit: cardiovascular disease within ten years", options, "have an event")


def _harm(name: str, harm: dict[str, Any]) -> Harm:
    short, drawn = levers.table()[name]["short"], None
    if "with" in harm:
        options = [(f"Without {short}", harm["without"]), (f"With {short}", harm["with"])]
        drawn = figure(f"Harm: {harm['label']} {harm['over']}", options, "have it")
    source = harm["source"] + (" (read in a secondary source)" if harm.get("secondary") else "")
    return Harm(f"Harm of {short}: {harm['label']}", harm["text"], source, drawn)


def _said(trouble: str | None, before: float | None, now: float | None, effect: levers.Effect | None) -> str:
    """The answer in one sentence, for those who hear the page."""
    if now is None:
        return trouble or ""
    parts = [NOW.format(percent(now))]
    parts += [CHART.format(percent(before))] if before is not None and percent(before) != percent(now) else []
    parts += [WITH.format(percent(effect.after))] if effect else []
    return ", ".join(parts) + "."
