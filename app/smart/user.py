"""The name of who is signed in, read from the EHR's own record of fhirUser with the token of the launch."""

import time
from typing import Any
from urllib.parse import quote

import requests

from app.names import preferred, spoken
from app.outgoing import session
from app.registry import Ehr, origin_of
from app.smart.bearer import Bearer
from app.smart.id_token import USER, relative_to

MAX_BYTES = 256 * 1024
SECONDS = 3.0  # a name is a courtesy: a launch does not wait longer for it


def user_name(fhir_user: str, ehr: Ehr, bearer: Bearer) -> str | None:
    """The name, or None where the EHR does not give one: an id is never shown in its place.

    A PractitionerRole has no name; that of its practitioner is read. A refused token is refreshed once, as everywhere
    (Problem `session_ended`); where there is no refresh token, the first read of the chart will tell.
    """
    deadline = time.monotonic() + SECONDS
    resource = _read(fhir_user, ehr, bearer, deadline)
    if resource.get("resourceType") == "PractitionerRole":
        practitioner = resource.get("practitioner")
        reference = practitioner.get("reference") if isinstance(practitioner, dict) else None
        relative = relative_to(ehr.issuer, reference)
        if relative is None or not relative.startswith("Practitioner/"):
            return None
        resource = _read(relative, ehr, bearer, deadline)
    return spoken(preferred(resource.get("name")))


def _read(relative: str, ehr: Ehr, bearer: Bearer, deadline: float) -> dict[str, Any]:
    """The resource at `Type/id` of the FHIR base; {} for whatever is not it."""
    kind, identity = relative.split("/")
    left = deadline - time.monotonic()
    if not USER.fullmatch(relative) or left <= 0:
        return {}
    headers = {**ehr.headers, "Accept": "application/fhir+json"}
    try:
        with session(frozenset({origin_of(ehr.issuer)}), MAX_BYTES, total_seconds=left) as http:
            url = f"{ehr.issuer.rstrip('/')}/{kind}/{quote(identity)}"
            http.auth = bearer
            reply = http.get(url, headers=headers, timeout=(left, left))
            if reply.status_code == 401 and bearer.can_refresh:
                bearer.refresh(bearer.used(reply.request))
                reply = http.get(url, headers=headers, timeout=(left, left))
            found = reply.json() if reply.status_code == 200 else None
    except (requests.RequestException, ValueError):
        return {}
    if not isinstance(found, dict) or (found.get("resourceType"), found.get("id")) != (kind, identity):
        return {}
    return found
