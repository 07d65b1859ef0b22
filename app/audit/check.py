"""`python -m app --check-audit`: is every row of the audit trail as it was written, and is none missing?"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from app.audit import AUDIT, HEAD, chain_key, key_id, link, seal


@dataclass(frozen=True)
class Report:
    """`trouble`: what is wrong; `notes`: what could not be checked; `end`: id and hash of the last row.

    Who keeps `end` elsewhere can tell later that the whole file was not put back to an earlier state.
    """

    rows: int
    trouble: tuple[str, ...]
    notes: tuple[str, ...]
    end: str | None


def check(engine: Engine, secret_key: bytes) -> Report:
    """Follow the chain from the first row to its sealed end."""
    key = chain_key(secret_key)
    trouble: list[str] = []
    unkeyed, other, count, before, last = 0, 0, 0, None, None
    with engine.connect() as connection:
        head = connection.execute(select(HEAD.c.last, HEAD.c.seal)).first()
        for row in connection.execute(select(AUDIT).order_by(AUDIT.c.id)).mappings():
            count += 1
            checked = count - 1 - unkeyed - other > 0
            if row["key_id"] == key_id(key):
                trouble += _broken(key, before, row)
            elif checked:
                trouble.append(f"row {row['id']} is not chained by this key, and rows before it are")
            elif row["chain"] is None and not other:
                unkeyed += 1
            else:
                other += 1
            before, last = row["chain"], row
    trouble += _end(key, head, last, chained=count > unkeyed + other)
    notes = (
        *([f"{unkeyed} rows of an earlier version are not chained"] if unkeyed else []),
        *([f"{other} rows were chained by another key and cannot be checked with this one"] if other else []),
    )
    return Report(count, tuple(trouble), notes, f"{last['id']} {last['chain']}" if last else None)


def _broken(key: bytes, before: str | None, row: Any) -> list[str]:
    if row["chain"] == link(key, before, row):
        return []
    return [f"row {row['id']} is not as it was written, or rows before it were changed or taken out"]


def _end(key: bytes, head: Any, last: Any, *, chained: bool) -> list[str]:
    """The seal names the last row: what was taken off the end shows here."""
    if head is None:
        return ["the end of the chain is missing"] if chained else []
    if last is None or head.last > last["id"]:
        return [f"rows after {last['id'] if last else 0} are missing: {head.last} was the last"]
    if head.last != last["id"] or (chained and head.seal != seal(key, last["id"], last["chain"] or "")):
        return ["the end of the chain is not as it was written"]
    return []
