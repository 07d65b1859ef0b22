"""One record per launch, kept on the server: tokens encrypted at rest, found by the random id in the page's path.

The record's id is in the path (`/s/<sid>/`), so two charts in one browser never mix; the cookie proves only
that the browser owns it. In the file stand the hashes of both, and one encrypted value bound to that id.
A refresh is done by whoever holds the record's lease, so that threads and processes over one database take turns.
"""

import hmac
import json
import secrets
import time
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy import Column, Engine, Float, Integer, LargeBinary, String, Table, delete, or_, select, update

from app.database import METADATA
from app.sealing import Sealer, derived
from app.smart.context import Context as Context
from app.smart.context import context_from
from app.smart.pending import hashed

LIFETIME_SECONDS = 12 * 3600.0  # a launch ends after a working day, whatever the EHR's refresh tokens allow
IDLE_SECONDS = 3600.0  # and an hour after it was last looked at
TOUCH_SECONDS = 60.0  # how exactly "last looked at" is kept
LEASE_SECONDS = 150.0  # longer than a token request can take (`app.outgoing`), so that two never run at once

RECORDS = Table(
    "launch_record", METADATA,
    Column("sid_hash", String(64), primary_key=True),
    Column("browser_hash", String(64), nullable=False),
    Column("ehr", String, nullable=False),
    Column("expires_at", Float, nullable=False, index=True),
    Column("used_at", Float, nullable=False),
    Column("version", Integer, nullable=False),  # one more with every token
    Column("lease", String(64)),  # who refreshes the token now
    Column("lease_until", Float),
    Column("sealed", LargeBinary, nullable=False),
    info={"passing": True},
)  # fmt: skip


@dataclass(frozen=True)
class Token:
    """An access token and when it ends (Unix seconds)."""

    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    expires_at: float | None = None


@dataclass(frozen=True)
class Launch:
    """One launch as the rest of the app may see it; `token` is for `app.smart` alone."""

    sid: str = field(repr=False)
    ehr: str
    context: Context
    token: Token = field(repr=False)
    version: int = 1


class Store:
    """Launch records in the app's database."""

    def __init__(self, engine: Engine, secret_key: bytes) -> None:
        self._engine, self._sealer = engine, Sealer(derived(secret_key, "kindred launch record v1"))

    def create(self, ehr: str, browser: str, token: Token, context: Context) -> Launch:
        """Keep a new launch under a new id of 256 bits; forgets those that have run out."""
        launch, now = Launch(secrets.token_urlsafe(32), ehr, context, token), time.time()
        row = {"sid_hash": hashed(launch.sid), "browser_hash": hashed(browser), "ehr": ehr, "version": launch.version,
               "expires_at": now + LIFETIME_SECONDS, "used_at": now, "sealed": self._seal(launch)}  # fmt: skip
        with self._engine.begin() as connection:
            connection.execute(delete(RECORDS).where(_over(now)))
            connection.execute(RECORDS.insert().values(row))
        return launch

    def ehr_of(self, sid: str) -> str | None:
        """Name of the EHR of a record, so that the right cookie is looked at; None if there is no such record."""
        with self._engine.connect() as connection:
            return connection.execute(select(RECORDS.c.ehr).where(RECORDS.c.sid_hash == hashed(sid))).scalar()

    def find(self, sid: str, browser: str | None) -> Launch | None:
        """The record, if this browser owns it and it has not run out; else None. Looking at it keeps it awake."""
        row, now = self._row(sid), time.time()
        if row is None or browser is None or not hmac.compare_digest(row["browser_hash"], hashed(browser)):
            return None
        if row["expires_at"] < now or row["used_at"] < now - IDLE_SECONDS:
            self._forget_old(now)
            return None
        if row["used_at"] < now - TOUCH_SECONDS:
            with self._engine.begin() as connection:
                connection.execute(update(RECORDS).where(RECORDS.c.sid_hash == hashed(sid)).values(used_at=now))
        return self._open(sid, row)

    def reload(self, launch: Launch) -> Launch | None:
        """The same record as it is now, after another request may have refreshed or ended it."""
        row = self._row(launch.sid)
        return self._open(launch.sid, row) if row else None

    def lease(self, launch: Launch) -> str | None:
        """The right to refresh this very token, for one holder at a time; None where another has it or had it."""
        holder, now = secrets.token_hex(16), time.time()
        free = or_(RECORDS.c.lease.is_(None), RECORDS.c.lease_until < now)
        is_this = (RECORDS.c.sid_hash == hashed(launch.sid), RECORDS.c.version == launch.version)
        with self._engine.begin() as connection:
            taken = connection.execute(
                update(RECORDS).where(*is_this, free).values(lease=holder, lease_until=now + LEASE_SECONDS)
            )
        return holder if taken.rowcount == 1 else None

    def release(self, launch: Launch, holder: str) -> None:
        """Give a lease back with the token as it was."""
        held = update(RECORDS).where(RECORDS.c.sid_hash == hashed(launch.sid), RECORDS.c.lease == holder)
        with self._engine.begin() as connection:
            connection.execute(held.values(lease=None, lease_until=None))

    def replace_token(self, launch: Launch, holder: str, token: Token, scopes: tuple[str, ...]) -> Launch | None:
        """Keep a refreshed token and what it grants, and give the lease back; all other context stays as it was.

        None where the record has ended, or the lease has passed to another: then the token is not kept.
        """
        context = replace(launch.context, scopes=scopes)
        fresh = replace(launch, token=token, context=context, version=launch.version + 1)
        held = update(RECORDS).where(RECORDS.c.sid_hash == hashed(launch.sid), RECORDS.c.lease == holder)
        values = {"sealed": self._seal(fresh), "version": fresh.version, "lease": None, "lease_until": None}
        with self._engine.begin() as connection:
            kept = connection.execute(held.values(values))
        return fresh if kept.rowcount == 1 else None

    def replace_name(self, launch: Launch, name: str) -> Launch:
        """Keep the name of who is signed in; a token that was refreshed meanwhile is not put back."""
        named = replace(launch, context=replace(launch.context, user_name=name))
        is_this = (RECORDS.c.sid_hash == hashed(launch.sid), RECORDS.c.version == launch.version)
        with self._engine.begin() as connection:
            connection.execute(update(RECORDS).where(*is_this).values(sealed=self._seal(named)))
        return named

    def forget(self, sid: str) -> None:
        """Delete a record and its tokens."""
        with self._engine.begin() as connection:
            connection.execute(delete(RECORDS).where(RECORDS.c.sid_hash == hashed(sid)))

    def _row(self, sid: str) -> Any:
        with self._engine.connect() as connection:
            return connection.execute(select(RECORDS).where(RECORDS.c.sid_hash == hashed(sid))).mappings().first()

    def _forget_old(self, now: float) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(RECORDS).where(_over(now)))

    def _seal(self, launch: Launch) -> bytes:
        plain = json.dumps({"token": asdict(launch.token), "context": launch.context.as_json()}).encode()
        return self._sealer.seal(plain, self._bound_to(launch.sid, launch.ehr))

    def _open(self, sid: str, row: Any) -> Launch | None:
        plain = self._sealer.opened(row["sealed"], self._bound_to(sid, row["ehr"]))
        if plain is None:
            return None
        values: dict[str, Any] = json.loads(plain)
        return Launch(sid, row["ehr"], context_from(values["context"]), Token(**values["token"]), row["version"])

    @staticmethod
    def _bound_to(sid: str, ehr: str) -> str:
        return f"{hashed(sid)}:{ehr}"


def _over(now: float) -> Any:
    return or_(RECORDS.c.expires_at < now, RECORDS.c.used_at < now - IDLE_SECONDS)
