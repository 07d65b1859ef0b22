"""The mark of a launch's patient: what a page carries and every reply under its path repeats, so that none can mix.

The page has no script that could compare replies, so the server does: each address and form that a page holds brings
the page's mark back, and what was made for another patient is refused. The header is for callers that can compare.
"""

import hashlib
import hmac

from flask import current_app, request

from app.problems import Problem
from app.security import check_form_token
from app.smart.tokens import Launch

HEADER = "Kindred-Patient"
PARAMETER = "patient"


def mark_of(launch: Launch) -> str:
    """128 bits in hex that stand for this patient in this launch alone, and tell nobody who it is."""
    key: bytes = current_app.extensions["secret_key"]
    about = f"patient:{launch.sid}:{launch.context.patient or ''}"
    return hmac.new(key, about.encode(), hashlib.sha256).hexdigest()[:32]


def check_sent_mark(launch: Launch, *, needed: bool) -> None:
    """The same for a program, which sends the mark as the header. Raises Problem `mark_wrong`."""
    sent = request.headers.get(HEADER)
    if (sent is not None or needed) and not hmac.compare_digest((sent or "").encode(), mark_of(launch).encode()):
        raise Problem("mark_wrong", "other_page")


def check_mark(launch: Launch) -> None:
    """Raises Problem `patient_mismatch` unless the request comes from a page of this launch's patient."""
    sent = request.values.get(PARAMETER, "")
    if not hmac.compare_digest(sent.encode(), mark_of(launch).encode()):
        raise Problem("patient_mismatch", "other_page")


def check_form(launch: Launch) -> None:
    """Raises Problem `cross_site`, `patient_mismatch` unless the form comes from a page of this launch and patient."""
    check_form_token(launch.sid)
    check_mark(launch)
