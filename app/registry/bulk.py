"""Checks the `[NAME.bulk]` table for `python -m app --check`; a start of the app leaves it alone.

The export reads it for itself (analytics/registry.py), and a test holds the two together.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.registry.reader import EHR_KEYS, TableReader, Wrong, refuse_unknown

BULK_KEYS = ("client_id", "private_key", "scopes", "group", "hosts", "patience_days")
_SCOPE = re.compile(r"system/(?P<type>\*|[A-Za-z]+)\.(read|write|\*|[cruds]+)(\?.+)?")


@dataclass(frozen=True)
class Bulk:
    """What is said of the export's registration."""

    client_id: str
    kid: str
    group: str | None

    def described(self) -> str:
        """`bulk client kindred-bulk, key k1, group all`."""
        return f"bulk client {self.client_id}, key {self.kid}" + (f", group {self.group}" if self.group else "")


def read_bulk(name: str, table: dict[str, Any], folder: Path) -> Bulk:
    """The bulk table of an EHR that has one. `folder`: what the key file is relative to. Raises Wrong."""
    refuse_unknown(name, table, EHR_KEYS)
    bulk = table["bulk"]
    if not isinstance(bulk, dict):
        raise Wrong(name, "bulk", f"must be a table; write [{name}.bulk].")
    TableReader(name, table).url("issuer")
    refuse_unknown(f"{name}.bulk", bulk, BULK_KEYS)
    read = TableReader(f"{name}.bulk", bulk)
    read.origins("hosts")
    _check_scopes(read)
    _check_days(read)
    group = read.text("group") if "group" in bulk else None
    return Bulk(read.text("client_id"), str(read.key("private_key", folder)["kid"]), group)


def _check_scopes(read: TableReader) -> None:
    for number, word in enumerate(read.text("scopes").split() if "scopes" in read.values else (), 1):
        found = _SCOPE.fullmatch(word)
        if found is None and "://" not in word:
            raise read.wrong("scopes", f"word {number} is no scope of a backend service; write such as system/*.rs.")
        if found:
            read.refuse_unknown_type(number, found["type"])


def _check_days(read: TableReader) -> None:
    days = read.values.get("patience_days", 30)
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0 < days <= 365:
        raise read.wrong("patience_days", "must be a number of days from above 0 to 365.")
