"""Where a list goes on, sealed: it holds the last member's id, which may stand in no address for others to read."""

import base64
import json
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app

from app.serving import Member


def sealed(place: Member, bound_to: str) -> str:
    """The place as one opaque word; `bound_to` names the list (launch, release, group and order) that it belongs to."""
    nonce = secrets.token_bytes(12)
    plain = json.dumps([place.subject_id, place.second_rank, place.firmness]).encode()
    return base64.urlsafe_b64encode(nonce + _cipher().encrypt(nonce, plain, bound_to.encode())).decode().rstrip("=")


def opened(word: str, bound_to: str) -> Member | None:
    """The place in a word that was sealed for this very list; None for any other word."""
    try:
        raw = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
        identity, second, firmness = json.loads(_cipher().decrypt(raw[:12], raw[12:], bound_to.encode()))
    except (ValueError, InvalidTag):
        return None
    return Member(identity, second, firmness)


def _cipher() -> AESGCM:
    key: bytes = current_app.extensions["secret_key"]
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=b"kindred list cursor v1").derive(key))
