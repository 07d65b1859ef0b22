"""Launches that wait for their callback: used once, ten minutes at most, bound to the browser and to the registration.

Nothing is kept of a launch that waits. Its `state`, which goes to the EHR and comes back, holds it, sealed with our
key; so whoever begins launches by the million takes the place of nobody's. Only a state of ours that came back is
noted, as used, and forgotten when it is too old to be used anyway.
"""

import base64
import hashlib
import secrets
import struct
from dataclasses import dataclass, field
from time import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Column, Engine, Float, String, Table, delete

from app.database import METADATA
from app.registry import Ehr

LIFETIME_SECONDS = 600.0
DRAWN_BYTES = 32  # SMART 2.2 asks for 122 bits of chance in a state (RFC 6749, 10.12)
_NONCE = bytes(12)  # each state has a key of its own, so no nonce is used twice
_TOLD = struct.Struct(">d?16s16s16s")  # begun, from a chart?, browser, registration, scope; the EHR's name follows

USED = Table(
    "used_state", METADATA,
    Column("state_hash", String(64), primary_key=True),
    Column("forget_at", Float, nullable=False, index=True),
    info={"passing": True},
)  # fmt: skip


@dataclass(frozen=True)
class Pending:
    """What a callback must match. `from_chart`: an EHR launch, not a standalone one."""

    ehr: str
    from_chart: bool
    begun: float
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)
    _browser: bytes = field(repr=False)
    _registration: bytes = field(repr=False)
    _scope: bytes = field(repr=False)

    def is_of_browser(self, browser: str) -> bool:
        """Was it begun in the browser that has this number?"""
        return secrets.compare_digest(self._browser, _digest(browser))

    def is_of(self, ehr: Ehr) -> bool:
        """Does the EHR still have the issuer and the redirect_uri that it had?"""
        return secrets.compare_digest(self._registration, _digest(ehr.issuer, ehr.redirect_uri))

    def asked(self, scope: str) -> bool:
        """Was this scope asked for?"""
        return secrets.compare_digest(self._scope, _digest(scope))


class Waiting:
    """Launches between our redirect and their callback."""

    def __init__(self, engine: Engine, secret_key: bytes) -> None:
        self._engine, self._key = engine, secret_key

    def begin(self, browser: str, ehr: Ehr, from_chart: bool, scope: str) -> tuple[str, Pending]:
        """A new launch and its state: fewer than 256 characters, of which 256 bits are chance."""
        drawn, begun = secrets.token_bytes(DRAWN_BYTES), time()
        cipher, verifier, nonce = self._derived(drawn)
        digests = _digest(browser), _digest(ehr.issuer, ehr.redirect_uri), _digest(scope)
        told = _TOLD.pack(begun, from_chart, *digests) + ehr.name.encode()
        state = _text(drawn + cipher.encrypt(_NONCE, told, None))
        return state, Pending(ehr.name, from_chart, begun, verifier, nonce, *digests)

    def take(self, state: str) -> Pending | None:
        """The launch of a state, which no second callback can use from now on; None if not ours, used or too old."""
        pending = self._opened(state)
        now = time()
        if pending is None or pending.begun < now - LIFETIME_SECONDS:
            return None
        kept_until = pending.begun + 2 * LIFETIME_SECONDS  # twice, for a clock that is set back
        note = USED.insert().prefix_with("OR IGNORE").values(state_hash=hashed(state), forget_at=kept_until)
        with self._engine.begin() as connection:
            connection.execute(delete(USED).where(USED.c.forget_at < now))
            is_first = connection.execute(note).rowcount == 1
        return pending if is_first else None

    def _opened(self, state: str) -> Pending | None:
        """What a state holds, if we sealed it. One that is written in any other way than ours is not ours."""
        try:
            raw = base64.b64decode(state + "=" * (-len(state) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None
        if _text(raw) != state or len(raw) <= DRAWN_BYTES:
            return None
        drawn = raw[:DRAWN_BYTES]
        cipher, verifier, nonce = self._derived(drawn)
        try:
            told = cipher.decrypt(_NONCE, raw[DRAWN_BYTES:], None)
        except InvalidTag:
            return None
        begun, from_chart, *digests = _TOLD.unpack_from(told)
        return Pending(told[_TOLD.size :].decode(), from_chart, begun, verifier, nonce, *digests)

    def _derived(self, drawn: bytes) -> tuple[AESGCM, str, str]:
        """Of our key and what was drawn: the cipher of this one state, its PKCE verifier (RFC 7636, 4.1), its nonce."""
        made = HKDF(SHA256(), 96, salt=drawn, info=b"kindred pending launch v2").derive(self._key)
        return AESGCM(made[:32]), _text(made[32:64]), _text(made[64:])


def hashed(secret: str) -> str:
    """SHA-256 in hex, for secrets of 128 bits or more that are looked up by value."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _digest(*texts: str) -> bytes:
    return hashlib.sha256("\n".join(texts).encode()).digest()[:16]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
