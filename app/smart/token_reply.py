"""Reading a token reply: token, granted scopes, launch context."""

import re
import time
from typing import Any

from app.problems import Problem
from app.smart.tokens import Context, Token

FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def token_of(reply: dict[str, Any], kept_refresh: str | None = None) -> Token:
    """The token; an EHR that sends no new refresh token means us to keep the old one (RFC 6749, section 6)."""
    lifetime = reply.get("expires_in")
    if isinstance(lifetime, str) and lifetime.isdecimal():
        lifetime = int(lifetime)
    expires_at = time.time() + lifetime if isinstance(lifetime, int | float) and lifetime > 0 else None
    refresh = reply.get("refresh_token")
    return Token(reply["access_token"], refresh if isinstance(refresh, str) else kept_refresh, expires_at)


def context_of(reply: dict[str, Any], asked_scope: str, fhir_user: str | None) -> Context:
    """The launch context. Raises Problem `token_invalid` where an id is not a FHIR id."""
    scope = reply.get("scope")
    return Context(
        patient=_id(reply, "patient"),
        encounter=_id(reply, "encounter"),
        need_patient_banner=reply.get("need_patient_banner") is not False,
        fhir_user=fhir_user,
        # RFC 6749 5.1: a reply without scope grants what was asked.
        scopes=tuple((scope if isinstance(scope, str) else asked_scope).split()),
    )


def _id(reply: dict[str, Any], key: str) -> str | None:
    value = reply.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not FHIR_ID.fullmatch(value):
        raise Problem("token_invalid", f"{key}_id")
    return value
