"""The published scores beside the risk group: for whom, what, from which values, by which formula, its limits."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from analytics.definitions import patient_scores, scores
from analytics.definitions.scores import counterfactuals, ranges
from app.chart.kidney import Kidney, kidney_of
from app.chart.reading import Reading
from app.chart.score_inputs import ASSUMED, NOT_READ, Last, Row, lacks, listed, rows, too_old
from app.chart.view import unread_types
from app.chart.words import TYPES, by_name, capital, day

ORDER = ("prevent", "pce", "reynolds", "kdigo", "charlson", "lace", "cha2ds2_vasc")
CANNOT_TELL = "Whether it applies cannot be told: not all {} could be read."
MISSING = "Not known: {}."
RANGE = "{} not known: the lowest and highest value over all that it could be."
HORIZON = "The risk over {} is given for ages {} to {}."
LEFT_OUT = "{} is outside of {:g} to {:g}: {} left out."


@dataclass(frozen=True)
class Result:
    """One figure: `14.7 %`, or a range `4.5–6.7 %`, and its category in the score's own words; "" where it has none."""

    label: str
    value: str
    category: str


@dataclass(frozen=True)
class Card:
    """One score that is for this patient; without results, `missing` says what it lacks."""

    name: str
    title: str
    results: list[Result]
    missing: list[str]
    notes: list[str]
    kidney: Kidney | None
    changes: list[tuple[str, str]]
    inputs: list[Row]
    assumed: list[str]
    old: list[str]
    limits: list[str]
    categories_source: str
    formula: str
    source: str


@dataclass(frozen=True)
class NotFor:
    """A score that is not for this patient, why, and the record that says so, where one does."""

    title: str
    reason: str
    dated: str
    resource: str | None


@dataclass(frozen=True)
class Scores:
    """All that the section prints."""

    cards: list[Card]
    not_for: list[NotFor]


def section(reading: Reading) -> Scores:
    """The scores of one reading, without a further look into the EHR."""
    score = reading.score
    return scores_of(score["scores"], unread_types(reading), reading.on, score["series"], by_name(score["orders"]))


def scores_of(
    found: Mapping[str, Any], unread: Collection[str], on: date, series: Mapping[str, Any], named: str | None
) -> Scores:
    """The section for `score["scores"]`, as far as was read; unread: types of which something may be missing. series:
    that of the score. named: said where medicines are an input (`words.by_name`)."""
    cards: list[Card] = []
    not_for: list[NotFor] = []
    for name in ORDER:
        result = found[name]
        given = _values(result)
        why = _not_for(name, result, given, unread)
        if why:
            not_for.append(NotFor(scores.table(name)["title"], why, *_ruled_out_by(why, name, found[name]["inputs"])))
        else:
            older = too_old(patient_scores.FEATURES[name], result["inputs"], series, on)
            cards.append(_card(name, result, given, unread, on, _kidney_inputs(found), older, named))
    return Scores(sorted(cards, key=lambda card: not card.results), not_for)


def told(found: Mapping[str, Any], unread: Collection[str]) -> dict[str, Any]:
    """`score["scores"]` for a program: with the reason where it cannot be told whether a score applies."""
    return {name: one | {"reason": cannot_tell(name, _values(one), unread)} if one["applicable"] is None else one
            for name, one in found.items()}  # fmt: skip


def _values(result: Mapping[str, Any]) -> dict[str, Any]:
    return {key: one["value"] for key, one in result["inputs"].items()}


def _not_for(name: str, result: Mapping[str, Any], given: Mapping[str, Any], unread: Collection[str]) -> str | None:
    """Why a score is not for this patient, or why that cannot be told; None where it is."""
    if result["reason"]:
        return str(result["reason"])
    if why := cannot_tell(name, given, unread):
        return why
    if name == "lace" and "los_days" in result["missing"]:
        visits = "Encounter" in unread
        return CANNOT_TELL.format(TYPES["Encounter"].lower()) if visits else _unknown("lace", "los_days", unread)
    return None


def _ruled_out_by(why: str, name: str, inputs: Mapping[str, Any]) -> tuple[str, str | None]:
    """Date and record of what rules a score out, where that is what `why` says; nothing where no record does."""
    for key, one in scores.declared_inputs(name).items():
        if one.excludes and one.excludes in why and inputs[key]["value"]:
            return day(inputs[key]["time"]) or "", inputs[key]["resource"]
    return "", None


def cannot_tell(name: str, given: Mapping[str, Any], unread: Collection[str]) -> str | None:
    """The sentence where the flag that decides for whom a score is could not be read; else None."""
    for key, one in scores.declared_inputs(name).items():
        if (one.excludes or one.requires) and (lacking := lacks(one, given[key], unread)):
            return CANNOT_TELL.format(lacking)
    return None


def _card(
    name: str,
    result: Mapping[str, Any],
    given: Mapping[str, Any],
    unread: Collection[str],
    on: date,
    kidney: dict[str, Any],
    older: Mapping[str, Last],
    named: str | None,
) -> Card:
    own = scores.table(name)
    span = ranges.span(name, given, kidney) if not result["values"] else {}
    lines = rows(name, result, unread, on, older)
    on_medicines = any("MedicationRequest" in one.records for one in scores.declared_inputs(name).values())
    return Card(
        name=name,
        title=own["title"],
        results=_results(name, result, span),
        missing=[*_missing(name, result, span, unread), *(f"{capital(one.said)}." for one in older.values())],
        notes=[*result["notes"], *_left_out(name, result), *_horizons(own, result),
               *([named] if named and on_medicines else [])],
        kidney=kidney_of(own, result["values"], _unknown) if name == "kdigo" and result["values"] else None,
        changes=[(one["label"], percent(one["values"][own["lead"]])) for one in counterfactuals.of(name, given)
                 if own["lead"] in one["values"]],
        inputs=lines,
        assumed=[line.label for line in lines if line.note == ASSUMED],
        old=[line.label for line in lines if line.is_old],
        limits=own["limits"],
        categories_source=own.get("categories_source", ""),
        formula=own["formula"],
        source=own["source"],
    )  # fmt: skip


def _results(name: str, result: Mapping[str, Any], span: Mapping[str, tuple[float, float]]) -> list[Result]:
    """Values with their categories, or the range of each; stage and groups of conditions as words."""
    own, found = scores.table(name), []
    for key, about in own["results"].items():
        if key in result["values"] and name != "kdigo":
            value = result["values"][key]
            found.append(Result(capital(about["label"]), _figure(value, about["unit"]), _category(name, key, result)))
        elif key in span:
            found.append(_range(own, key, about, *span[key]))
    if name == "kdigo" and result["values"]:
        values = result["values"]
        found.append(Result("Stage", " ".join(values[one] for one in ("g", "a") if one in values), ""))
    if name == "charlson" and result["values"]:
        labels = [own["groups"][group]["label"] for group in result["values"]["groups"]]
        found.append(Result("Conditions counted", ", ".join(labels) or "none", ""))
    return found


def _range(own: Mapping[str, Any], key: str, about: Mapping[str, Any], low: float, high: float) -> Result:
    ends = [_step(own.get("categories", {}).get(key, []), value) for value in (low, high)]
    category = ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
    if percent(low) == percent(high):
        return Result(capital(about["label"]), percent(low), category)
    return Result(capital(about["label"]), f"{percent(low).removesuffix(chr(160) + '%')}–{percent(high)}", category)


def _category(name: str, key: str, result: Mapping[str, Any]) -> str:
    """The score's own word; for CHA2DS2-VASc what guidelines advise at the points that sex does not give."""
    own = scores.table(name)
    if name == "cha2ds2_vasc":
        points = result["values"]["score"] - own["points"]["sex"][result["inputs"]["sex"]["value"]]
        return _step(own["without_sex"], points)
    return str(result["categories"].get(key, ""))


def _step(steps: list[dict[str, Any]], value: float) -> str:
    return str([step["label"] for step in steps if value >= step["from"]][-1]) if steps else ""


def _left_out(name: str, result: Mapping[str, Any]) -> list[str]:
    """What an input beyond its range leaves out, or why there is nothing."""
    said = []
    for key in result["out_of_range"]:
        one = scores.declared_inputs(name)[key]
        low, high = one.range or (0, 0)
        labels = [scores.table(name)["results"][result]["label"] for result in one.only_for]
        what = " and ".join(labels) + (" are" if len(labels) > 1 else " is") if labels else "the score is"
        said.append(LEFT_OUT.format(capital(one.label), low, high, what))
    return said


def _horizons(own: Mapping[str, Any], result: Mapping[str, Any]) -> list[str]:
    """Which horizon is left out for this age."""
    return [
        HORIZON.format(horizon.replace("y", " years"), low, high)
        for horizon, (low, high) in own.get("age_range", {}).items()
        if result["values"] and not any(key.startswith(horizon) for key in result["values"])
    ]


def _missing(name: str, result: Mapping[str, Any], span: Mapping[str, Any], unread: Collection[str]) -> list[str]:
    """What is not known: what the range runs over, or why there is no result; each sentence once."""
    if result["values"]:
        return []
    if span:
        return [RANGE.format(_labels(name, result["missing"]))]
    said = [sentence for key in result["missing"] if (sentence := _unknown(name, key, unread))]
    declared = scores.declared_inputs(name)
    plain = [declared[key].label for key in result["missing"] if not _unknown(name, key, unread)]
    return list(dict.fromkeys(said + ([MISSING.format(listed(plain))] if plain else [])))


def _unknown(name: str, key: str, unread: Collection[str] = ()) -> str:
    """The sentence for an input that is not known; "" where there is nothing more to say."""
    one = scores.declared_inputs(name)[key]
    if lacking := lacks(one, None, unread):
        return f"{capital(one.label)}: {NOT_READ.format(lacking)}."
    return one.unknown


def _labels(name: str, keys: list[str]) -> str:
    return capital(listed([scores.declared_inputs(name)[key].label for key in keys]))


def _kidney_inputs(found: Mapping[str, Any]) -> dict[str, Any]:
    """Age and creatinine, with which eGFR can follow a sex that is not known."""
    given = found["ckd_epi_2021"]["inputs"]
    taken = {key: given[key]["value"] for key in ("age", "creatinine")}
    return taken if None not in taken.values() else {}


def _figure(value: float, unit: str) -> str:
    return percent(value) if unit == "%" else f"{value:g}"


def percent(value: float) -> str:
    """A risk in percent with one decimal, below 0.1 as such: no risk is told as none."""
    return "below 0.1\u00a0%" if 0 < value < 0.05 else f"{value:.1f}\u00a0%"
