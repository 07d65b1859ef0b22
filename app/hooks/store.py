"""What the hooks remember in the app's database: used JWTs, cards that were given, and what became of them.

No patient and no user stands in these tables: a card is found again by a keyed digest of whom it was for and what it
said (`about`). Free text of a clinician (`userComment`) is never kept: it may tell of the patient.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Engine, Float, String, Table, bindparam, delete, select

from app.database import METADATA, without_waiting
from app.registry import Ehr
from app.smart.pending import hashed

DAY = 86_400.0
FORGET_SECONDS = 60.0  # between two looks for rows that are to be forgotten
FEEDBACK_DAYS = 30  # after its call, for which a card takes feedback
KEPT_DAYS = 365  # that feedback is kept, which is also the longest `quiet_days`

USED_JTI = Table(
    "hook_jti", METADATA,
    Column("jti_hash", String(64), primary_key=True),
    Column("forget_at", Float, nullable=False, index=True),
    info={"passing": True},
)  # fmt: skip
CARD = Table(
    "hook_card", METADATA,
    Column("uuid", String(36), primary_key=True),
    Column("ehr", String, nullable=False),
    Column("service", String, nullable=False),
    Column("kind", String, nullable=False),  # group, gaps, part, order, check, record
    Column("about", String(64), nullable=False),
    Column("forget_at", Float, nullable=False, index=True),
    info={"passing": True},
)  # fmt: skip
FEEDBACK = Table(
    "hook_feedback", METADATA,
    Column("card", String(36), primary_key=True),
    Column("outcome_at", Float, primary_key=True),  # Unix seconds, as the CDS client says
    Column("ehr", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("about", String(64), nullable=False, index=True),
    Column("outcome", String, nullable=False),  # accepted, overridden
    Column("reason", String, nullable=False),  # a code of ours, "other" or "none"
    Column("received_at", Float, nullable=False, index=True),
    info={"passing": True},
)  # fmt: skip
# Written once: to put a statement together costs more than to run it.
_USE = USED_JTI.insert().prefix_with("OR IGNORE")
_OVERRIDDEN = select(FEEDBACK.c.about).where(
    FEEDBACK.c.about.in_(bindparam("about", expanding=True)),
    FEEDBACK.c.outcome == "overridden", FEEDBACK.c.outcome_at > bindparam("since"),
)  # fmt: skip
_CARD = select(CARD).where(
    CARD.c.uuid == bindparam("uuid"), CARD.c.ehr == bindparam("ehr"), CARD.c.service == bindparam("service")
)


@dataclass(frozen=True)
class Given:
    """A card that was given: which, to whom it said what (as a digest), and of which kind it was."""

    uuid: str
    service: str
    kind: str
    about: str


class HookStore:
    """The three tables. A cut of power may lose their last seconds; a call does not wait for the disk."""

    def __init__(self, engine: Engine, secret_key: bytes) -> None:
        self.engine, self._key = without_waiting(engine), secret_key
        self._forgot: dict[str, float] = {}  # by table: when, in Unix seconds

    def use_once(self, ehr: Ehr, jti: str, forget_at: float) -> bool:
        """Note a JWT as used; False where it was used before, by any process over this database."""
        mark = hashed(f"{ehr.name}\n{jti}")
        with self.engine.begin() as connection:
            self._forget(connection, USED_JTI)
            return connection.execute(_USE, {"jti_hash": mark, "forget_at": forget_at}).rowcount == 1

    def about(self, ehr: Ehr, user: str, patient: str, *said: str) -> str:
        """The digest under which a card for this user and patient that says this is found again."""
        text = json.dumps([ehr.name, user, patient, *said]).encode()
        return hmac.new(self._key, b"hook card:" + text, hashlib.sha256).hexdigest()

    def is_quiet(self, about: Iterable[str], days: int) -> set[str]:
        """Of these cards, those that were overridden within so many days."""
        since = time.time() - days * DAY
        with self.engine.connect() as connection:
            return set(connection.execute(_OVERRIDDEN, {"about": list(about), "since": since}).scalars())

    def note_cards(self, ehr: Ehr, cards: Iterable[Given]) -> None:
        """Keep what is needed to understand feedback on these cards."""
        now = time.time()
        rows = [{**vars(card), "ehr": ehr.name, "forget_at": now + FEEDBACK_DAYS * DAY} for card in cards]
        if not rows:
            return
        with self.engine.begin() as connection:
            self._forget(connection, CARD)
            connection.execute(CARD.insert(), rows)

    def card(self, ehr: Ehr, service: str, uuid: str) -> Given | None:
        """A card that this service gave to this EHR; None for any other."""
        with self.engine.connect() as connection:
            row = connection.execute(_CARD, {"uuid": uuid, "ehr": ehr.name, "service": service}).first()
        return Given(row.uuid, row.service, row.kind, row.about) if row else None

    def _forget(self, connection: Connection, table: Table) -> None:
        """Delete the rows whose time is over, now and then."""
        now = time.time()
        if now >= self._forgot.get(table.name, 0.0) + FORGET_SECONDS:
            connection.execute(delete(table).where(table.c.forget_at < now))
            self._forgot[table.name] = now

    def note_feedback(self, ehr: Ehr, card: Given, outcome: str, reason: str, outcome_at: float) -> bool:
        """Keep one outcome; False where it is known already: a CDS client may repeat itself."""
        now = time.time()
        row = {"card": card.uuid, "outcome_at": outcome_at, "ehr": ehr.name, "kind": card.kind, "about": card.about,
               "outcome": outcome, "reason": reason, "received_at": now}  # fmt: skip
        with self.engine.begin() as connection:
            connection.execute(delete(FEEDBACK).where(FEEDBACK.c.received_at < now - KEPT_DAYS * DAY))
            return connection.execute(FEEDBACK.insert().prefix_with("OR IGNORE").values(row)).rowcount == 1
