"""What an EHR hands over with a launch (SMART App Launch 2.2, "Scopes for requesting context data"), chosen per launch.

A parameter that is absent in the request takes its usual value; null leaves it out of the token response. `intent`,
`tenant`, `fhirContext`, `smart_style_url`, `encounter` and what is in `extra` go out as they came in, odd ones too.
"""

from collections.abc import Mapping
from typing import Any

from fhir_fixtures.ehr import styles, users
from fhir_fixtures.ehr.sandbox import Sandbox
from fhir_fixtures.ehr.vault import Launch

TENANT = "kindred-sandbox"
VERBATIM = ("intent", "tenant", "fhirContext", "need_patient_banner")


def usual(base: str, patient: str | None, *, banner: bool) -> dict[str, Any]:
    """The context of an everyday launch. `banner`: the app itself must show who the patient is."""
    shown: dict[str, Any] = {"need_patient_banner": banner} if patient else {}
    return {**shown, "smart_style_url": styles.address(base, "default", base), "tenant": TENANT}


def read(sandbox: Sandbox, asked: Mapping[str, Any], base: str, foreign: str) -> Launch:
    """The launch that a request describes; ValueError names what is unknown.

    `base`, `foreign`: external addresses of the sandbox and of its foreign host, for the style's address.
    """
    patient = asked.get("patient")
    if patient is not None and (not isinstance(patient, str) or sandbox.store.person(patient) is None):
        raise ValueError("unknown patient")
    context = usual(base, patient, banner=False) | {name: asked[name] for name in VERBATIM if name in asked}
    if asked.get("smart_style_url", "") is None:
        context["smart_style_url"] = None
    elif "smart_style_url" in asked:
        context["smart_style_url"] = styles.address(base, asked["smart_style_url"], foreign)
    context |= asked.get("extra") or {}
    encounter = asked.get("encounter", sandbox.newest_encounter(patient) if patient else None)
    given = {name: value for name, value in context.items() if value is not None}
    relative = asked.get("fhir_user", "absolute") == "relative"
    return Launch(_user(sandbox, asked), patient, encounter, relative_user=relative, context=given)


def _user(sandbox: Sandbox, asked: Mapping[str, Any]) -> str:
    """Who is signed in: `user` (a reference), or `clinician` (the id of a Practitioner), else the first clinician."""
    if "clinician" in asked:
        found = sandbox.clinician(asked["clinician"])
        if found is None:
            raise ValueError("unknown clinician")
        return f"Practitioner/{found.id}"
    user = asked.get("user")
    if user is None:
        return f"Practitioner/{sandbox.clinicians[0].id}"
    if users.resource(sandbox.store, str(user)) is None:
        raise ValueError("unknown user")
    return str(user)
