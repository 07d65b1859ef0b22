"""Reading a token reply: token, granted scopes, launch context. Members that we do not know are left alone."""

import math
import re
import time
from typing import Any

from app.problems import Problem
from app.smart.context import Context, ContextItem
from app.smart.tokens import Token

FHIR_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9\-.]{1,64}")  # "." and ".." would climb in a path
TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
REFERENCE = re.compile(r"([A-Z][A-Za-z]{1,63})/[A-Za-z0-9\-.]{1,64}")
CANONICAL = re.compile(r"(https?://|urn:)\S+")
DEFAULT_SECONDS = 3600.0  # where expires_in is missing or no number; a 401 before that is handled anyway
LONGEST_SECONDS = 86_400.0
LONGEST_TEXT = 2048
MOST_ITEMS = 50


def token_of(reply: dict[str, Any], kept_refresh: str | None = None) -> Token:
    """The token; an EHR that sends no new refresh token means us to keep the old one (RFC 6749, section 6)."""
    refresh = reply.get("refresh_token")
    kept = refresh if isinstance(refresh, str) and refresh else kept_refresh
    return Token(reply["access_token"], kept, time.time() + _lifetime(reply.get("expires_in")))


def _lifetime(value: object) -> float:
    """Seconds; some servers send them as text."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except ValueError:
        seconds = math.nan
    return min(seconds, LONGEST_SECONDS) if seconds > 0 else DEFAULT_SECONDS


def scopes_of(reply: dict[str, Any], otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """The granted scopes; a reply without scope grants what was asked (RFC 6749, 5.1 and 6)."""
    scope = reply.get("scope")
    return tuple(scope.split()) if isinstance(scope, str) else otherwise


def context_of(reply: dict[str, Any], asked_scope: str, base: str, fhir_user: str | None = None) -> Context:
    """The launch context. Raises Problem `token_invalid` where patient or encounter is given and is not a FHIR id.

    `base` is the FHIR base: an absolute reference to it is taken as the relative one that the standard asks for.
    """
    items, dropped = _items(reply.get("fhirContext"), base.rstrip("/") + "/")
    return Context(
        patient=_id(reply, "patient"),
        encounter=_id(reply, "encounter"),
        need_patient_banner=reply.get("need_patient_banner") is not False,
        fhir_user=fhir_user,
        scopes=scopes_of(reply, tuple(asked_scope.split())),
        user_asked="openid" in asked_scope.split(),
        items=items,
        items_dropped=dropped,
        intent=_text(reply.get("intent")),
        app_context=_text(reply.get("appContext")),
        tenant=_text(reply.get("tenant")),
        style_url=_text(reply.get("smart_style_url")),
    )


def _id(reply: dict[str, Any], key: str) -> str | None:
    value = reply.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not FHIR_ID.fullmatch(value):
        raise Problem("token_invalid", f"{key}_id")
    return value


def _text(value: object) -> str | None:
    """A text of one printable line, or None."""
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT and value.isprintable() else None


def _items(given: object, prefix: str) -> tuple[tuple[ContextItem, ...], int]:
    """The usable entries of fhirContext, and how many were not."""
    if given is None:
        return (), 0
    if not isinstance(given, list):
        return (), 1
    read = [_item(one, prefix) for one in given[:MOST_ITEMS]]
    kept = tuple(one for one in read if one is not None)
    return kept, len(given) - len(kept)


def _item(given: object, prefix: str) -> ContextItem | None:
    """One entry: reference, canonical or identifier; role `launch` where none is given. None if it breaks a rule."""
    if not isinstance(given, dict):
        return None
    role, kind = given.get("role", "launch"), given.get("type")
    if _text(role) is None or not (kind is None or (isinstance(kind, str) and TYPE.fullmatch(kind))):
        return None
    for name, read in (("reference", _reference), ("canonical", _canonical), ("identifier", _identifier)):
        if name in given:
            value = read(given[name], prefix)
            usable = value is not None and _agree(name, value, kind)
            return ContextItem(name, str(value), kind or _type_of(name, str(value)), role) if usable else None
    return None


def _reference(value: object, prefix: str) -> str | None:
    relative = value.removeprefix(prefix) if isinstance(value, str) else ""
    return relative if REFERENCE.fullmatch(relative) else None


def _canonical(value: object, _prefix: str) -> str | None:
    text = _text(value)
    return text if text and CANONICAL.fullmatch(text) else None


def _identifier(value: object, _prefix: str) -> str | None:
    parts = value if isinstance(value, dict) else {}
    system, own = _text(parts.get("system")), _text(parts.get("value"))
    return f"{system or ''}|{own}" if own else None


def _type_of(name: str, value: str) -> str | None:
    return value.split("/", 1)[0] if name == "reference" else None


def _agree(name: str, value: str | None, kind: str | None) -> bool:
    """A reference whose type says another thing than the entry's own `type` is no reference we may believe."""
    return kind is None or name != "reference" or str(value).startswith(f"{kind}/")
