"""The part of Markdown that cards use, as HTML: paragraphs, flat lists, bold, escaped letters. No HTML gets through."""

import re

from markupsafe import Markup, escape

_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}
_PIECE = re.compile(r"\\(?P<letter>[!-/:-@\[-`{-~])|\*\*(?P<bold>(?:\\.|[^*])+)\*\*|(?P<entity>&(?:amp|lt|gt);)")


def html(text: str) -> Markup:
    """Markdown as HTML that may stand in a page as it is."""
    blocks = [block.splitlines() for block in re.split(r"\n\s*\n", text.strip()) if block.strip()]
    return Markup("\n").join(_block(lines) for lines in blocks)


def _block(lines: list[str]) -> Markup:
    if all(line.startswith("- ") for line in lines):
        items = Markup("").join(Markup("<li>{}</li>").format(_inline(line[2:])) for line in lines)
        return Markup("<ul>{}</ul>").format(items)
    return Markup("<p>{}</p>").format(_inline(" ".join(lines)))


def _inline(text: str) -> Markup:
    made, place = Markup(""), 0
    for found in _PIECE.finditer(text):
        made += escape(text[place : found.start()]) + _piece(found)
        place = found.end()
    return made + escape(text[place:])


def _piece(found: re.Match[str]) -> Markup:
    if found["letter"]:
        return escape(found["letter"])
    if found["bold"]:
        return Markup("<strong>{}</strong>").format(_inline(found["bold"]))
    return escape(_ENTITIES[found["entity"]])
