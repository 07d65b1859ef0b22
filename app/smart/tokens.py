"""One record per launch, kept on the server: tokens encrypted at rest, found by the random id in the page's path.

The record's id is in the path (`/s/<sid>/`), so two charts in one browser never mix; the cookie proves only
that the browser owns it. In the file stand the hashes of both, and one encrypted value bound to that id.
"""

import hmac
import json
import secrets
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Column, Engine, Float, LargeBinary, String, Table, delete, select, update

from app.database import METADATA
from app.smart.pending import hashed
from app.smart.scopes import Granted

LIFETIME_SECONDS = 12 * 3600.0  # a launch ends after a working day, whatever the EHR's refresh tokens allow

RECORDS = Table(
    "launch_record", METADATA,
    Column("sid_hash", String(64), primary_key=True),
    Column("browser_hash", String(64), nullable=False),
    Column("ehr", String, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)  # fmt: skip


@dataclass(frozen=True)
class Token:
    """An access token and when it ends (Unix seconds; None where the EHR did not say)."""

    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    expires_at: float | None = None


@dataclass(frozen=True)
class Context:
    """The launch context (2.2, "Launch context arrives with your access_token"); absent means None, never a guess."""

    patient: str | None = None
    encounter: str | None = None
    need_patient_banner: bool = True  # only an explicit false lets us leave the banner out
    fhir_user: str | None = None
    scopes: tuple[str, ...] = ()

    @property
    def granted(self) -> Granted:
        """The granted scopes as questions that can be asked of them."""
        return Granted(self.scopes)


@dataclass(frozen=True)
class Launch:
    """One launch as the rest of the app may see it; `token` is for `app.smart` alone."""

    sid: str = field(repr=False)
    ehr: str
    context: Context
    token: Token = field(repr=False)


class Store:
    """Launch records in the app's database."""

    def __init__(self, engine: Engine, secret_key: bytes) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=b"kindred launch record v1").derive(secret_key)
        self._engine, self._cipher = engine, AESGCM(derived)

    def create(self, ehr: str, browser: str, token: Token, context: Context) -> Launch:
        """Keep a new launch under a new id of 256 bits; forgets those that have run out."""
        launch = Launch(secrets.token_urlsafe(32), ehr, context, token)
        row = {"sid_hash": hashed(launch.sid), "browser_hash": hashed(browser), "ehr": ehr,
               "expires_at": time.time() + LIFETIME_SECONDS, "sealed": self._seal(launch)}  # fmt: skip
        with self._engine.begin() as connection:
            connection.execute(delete(RECORDS).where(RECORDS.c.expires_at < time.time()))
            connection.execute(RECORDS.insert().values(row))
        return launch

    def ehr_of(self, sid: str) -> str | None:
        """Name of the EHR of a record, so that the right cookie is looked at; None if there is no such record."""
        with self._engine.connect() as connection:
            return connection.execute(select(RECORDS.c.ehr).where(RECORDS.c.sid_hash == hashed(sid))).scalar()

    def find(self, sid: str, browser: str | None) -> Launch | None:
        """The record, if this browser owns it and it has not run out; else None."""
        with self._engine.connect() as connection:
            row = connection.execute(select(RECORDS).where(RECORDS.c.sid_hash == hashed(sid))).mappings().first()
        if row is None or row["expires_at"] < time.time():
            return None
        if browser is None or not hmac.compare_digest(row["browser_hash"], hashed(browser)):
            return None
        return self._open(sid, row["ehr"], row["sealed"])

    def reload(self, launch: Launch) -> Launch | None:
        """The same record as it is now, after another request may have refreshed or ended it."""
        with self._engine.connect() as connection:
            row = connection.execute(select(RECORDS).where(RECORDS.c.sid_hash == hashed(launch.sid))).mappings().first()
        return self._open(launch.sid, row["ehr"], row["sealed"]) if row else None

    def replace_token(self, launch: Launch, token: Token) -> Launch:
        """Keep a refreshed token; the launch context stays as it was."""
        fresh = Launch(launch.sid, launch.ehr, launch.context, token)
        with self._engine.begin() as connection:
            connection.execute(
                update(RECORDS).where(RECORDS.c.sid_hash == hashed(launch.sid)).values(sealed=self._seal(fresh))
            )
        return fresh

    def forget(self, sid: str) -> None:
        """Delete a record and its tokens."""
        with self._engine.begin() as connection:
            connection.execute(delete(RECORDS).where(RECORDS.c.sid_hash == hashed(sid)))

    def _seal(self, launch: Launch) -> bytes:
        nonce = secrets.token_bytes(12)
        plain = json.dumps({"token": asdict(launch.token), "context": asdict(launch.context)}).encode()
        return nonce + self._cipher.encrypt(nonce, plain, self._bound_to(launch.sid, launch.ehr))

    def _open(self, sid: str, ehr: str, sealed: bytes) -> Launch | None:
        try:
            plain = self._cipher.decrypt(sealed[:12], sealed[12:], self._bound_to(sid, ehr))
        except InvalidTag:  # another secret key, or a value moved from another row
            return None
        values: dict[str, Any] = json.loads(plain)
        context = {**values["context"], "scopes": tuple(values["context"]["scopes"])}
        return Launch(sid, ehr, Context(**context), Token(**values["token"]))

    @staticmethod
    def _bound_to(sid: str, ehr: str) -> bytes:
        return f"{hashed(sid)}:{ehr}".encode()
