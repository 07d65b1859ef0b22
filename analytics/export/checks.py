"""What a person may ask of an export, checked before anything is sent. Every function raises ConfigError in words."""

import re
from datetime import UTC, datetime

from analytics.definitions.resource_types import R4_TYPES, nearest
from analytics.errors import ConfigError

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")  # FHIR R4 "instant"
ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")  # FHIR R4 "id"
ELEMENT = re.compile(r"([A-Z][A-Za-z]+\.)?[a-z][A-Za-z0-9]*(\[x\])?")
ASSOCIATED = ("LatestProvenanceResources", "RelevantProvenanceResources")  # Bulk Data 3.0; `_name`: the server's own
NOT_IN_FILTERS = ("_sort", "_include", "_revinclude", "_elements", "_summary", "_count")  # they select nothing


def instant(name: str, text: str, now: datetime | None = None) -> datetime:
    """The FHIR instant as a time. Refused: other forms, dates that no calendar has, times in the future."""
    example = f"Write an instant such as {name} 2026-06-30T00:00:00Z" + (", or auto." if name == "--since" else ".")
    if not INSTANT.fullmatch(text):
        raise ConfigError(f"{name} {text!r} is not an instant with date, time and zone.", example)
    try:
        when = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        raise ConfigError(f"{name} {text!r} is no date and time that there is.", example) from None
    if when > (now or datetime.now(UTC)):
        raise ConfigError(f"{name} {text!r} lies in the future.", example)
    return when


def resource_type(option: str, name: str) -> None:
    if name not in R4_TYPES:
        near = nearest(name)
        hint = f"Did you mean {near}?" if near else f"Write names as FHIR does, such as {option} Patient,Condition."
        raise ConfigError(f"{option}: {name!r} is not a resource type of FHIR R4.", hint)


def type_filter(text: str, types: tuple[str, ...]) -> None:
    """`Type?search`, for a type that is exported, with something that selects."""
    name, question, search = text.partition("?")
    form = "Write it as --type-filter 'Observation?category=laboratory'."
    if not question or "=" not in search or any(c.isspace() for c in text):
        raise ConfigError(f"--type-filter {text!r} is not of the form Type?search.", form)
    resource_type("--type-filter", name)
    if types and name not in types:
        raise ConfigError(f"--type-filter is for {name}, which is not among the types asked.", f"Add --types {name}.")
    wrong = [part.partition("=")[0] for part in search.split("&") if part.startswith(NOT_IN_FILTERS)]
    if wrong:
        raise ConfigError(f"--type-filter cannot hold {wrong[0]}: it selects no resources.", form)


def elements(names: tuple[str, ...], types: tuple[str, ...]) -> None:
    for name in names:
        if not ELEMENT.fullmatch(name):
            raise ConfigError(f"--elements {name!r} is not an element.", "Write it as --elements id,Patient.birthDate.")
        owner = name.rpartition(".")[0]
        if owner:
            resource_type("--elements", owner)
        if owner and types and owner not in types:
            raise ConfigError(f"--elements names {owner}, which is not among the types asked.",
                              f"Add --types {owner}.")


def fhir_ids(option: str, ids: tuple[str, ...]) -> None:
    """Ids alone. The message counts them and does not repeat them: those of patients are patient data."""
    wrong = sum(not ID.fullmatch(one) for one in ids)
    if wrong:
        raise ConfigError(f"{option}: {wrong} of {len(ids)} are no FHIR ids.",
                          "An id has 1 to 64 letters, digits, '-' and '.', such as --patient 8f2a-11.")


def associated(names: tuple[str, ...]) -> None:
    for name in names:
        if name not in ASSOCIATED and not re.fullmatch(r"_[A-Za-z0-9_.\-]{1,63}", name):
            raise ConfigError(f"--include-associated-data {name!r} is not known to Bulk Data 3.0.",
                              f"Use {' or '.join(ASSOCIATED)}, or a name of the server's own, which begins with _.")
