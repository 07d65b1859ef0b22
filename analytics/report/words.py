"""Numbers and sentences as the report says them; what is not told is said to be hidden or too few, never left blank."""

from __future__ import annotations

from datetime import date
from typing import Any

HIDDEN = "hidden"  # a number of 1 to 10 people, or one from which it would follow
FEW = "not told (too few)"
STEPS = {
    "export": "Exported", "load": "Loaded as events", "build": "Described", "fit": "Placed in a group",
    "follow": "Following year known",
}  # fmt: skip
REASONS = {"deceased": "deceased by then", "no_patient_resource": "no Patient resource",
           "year_not_known": "following year not known"}
MODELS = {
    "rank": "Rank of the group", "age_sex": "Age and sex", "charlson": "Charlson index",
    "prior_admissions": "Admissions in the year before", "rank_with_age_sex": "Rank with age and sex",
}  # fmt: skip
STRATA = {"sex": "Sex", "age_band": "Age", "race": "Race", "ethnicity": "Ethnicity"}
FAMILIES = {"k_means": "k-means", "bisecting_k_means": "bisecting k-means", "gaussian_mixture": "Gaussian mixture"}


def percent(share: float | None, otherwise: str = HIDDEN) -> str:
    """0.311 as "31.1 %"."""
    return otherwise if share is None else f"{share * 100:.1f} %"


def whole(share: float | None, otherwise: str = HIDDEN) -> str:
    """0.31 as "31 %"."""
    return otherwise if share is None else f"{share * 100:.0f} %"


def number(n: int | None, otherwise: str = HIDDEN) -> str:
    return otherwise if n is None else f"{n:,}"


def digits(value: float | None, places: int = 2, otherwise: str = FEW) -> str:
    return otherwise if value is None else f"{value:.{places}f}"


def interval(found: dict[str, Any] | None, key: str = "c", places: int = 2) -> str:
    """A figure with its 95 % interval."""
    if not found or found.get(key) is None:
        return FEW
    if found.get("low") is None:
        return digits(found[key], places)
    return f"{found[key]:.{places}f} ({found['low']:.{places}f} to {found['high']:.{places}f})"


def rate(group: dict[str, Any]) -> str:
    """A group's rate with its interval, its bound where events are hidden, or that it is hidden."""
    if group.get("rate") is not None:
        return f"{percent(group['rate'])} ({percent(group['low'])} to {percent(group['high'])})"
    if group.get("rate_below") is not None:
        return f"below {percent(group['rate_below'])}"
    if group.get("rate_above") is not None:
        return f"above {percent(group['rate_above'])}"
    return HIDDEN


def rate_lines(group: dict[str, Any]) -> list[str]:
    """The same in a narrow column: the rate, and below it the interval."""
    told = rate(group)
    return [told.split(" (")[0], told.split(" (")[1].rstrip(")")] if " (" in told else [told]


def in_sentence(name: str) -> str:
    """A baseline's name within a sentence."""
    return name if name.startswith("Charlson") else name[:1].lower() + name[1:]


def day(text: str) -> str:
    """An ISO date or instant as "30 June 2026"."""
    found = date.fromisoformat(text[:10])
    return f"{found.day} {found:%B %Y}"


def short(text: str, length: int = 36) -> str:
    """At most so many letters, cut at a word."""
    if len(text) <= length:
        return text
    return text[: length - 1].rsplit(" ", 1)[0].rstrip(",;") + "…"


def reason(name: str) -> str:
    return REASONS.get(name, name.replace("_", " "))


def summary(model: dict[str, Any], papers: dict[str, Any]) -> list[str]:
    """What a reader who reads nothing else should know, in plain sentences."""
    sentences = [_people(model, papers), _spread(model, papers), _against_baselines(papers), _stability(model),
                 _fairness(papers), _moved(papers), _open(papers)]  # fmt: skip
    return [sentence for sentence in sentences if sentence]


def _people(model: dict[str, Any], papers: dict[str, Any]) -> str:
    placed = next((one["kept"] for one in papers["funnel"]["steps"] if one["step"] == "fit"), None)
    clusters = sum(group["rule"] is None for group in model["groups"])
    rule = len(model["groups"]) - clusters
    return (f"{number(placed, 'A hidden number of')} people were placed as of {day(model['as_of'])} in {clusters} "
            f"{'group' if clusters == 1 else 'groups'} of similar people"
            + (" and one group by rule (no contact)." if rule else "."))


def _spread(model: dict[str, Any], papers: dict[str, Any]) -> str:
    told = [group for group in papers["evidence"]["groups"] if group.get("rate") is not None]
    if len(told) < 2:
        return "Too few people or events to compare what happened in the groups afterwards."
    low, high = min(told, key=lambda one: one["rate"]), max(told, key=lambda one: one["rate"])
    return (f"In the year after {day(model['index_date'])}, {percent(high['rate'])} of group {high['rank']} "
            f"({high['name']}) {model['outcome']['sentence'].split(' in the following')[0]}, against "
            f"{percent(low['rate'])} of group {low['rank']} ({low['name']}).")


def _against_baselines(papers: dict[str, Any]) -> str:
    found = {key: one for key, one in papers["evidence"]["discrimination"].items() if one and one.get("c") is not None}
    if "rank" not in found:
        return "How well the rank of the group tells who had an event cannot be said: too few people or events."
    others = {key: found[key] for key in ("age_sex", "charlson", "prior_admissions") if key in found}
    if not others:
        return f"The rank of the group has a c-statistic of {interval(found['rank'])}; no baseline could be computed."
    best = max(others, key=lambda key: others[key]["c"])
    gain = found["rank"]["c"] - others[best]["c"]
    word = "more" if gain > 0 else "less"
    return (f"The rank of the group has a c-statistic of {interval(found['rank'])}: {abs(gain):.2f} {word} than the "
            f"best simple baseline ({in_sentence(MODELS[best])}, {others[best]['c']:.2f}).")


def _stability(model: dict[str, Any]) -> str:
    from analytics.release.model_card import stability_words

    return stability_words(model)


def _fairness(papers: dict[str, Any]) -> str:
    rows = papers["evidence"]["subgroups"]
    ratios = [(ratio_of(row), row) for row in rows if ratio_of(row) is not None]
    if not ratios:
        return "No subgroup by sex, age, race or ethnicity is large enough to compare observed with expected events."
    (low, lower), (high, higher) = min(ratios, key=lambda one: one[0] or 0), max(ratios, key=lambda one: one[0] or 0)
    return (f"Observed events are between {low:.2f} ({STRATA[lower['by']].lower()}: {lower['value']}) and {high:.2f} "
            f"({STRATA[higher['by']].lower()}: {higher['value']}) times those expected, over {len(ratios)} subgroups.")


def ratio_of(row: dict[str, Any]) -> float | None:
    """Observed to expected events of a subgroup, with or without an interval beside it."""
    found = row.get("observed_to_expected")
    value = found.get("ratio") if isinstance(found, dict) else found
    return None if value is None else float(value)


def _moved(papers: dict[str, Any]) -> str:
    drift = papers["drift"]
    if drift["previous"] is None:
        return "This is the first release of this EHR in the lake, so nothing can be said of change yet."
    if drift["reason"]:
        return f"The release before ({drift['previous']['release_id']}) cannot be compared: {drift['reason']}."
    great = sum((one["psi"] or 0) >= 0.25 for one in drift["features"])
    return (f"Since the release of {day(drift['previous']['as_of'])}, {great} of {len(drift['features'])} inputs moved "
            f"greatly; old and new placement of the same people agree with an adjusted Rand index of "
            f"{digits(drift['adjusted_rand_index'])}.")


def _open(papers: dict[str, Any]) -> str:
    answers = papers["model-card"]["source_attributes"].values()
    waiting = sum(one["kind"] == "open" for one in answers)
    return f"{waiting} of {len(answers)} source attributes of the model card wait for an answer by this organisation."
