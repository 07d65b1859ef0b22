"""Where a key stands in a TOML file: `tomllib` tells lines of broken syntax only, and a wrong value needs one too."""

import tomllib
from typing import Any


def line_of(text: str, *path: str) -> int | None:
    """Number of the line that a table or key begins on, from 1; None where it stands nowhere.

    The parser itself decides: the statement ends with the first line by which the file, read so far, holds the key.
    """
    lines, begun = text.splitlines(), 0
    for number in range(1, len(lines) + 1):
        try:
            tables = tomllib.loads("\n".join(lines[:number]) + "\n")
        except tomllib.TOMLDecodeError:
            continue  # in the middle of a list or a text of several lines
        if _holds(tables, path):
            return begun + 1
        begun = number  # empty lines and comments end where they begin, too
    return None


def _holds(tables: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(tables, dict) or name not in tables:
            return False
        tables = tables[name]
    return True
