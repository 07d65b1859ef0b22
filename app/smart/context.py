"""The launch context: what the EHR said about patient, visit, user and looks; what it did not say stays None."""

from dataclasses import asdict, dataclass, field
from typing import Any

from app.smart.scopes import Granted

PATIENTS_SIDE = ("Patient/", "RelatedPerson/")


@dataclass(frozen=True)
class ContextItem:
    """One entry of fhirContext (2.2, "fhirContext"): what it points to, and in which role."""

    kind: str  # reference, canonical or identifier
    value: str = field(repr=False)  # Type/id, a canonical URL, or system|value
    type: str | None = None  # FHIR resource type, where the EHR named one
    role: str = "launch"


@dataclass(frozen=True)
class Context:
    """The launch context (2.2, "Launch context arrives with your access_token"); absent means None, never a guess."""

    patient: str | None = None
    encounter: str | None = None
    need_patient_banner: bool = True  # only an explicit false lets us leave the banner out
    fhir_user: str | None = None  # Practitioner/123
    scopes: tuple[str, ...] = ()
    user_name: str | None = field(default=None, repr=False)  # as the EHR's own record of fhir_user has it
    user_asked: bool = False  # we asked for openid, so a launch without a user is said
    items: tuple[ContextItem, ...] = ()
    items_dropped: int = 0  # entries of fhirContext that break its rules
    intent: str | None = None
    app_context: str | None = None  # of the card whose link opened us (CDS Hooks 2.0, "Link")
    tenant: str | None = None
    style_url: str | None = None

    @property
    def granted(self) -> Granted:
        """The granted scopes as questions that can be asked of them."""
        return Granted(self.scopes)

    @property
    def user_is_patients_side(self) -> bool:
        """Is the patient, or someone related to the patient, signed in rather than a professional?"""
        return self.fhir_user is not None and self.fhir_user.startswith(PATIENTS_SIDE)

    def as_json(self) -> dict[str, Any]:
        """Plain values, as `context_from` takes them."""
        return asdict(self)


def context_from(values: dict[str, Any]) -> Context:
    """A context from what `as_json` gave, after its way through JSON."""
    items = tuple(ContextItem(**item) for item in values["items"])
    return Context(**{**values, "scopes": tuple(values["scopes"]), "items": items})
