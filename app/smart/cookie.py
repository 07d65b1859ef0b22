"""The one cookie: a random number that proves that a browser owns its launches. It says nothing else."""

import secrets

from flask import Request, Response

from app.registry import Ehr

_BITS_256 = 43  # length of 32 bytes in base64url


def _name(ehr: Ehr) -> str:
    return "__Host-kindred" if _is_https(ehr) else "kindred"


def _is_https(ehr: Ehr) -> bool:
    return ehr.own_origin.startswith("https:")


def browser_of(request: Request, ehr: Ehr) -> str | None:
    """This browser's number under this EHR's scheme, or None."""
    value = request.cookies.get(_name(ehr), "")
    return value if len(value) == _BITS_256 else None


def new_browser() -> str:
    """A number for a browser that has none yet."""
    return secrets.token_urlsafe(32)


def set_browser(response: Response, ehr: Ehr, browser: str) -> None:
    """SameSite=None and Partitioned so that it survives in the EHR's frame; plain on http, which is loopback only."""
    https = _is_https(ehr)
    response.set_cookie(
        _name(ehr), browser, path="/", httponly=True, secure=https, samesite="None" if https else "Lax",
        partitioned=https,
    )  # fmt: skip
