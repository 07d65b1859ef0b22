"""Where a list goes on, sealed: a place is one person's, and may stand in no address for others to read."""

import base64

from flask import current_app

from app.sealing import Sealer, derived


def sealed(place: int, bound_to: str) -> str:
    """The place as one opaque word; `bound_to` names the list (launch, release, group and order) that it belongs to."""
    return base64.urlsafe_b64encode(_sealer().seal(place.to_bytes(8), bound_to)).decode().rstrip("=")


def opened(word: str, bound_to: str) -> int | None:
    """The place in a word that was sealed for this very list; None for any other word."""
    try:
        plain = _sealer().opened(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)), bound_to)
    except ValueError:  # no Base64
        return None
    return int.from_bytes(plain) if plain is not None else None


def _sealer() -> Sealer:
    return Sealer(derived(current_app.extensions["secret_key"], "kindred list cursor v2"))
