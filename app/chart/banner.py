"""The patient banner: name, born, sex, identifier. Unknown is said in words, never left blank (NHS CUI guidance)."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from app.chart.words import day
from app.names import preferred

NOT_KNOWN = "Not known"
SEXES = {"male": "Male", "female": "Female", "other": "Other"}


@dataclass(frozen=True)
class Banner:
    """What the banner shows; each part is a text, `Not known` where the chart does not say."""

    family: str
    given: str
    born: str
    sex: str
    identifier: str
    identifier_type: str
    died: str | None


def banner_of(patient: dict[str, Any], on: date) -> Banner:
    """The banner of a Patient resource; the age is that on the as-of date."""
    name = preferred(patient.get("name"))
    kind, value = _identifier(_dicts(patient.get("identifier")))
    return Banner(
        family=_text(name.get("family")) or _text(name.get("text")) or NOT_KNOWN,
        given=" ".join(part for part in _texts(name.get("given"))),
        born=_born(patient, on),
        sex=SEXES.get(str(patient.get("gender")), NOT_KNOWN),
        identifier=value or NOT_KNOWN,
        identifier_type=kind,
        died=_died(patient),
    )


def _identifier(identifiers: list[dict[str, Any]]) -> tuple[str, str | None]:
    """The medical record number, else the first identifier that says what it is: its type and value."""
    typed = [(_kind(one), one) for one in identifiers if _text(one.get("value"))]
    for kind, one in sorted(typed, key=lambda pair: (pair[0] != "Medical record number", pair[0] == "Identifier")):
        return kind, _text(one["value"])
    return "Identifier", None


def _kind(identifier: dict[str, Any]) -> str:
    given = identifier.get("type")
    kind: dict[str, Any] = given if isinstance(given, dict) else {}
    codings = _dicts(kind.get("coding"))
    if any(coding.get("code") == "MR" for coding in codings):
        return "Medical record number"
    shown = [_text(coding.get("display")) for coding in codings]
    return _text(kind.get("text")) or next((text for text in shown if text), None) or "Identifier"


def _born(patient: dict[str, Any], on: date) -> str:
    birth = _text(patient.get("birthDate"))
    shown = day(birth)
    if birth is None or shown is None:
        return NOT_KNOWN
    end = _text(patient.get("deceasedDateTime"))
    try:
        age = _years(date.fromisoformat(birth), date.fromisoformat(end[:10]) if end else on)
    except ValueError:
        return f"{shown} (age not known)"
    return f"{shown} ({age} years)" if age >= 0 else shown


def _years(birth: date, on: date) -> int:
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


def _died(patient: dict[str, Any]) -> str | None:
    when = _text(patient.get("deceasedDateTime"))
    if when:
        return f"Died {day(when) or NOT_KNOWN.lower()}"
    return "Died, date not known" if patient.get("deceasedBoolean") is True else None


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _texts(values: Any) -> list[str]:
    return [text for text in map(_text, values) if text] if isinstance(values, list) else []


def _dicts(values: Any) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
