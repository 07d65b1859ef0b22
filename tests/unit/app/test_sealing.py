"""Sealed values: whoever lacks the key, or has the value of another place, gets nothing out of them."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.sealing import Sealer, derived

SECRET = b"k" * 32
SEALER = Sealer(derived(SECRET, "tests v1"))


def test_a_value_opens_where_it_belongs_and_says_nothing_itself() -> None:
    sealed = SEALER.seal(b"patient 1", "row 1")
    assert SEALER.opened(sealed, "row 1") == b"patient 1" and b"patient" not in sealed
    assert SEALER.seal(b"patient 1", "row 1") != sealed  # the same value twice tells nothing


@pytest.mark.parametrize(
    "changed", [b"", b"short", SEALER.seal(b"patient 1", "row 2"), b"x" * 40], ids=["none", "short", "moved", "foreign"]
)
def test_what_was_moved_or_is_none_of_ours_does_not_open(changed: bytes) -> None:
    assert SEALER.opened(changed, "row 1") is None


def test_every_key_and_every_purpose_is_another() -> None:
    sealed = SEALER.seal(b"patient 1", "row 1")
    for key in (derived(b"o" * 32, "tests v1"), derived(SECRET, "tests v2")):
        assert Sealer(key).opened(sealed, "row 1") is None


def test_it_is_aes_gcm_under_a_key_of_hkdf() -> None:
    """Worked out beside our code, so that what lies in an app.db still opens after an upgrade."""
    key = HKDF(SHA256(), 32, salt=None, info=b"tests v1").derive(SECRET)
    assert SEALER.opened(b"n" * 12 + AESGCM(key).encrypt(b"n" * 12, b"patient 1", b"row 1"), "row 1") == b"patient 1"
    assert derived(SECRET, "tests v1", 64)[:32] == key
