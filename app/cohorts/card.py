"""The model card: HTI-1's 31 source attributes (45 CFR 170.315(b)(11)(iv)(B)) and the CHAI fields, as published."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.cohorts.opening import Opening


@dataclass(frozen=True)
class Answer:
    """One attribute; `is_open` where the software does not know it and somebody has to fill it in."""

    asks: str
    place: str
    answer: str
    is_open: bool


@dataclass(frozen=True)
class Card:
    """Both forms of the card."""

    regulation: str
    attributes: tuple[Answer, ...]
    chai: tuple[Answer, ...]
    summary: str


def card(opening: Opening) -> Card | None:
    """The page; None where the release has no such paper."""
    paper = opening.paper("model-card")
    if paper is None:
        return None
    attributes = tuple(
        Answer(one["asks"], place, one["answer"], one["kind"] == "open")
        for place, one in paper["source_attributes"].items()
    )
    waiting = sum(one.is_open for one in attributes)
    summary = (
        f"{len(attributes)} source attributes; {waiting or 'none'} of them are not known to the software and wait for "
        "an answer by the organisation that runs Kindred. They are marked, and nothing was put in their place."
    )
    return Card(paper["regulation"], attributes, tuple(_fields(paper.get("chai") or {}, ())), summary)


def _fields(of: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Answer]:
    """The fields of the CHAI card, however deep they lie; `place` is the way to each."""
    for name, one in of.items():
        if not isinstance(one, dict):
            continue
        if "answer" in one:
            yield Answer(_spaced(name), " / ".join(map(_spaced, path)), str(one["answer"]), one.get("kind") == "open")
        else:
            yield from _fields(one, (*path, name))


def _spaced(name: str) -> str:
    """`ModelName` as `Model name`."""
    return (
        re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", name).capitalize() if name.isalpha() and not name.isupper() else name
    )
