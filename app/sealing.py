"""Small values that lie or travel where others can reach them: encrypted, and bound to what they belong to.

AES-256-GCM (NIST SP 800-38D) with a fresh nonce of 96 bits; each purpose has a key of its own, derived from ours by
HKDF-SHA-256 (RFC 5869).
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12


def derived(secret_key: bytes, purpose: str, length: int = 32) -> bytes:
    """A key for one purpose; from it nobody gets back to ours, nor to that of another purpose."""
    return HKDF(SHA256(), length, salt=None, info=purpose.encode()).derive(secret_key)


class Sealer:
    """Seals with one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, bound_to: str) -> bytes:
        """The value, which opens only where it is bound to the same text."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, bound_to.encode())

    def opened(self, sealed: bytes, bound_to: str) -> bytes | None:
        """What was sealed; None under another key, or for a value that was moved or changed."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())
        except (InvalidTag, ValueError):  # ValueError: too short to be one
            return None
