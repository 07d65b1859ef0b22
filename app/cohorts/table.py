"""A table as it is printed: a header row, and rows whose first cell names them. As CSV: csv_files.py."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """`name` is that of its CSV file, "" where it has none."""

    name: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def table(name: str, title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table of texts."""
    return Table(name, title, tuple(head), tuple(tuple(row) for row in rows))
