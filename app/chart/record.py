"""A FHIR R4 resource as rows of words, by its elements alone: what is not understood stays in the JSON below it."""

from collections.abc import Iterator
from typing import Any

from analytics.definitions import explain
from app.chart.words import day

MOST_ROWS = 40

#: Elements in the order in which they are told, with their names; `x` in `value[x]` stands for any type.
ELEMENTS = (
    ("code", "What"), ("vaccineCode", "What"), ("medicationCodeableConcept", "Medicine"),
    ("medicationReference", "Medicine"), ("class", "Kind of visit"), ("type", "Type"), ("category", "Category"),
    ("valueQuantity", "Value"), ("valueCodeableConcept", "Value"), ("valueString", "Value"), ("valueInteger", "Value"),
    ("valueBoolean", "Value"), ("dataAbsentReason", "No value, since"), ("interpretation", "Interpretation"),
    ("referenceRange", "Reference range"), ("component", ""), ("clinicalStatus", "Clinical status"),
    ("verificationStatus", "Verification"), ("status", "Status"), ("criticality", "Criticality"),
    ("name", "Name"), ("birthDate", "Born"), ("gender", "Sex"), ("deceasedDateTime", "Died"),
    ("effectiveDateTime", "Date"), ("effectivePeriod", "Date"), ("effectiveInstant", "Date"),
    ("onsetDateTime", "Onset"), ("onsetPeriod", "Onset"), ("abatementDateTime", "Ended"),
    ("performedDateTime", "Date"), ("performedPeriod", "Date"), ("occurrenceDateTime", "Date"), ("period", "Date"),
    ("authoredOn", "Ordered"), ("issued", "Reported"), ("recordedDate", "Recorded"), ("recorder", "Recorded by"),
    ("requester", "Ordered by"), ("performer", "Performed by"), ("reasonCode", "Reason"),
    ("dosageInstruction", "Dosage"), ("reaction", "Reaction"), ("note", "Note"),
)  # fmt: skip


def rows_of(resource: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, words) for each element that can be said in words; at most 40."""
    rows = [row for element, name in ELEMENTS for row in _rows(name, resource.get(element))]
    meta = resource.get("meta")
    updated = meta.get("lastUpdated") if isinstance(meta, dict) else None
    return [*rows[:MOST_ROWS], *_rows("Last changed in the EHR", updated)]


def _rows(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if name == "":  # components: each has a code and a value of its own
        for part in (one for one in (value if isinstance(value, list) else ()) if isinstance(one, dict)):
            values = [words(part[key]) for key in part if key.startswith("value")]
            yield words(part.get("code")) or "Part", ", ".join(filter(None, values)) or "Not known"
        return
    said = words(value)
    if said:
        yield name, said


def words(value: Any) -> str:
    """Any element in words: text before display before code, a quantity with its unit, 09-Mar-2026; "" for none."""
    if isinstance(value, list):
        return "; ".join(filter(None, map(words, value)))
    if isinstance(value, dict):
        return next((said for said in (make(value) for make in _MAKERS) if said), "")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return (day(value) or value) if _is_date(value) else value
    return str(value) if isinstance(value, int | float) else ""


def _is_date(text: str) -> bool:
    return len(text) >= 10 and text[:4].isdecimal() and text[4] == text[7] == "-" and text[10:11] in ("", "T")


def _concept(value: dict[str, Any]) -> str:
    """A CodeableConcept, Annotation or Dosage by its text, else by its codings; a Coding by its display, else code."""
    if isinstance(value.get("text"), str):
        return str(value["text"])
    codings = value.get("coding")
    if isinstance(codings, list):
        return next((said for said in map(_coding, codings) if said), "")
    return _coding(value)


def _coding(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    return next((str(value[key]) for key in ("display", "code") if isinstance(value.get(key), str)), "")


def _quantity(value: dict[str, Any]) -> str:
    if isinstance(value.get("value"), bool) or not isinstance(value.get("value"), int | float):
        return ""
    unit = value.get("unit") or explain.unit_words(str(value.get("code") or ""))
    sign = value.get("comparator") if isinstance(value.get("comparator"), str) else ""
    return f"{sign} {value['value']} {unit}".strip()


def _period(value: dict[str, Any]) -> str:
    start, end = (words(value.get(key)) for key in ("start", "end"))
    return f"{start or 'unknown'} to {end}" if end else f"from {start}" if start else ""


def _range(value: dict[str, Any]) -> str:
    low, high = (words(value.get(key)) for key in ("low", "high"))
    return f"{low} to {high}" if low and high else f"from {low}" if low else f"up to {high}" if high else ""


def _name(value: dict[str, Any]) -> str:
    given = value.get("given") if isinstance(value.get("given"), list) else []
    parts = [part for part in [*(given or []), value.get("family")] if isinstance(part, str)]
    return " ".join(parts)


def _inner(value: dict[str, Any]) -> str:
    """What only wraps something that can be said: a performer's actor, an allergy's manifestation."""
    return next((said for key in ("actor", "manifestation", "reference") if (said := words(value.get(key)))), "")


_MAKERS = (_quantity, _period, _range, _concept, _name, _inner)
