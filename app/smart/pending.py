"""Launches that wait for their callback: one row each, used once, ten minutes at most, found by the hash of `state`."""

import hashlib
import secrets
import time
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Column, Engine, Float, Integer, LargeBinary, String, Table, delete, func, select

from app.database import METADATA

LIFETIME_SECONDS = 600.0
PER_BROWSER = 20  # launches that one browser may have open at once; the oldest gives way
IN_ALL = 10_000
_NONCE = bytes(12)  # each state is the key of one verifier, so no nonce is used twice

PENDING = Table(
    "pending_launch", METADATA,
    Column("id", Integer, primary_key=True),
    Column("state_hash", String(64), unique=True, nullable=False),
    Column("browser_hash", String(64), nullable=False, index=True),
    Column("ehr", String, nullable=False),
    Column("issuer", String, nullable=False),
    Column("redirect_uri", String, nullable=False),
    Column("sealed_verifier", LargeBinary, nullable=False),
    Column("nonce", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("created_at", Float, nullable=False, index=True),
    info={"passing": True},
)  # fmt: skip


@dataclass(frozen=True)
class Pending:
    """What a callback must match. The state itself is not kept, only its hash; the verifier lies sealed under it."""

    browser_hash: str
    ehr: str
    issuer: str
    redirect_uri: str
    verifier: str = field(repr=False)
    nonce: str
    scope: str
    created_at: float


def hashed(secret: str) -> str:
    """SHA-256 in hex, for secrets of 128 bits or more that are looked up by value."""
    return hashlib.sha256(secret.encode()).hexdigest()


def remember(engine: Engine, pending: Pending) -> str:
    """Keep a pending launch and return its new state of 256 bits (SMART 2.2 asks for 122, RFC 6749 10.12)."""
    state = secrets.token_urlsafe(32)
    kept = {name: value for name, value in vars(pending).items() if name != "verifier"}
    sealed = _sealed_by(state).encrypt(_NONCE, pending.verifier.encode(), None)
    with engine.begin() as connection:
        connection.execute(delete(PENDING).where(PENDING.c.created_at < time.time() - LIFETIME_SECONDS))
        connection.execute(PENDING.insert().values(state_hash=hashed(state), sealed_verifier=sealed, **kept))
        mine = select(PENDING.c.id).where(PENDING.c.browser_hash == pending.browser_hash)
        for rows, limit in ((mine, PER_BROWSER), (select(PENDING.c.id), IN_ALL)):
            surplus = rows.order_by(PENDING.c.id.desc()).offset(limit)
            connection.execute(delete(PENDING).where(PENDING.c.id.in_(surplus)))
    return state


def take(engine: Engine, state: str) -> Pending | None:
    """Take a pending launch out, so that no second callback can use it; None if unknown, used or too old."""
    with engine.begin() as connection:
        found = delete(PENDING).where(PENDING.c.state_hash == hashed(state)).returning(PENDING)
        row = connection.execute(found).mappings().first()
    if row is None or row["created_at"] < time.time() - LIFETIME_SECONDS:
        return None
    verifier = _sealed_by(state).decrypt(_NONCE, row["sealed_verifier"], None).decode()
    return Pending(**{name: row[name] for name in Pending.__dataclass_fields__ if name in row}, verifier=verifier)


def _sealed_by(state: str) -> AESGCM:
    """The cipher of one launch: only the browser that brings its state back opens the verifier, no reader of the file.

    A row's old bytes may outlive it in SQLite's write-ahead log.
    """
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=b"kindred pending verifier v1").derive(state.encode()))


def count(engine: Engine) -> int:
    """How many launches wait now."""
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(PENDING)).scalar_one())
