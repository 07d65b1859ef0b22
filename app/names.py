"""Names of people as FHIR has them (HumanName): which one to use, and how it is said."""

from typing import Any

LONGEST = 120


def preferred(names: object) -> dict[str, Any]:
    """The official name, else the usual one, else the first that is not old; {} where there is none."""
    known = [name for name in names if isinstance(name, dict)] if isinstance(names, list) else []
    for use in ("official", "usual"):
        for name in known:
            if name.get("use") == use:
                return name
    current = [name for name in known if name.get("use") not in ("old", "maiden")]
    return (current or known or [{}])[0]


def spoken(name: dict[str, Any]) -> str | None:
    """`Dr. Ana Núñez`: the name's own text, else its parts in order; None where it says nothing."""
    given = name.get("text")
    parts = [name.get("prefix"), name.get("given"), [name.get("family")], name.get("suffix")]
    listed = [one for part in parts if isinstance(part, list) for one in part if isinstance(one, str)]
    text = given if isinstance(given, str) and given.strip() else " ".join(listed)
    shown = " ".join(text.split())[:LONGEST]
    return shown if shown and shown.isprintable() else None
