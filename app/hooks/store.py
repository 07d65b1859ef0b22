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

from sqlalchemy import Column, Engine, Float, String, Table, and_, delete, select

from app.database import METADATA, without_waiting
from app.registry import Ehr
from app.smart.pending import hashed

DAY = 86_400.0
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

    def use_once(self, ehr: Ehr, jti: str, forget_at: float) -> bool:
        """Note a JWT as used; False where it was used before, by any process over this database."""
        mark = hashed(f"{ehr.name}\n{jti}")
        note = USED_JTI.insert().prefix_with("OR IGNORE").values(jti_hash=mark, forget_at=forget_at)
        with self.engine.begin() as connection:
            connection.execute(delete(USED_JTI).where(USED_JTI.c.forget_at < time.time()))
            return connection.execute(note).rowcount == 1

    def about(self, ehr: Ehr, user: str, patient: str, *said: str) -> str:
        """The digest under which a card for this user and patient that says this is found again."""
        text = json.dumps([ehr.name, user, patient, *said]).encode()
        return hmac.new(self._key, b"hook card:" + text, hashlib.sha256).hexdigest()

    def is_quiet(self, about: Iterable[str], days: int) -> set[str]:
        """Of these cards, those that were overridden within so many days."""
        since = time.time() - days * DAY
        told = and_(FEEDBACK.c.about.in_(list(about)), FEEDBACK.c.outcome == "overridden")
        with self.engine.connect() as connection:
            rows = connection.execute(select(FEEDBACK.c.about).where(told, FEEDBACK.c.outcome_at > since))
            return {row.about for row in rows}

    def note_cards(self, ehr: Ehr, cards: Iterable[Given]) -> None:
        """Keep what is needed to understand feedback on these cards."""
        now = time.time()
        rows = [{**vars(card), "ehr": ehr.name, "forget_at": now + FEEDBACK_DAYS * DAY} for card in cards]
        if not rows:
            return
        with self.engine.begin() as connection:
            connection.execute(delete(CARD).where(CARD.c.forget_at < now))
            connection.execute(CARD.insert(), rows)

    def card(self, ehr: Ehr, service: str, uuid: str) -> Given | None:
        """A card that this service gave to this EHR; None for any other."""
        found = select(CARD).where(CARD.c.uuid == uuid, CARD.c.ehr == ehr.name, CARD.c.service == service)
        with self.engine.connect() as connection:
            row = connection.execute(found).first()
        return Given(row.uuid, row.service, row.kind, row.about) if row else None

    def note_feedback(self, ehr: Ehr, card: Given, outcome: str, reason: str, outcome_at: float) -> bool:
        """Keep one outcome; False where it is known already: a CDS client may repeat itself."""
        now = time.time()
        row = {"card": card.uuid, "outcome_at": outcome_at, "ehr": ehr.name, "kind": card.kind, "about": card.about,
               "outcome": outcome, "reason": reason, "received_at": now}  # fmt: skip
        with self.engine.begin() as connection:
            connection.execute(delete(FEEDBACK).where(FEEDBACK.c.received_at < now - KEPT_DAYS * DAY))
            return connection.execute(FEEDBACK.insert().prefix_with("OR IGNORE").values(row)).rowcount == 1
