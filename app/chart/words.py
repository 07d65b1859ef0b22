"""Words of the chart page that depend on what was found. Every code that the page can meet has its sentence here."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from analytics.definitions import catalogue
from analytics.definitions.explain import unit_words

GROUP_HIDDEN = {
    "no_release": "No release yet: no risk groups have been published for this EHR. "
    "What was found in the chart is shown below.",
    "no_database": "The risk groups cannot be read: their database does not answer, or nothing has been published in "
    "it yet. The people who run Kindred can see which. What was found in the chart is shown below.",
    "definitions_differ": "The published risk groups were made with other definitions than this app uses, so placing "
    "this patient in one could mislead. It returns with the next release.",
    "deceased": "The chart says that this patient has died. Risk groups look at what comes later, so none is shown.",
    "no_patient_data": "The chart holds too little to place this patient in a group.",
}
INCOMPLETE = (
    "The chart could not be read completely ({}). What is not read would count as not there, or as usual, so placing "
    "this patient in a group could mislead."
)
UNREAD = {
    "not_granted": "the EHR did not grant it",
    "narrowed": "the EHR granted only a part of it",
    "forbidden": "the EHR did not allow it",
    "not_offered": "the EHR does not offer it",
    "no_answer": "the EHR did not answer",
    "busy": "the EHR was too busy to answer",
    "too_slow": "the EHR took too long",
    "too_many_pages": "there was more than can be read at once",
    "too_many_parts": "the EHR granted it in so many parts that {} of them were not asked for",
    "unnamed": "for {} of them the EHR did not give which medicine it is",
    "cut": "the EHR sent fewer of them than it said there are",
    "other_patient": "the EHR answered with another patient’s data, which was not used",
    "malformed": "the answer could not be understood",
    "refused": "the answer led elsewhere or was too large",
    "failed": "the EHR reported an error",
}
UNUSABLE = ("Entries of the chart", "{} could not be used, since the patient, the date or the code is missing or odd")
PARTS = {  # US Core's categories of Observation and Condition; any other is not repeated on the page
    "laboratory": "laboratory results", "vital-signs": "vital signs", "social-history": "social history",
    "survey": "surveys", "sdoh": "social needs", "exam": "findings of examinations", "imaging": "imaging",
    "procedure": "procedures", "activity": "activity", "therapy": "therapy",
    "problem-list-item": "the problem list", "encounter-diagnosis": "diagnoses of visits",
    "health-concern": "health concerns",
}  # fmt: skip
TYPES = {
    "Condition": "Conditions", "Observation": "Measurements and laboratory results", "Encounter": "Visits and stays",
    "MedicationRequest": "Medicines", "Procedure": "Procedures", "Immunization": "Immunisations",
    "AllergyIntolerance": "Allergies",
}  # fmt: skip
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def unread_words(why: str, parts: Sequence[str] = (), count: int = 0) -> str:
    """Why a type is not, or not wholly, on the page; `parts` are the categories that are, `count` how many miss."""
    if why == "narrowed" and parts and all(part in PARTS for part in parts):
        return f"the EHR granted only {', '.join(PARTS[part] for part in parts)}"
    return UNREAD[why].format(count)


def by_name(orders: Mapping[str, int]) -> str | None:
    """How many orders' medicines are known by what they are called alone; None where every one has a code."""
    count = orders["by_name"]
    if not count:
        return None
    return "1 medicine has no known code and was recognised by its name alone." if count == 1 else \
        f"{count} medicines have no known code and were recognised by their names alone."


def unit_assumed(concept: str, told: Mapping[str, Any]) -> str:
    """That measurements of a concept came without a unit, and as what the newest is read. told: of the score."""
    defined, n = catalogue.concepts()[concept], told["n"]
    came = "1 value came without a unit and was" if n == 1 else f"{n} values came without a unit and were"
    newest = f"{told['value']:.4g} {unit_words(defined.unit)}".strip()
    return f"{capital(defined.label)}: {came} read by size; the newest stands here as {newest} ({day(told['time'])})."


def capital(text: str) -> str:
    """First letter as a capital, except in names such as eGFR and hsCRP."""
    return text if text[1:2].isupper() or text[:2] == "hs" else text[:1].upper() + text[1:]


def day(text: str | None) -> str | None:
    """`2026-03-09` (or a longer FHIR date) as 09-Mar-2026; `2026-03` and `2026` keep their precision."""
    parts = (text or "")[:10].split("-")
    if not parts[0].isdecimal():
        return None
    if len(parts) > 1 and parts[1].isdecimal() and 1 <= int(parts[1]) <= 12:
        parts[1] = MONTHS[int(parts[1]) - 1]
    return "-".join(reversed(parts))


def age_of_value(time: str | None, on: date) -> str | None:
    """How old a value was on the as-of date, in the words a clinician would use; None without a full date."""
    try:
        days = (on - date.fromisoformat((time or "")[:10])).days
    except ValueError:
        return None
    if days < 0:
        return None
    if days < 14:
        return "that day" if days == 0 else "1 day earlier" if days == 1 else f"{days} days earlier"
    if days < 61:
        return f"{days // 7} weeks earlier"
    return f"{round(days / 30.44)} months earlier" if days < 730 else f"{days // 365} years earlier"


def percent(fraction: float) -> str:
    """0.314 as `31`; below 1 % and above 99 % with one decimal, so that neither 0 nor 100 is claimed by rounding."""
    value = fraction * 100
    return f"{value:.1f}" if 0 < value < 1 or 99 < value < 100 else f"{value:.0f}"


def whole_percent(share: float | None, otherwise: str) -> str:
    """A share that the release rounded to whole percents: a 0 may be somebody, and a 100 not everybody."""
    if share is None:
        return otherwise
    return "under 1\u00a0%" if share < 0.005 else "over 99\u00a0%" if share > 0.995 else f"{share * 100:.0f}\u00a0%"


def firmness(group: dict[str, Any]) -> str:
    """How firmly the patient belongs: 1 - nearest/second distance, 0 on the border between both, 1 at the centre.

    In many dimensions most people lie well below 0.5; the bounds 0.3 and 0.1 are wordings, not test results.
    """
    second, value = group.get("second"), group.get("firmness")
    if group.get("rule"):
        return "This group is decided by a rule, not by similarity."
    if not second or value is None:
        return "There is no second group to compare with."
    if value >= 0.3:
        return f"Belongs here clearly. The next closest group, “{second}”, is far from this patient."
    if value >= 0.1:
        return f"Belongs here fairly firmly. The next closest group is “{second}”."
    return f"Only just belongs here: “{second}” is almost as close, so read both."
