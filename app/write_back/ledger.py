"""What this app has put into charts: one row per finding, so that two windows never write the same one twice.

An EHR may not know conditional creates, or be slow to find what it has just stored; a row here is older than both.
The key is a hash: nothing of the patient stands in it.
"""

import time
from dataclasses import dataclass

from sqlalchemy import Column, Engine, Float, String, Table, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from app.database import METADATA
from app.smart.pending import hashed

OPEN_SECONDS = 150.0  # longer than a create can take (`app.outgoing`): nobody else sends the same before
KEEP_SECONDS = 400 * 86400.0  # a finding is of one day; after that long nobody has its page open
SENDING, WRITTEN = "sending", "written"

WRITES = Table(
    "chart_write", METADATA,
    Column("finding", String(64), primary_key=True),  # hash of EHR and identifier
    Column("state", String, nullable=False),  # sending: nobody knows yet; written
    Column("time", Float, nullable=False),  # Unix seconds
    Column("reference", String),  # Type/id at that EHR
    Column("version", String),
)  # fmt: skip


@dataclass(frozen=True)
class Write:
    """What is known of one finding. `is_open`: it was sent, and its answer may still come."""

    state: str
    time: float
    reference: str | None = None
    version: str | None = None

    @property
    def is_open(self) -> bool:
        """May somebody still be sending it?"""
        return self.state == SENDING and time.time() < self.time + OPEN_SECONDS


def known(engine: Engine, ehr: str, identifier: str) -> Write | None:
    """What this app knows of a finding at an EHR; None for nothing."""
    with engine.connect() as connection:
        row = connection.execute(select(WRITES).where(WRITES.c.finding == _key(ehr, identifier))).first()
    return Write(row.state, row.time, row.reference, row.version) if row else None


def claim(engine: Engine, ehr: str, identifier: str) -> bool:
    """The right to send this finding, for one request at a time. False where it is written or being sent."""
    key, now = _key(ehr, identifier), time.time()
    row = {"finding": key, "state": SENDING, "time": now}
    given_up = (WRITES.c.state == SENDING) & (WRITES.c.time < now - OPEN_SECONDS)
    taken = insert(WRITES).values(row).on_conflict_do_update([WRITES.c.finding], set_={"time": now}, where=given_up)
    with engine.begin() as connection:
        connection.execute(delete(WRITES).where(WRITES.c.time < now - KEEP_SECONDS))
        return connection.execute(taken).rowcount == 1


def settle(engine: Engine, ehr: str, identifier: str, reference: str | None, version: str | None) -> None:
    """It is in the EHR."""
    is_it = WRITES.c.finding == _key(ehr, identifier)
    values = {"state": WRITTEN, "time": time.time(), "reference": reference, "version": version}
    with engine.begin() as connection:
        connection.execute(update(WRITES).where(is_it).values(values))


def give_back(engine: Engine, ehr: str, identifier: str) -> None:
    """Nothing was stored for sure: whoever clicks next may try again."""
    is_it = (WRITES.c.finding == _key(ehr, identifier)) & (WRITES.c.state == SENDING)
    with engine.begin() as connection:
        connection.execute(delete(WRITES).where(is_it))


def _key(ehr: str, identifier: str) -> str:
    return hashed(f"{ehr}|{identifier}")
