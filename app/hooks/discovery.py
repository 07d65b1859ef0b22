"""What discovery lists (CDS Hooks 2.0, "Discovery"): the services, what each is for, and what a call should bring."""

from datetime import date
from typing import Any

from app.hooks.prefetch import templates

VIEW, SELECT = "patient-view", "order-select"
SERVICES = {f"kindred-{hook}": hook for hook in (VIEW, SELECT)}  # id -> hook
TITLES = {VIEW: "Kindred: risk group and care gaps", SELECT: "Kindred: statins and medicines for blood pressure"}
FOR_WHOM = "Information for health professionals; it never alarms."
DESCRIPTIONS = {
    VIEW: "Which data-driven risk group the patient belongs to, how people like this one fared, and which care gaps "
    "are open.",
    SELECT: "For a selected statin or medicine for blood pressure: possible duplication and what is on record against "
    "it, the 10-year risk by PREVENT, and what trials say of treatment.",
}


def described(service: str, on: date) -> dict[str, Any]:
    """One service. The templates are the same for each hook: what an EHR brought for one it may bring for the other."""
    hook = SERVICES[service]
    return {
        "hook": hook,
        "id": service,
        "title": TITLES[hook],
        "description": f"{DESCRIPTIONS[hook]} {FOR_WHOM}",
        "usageRequirements": "Prefetch each key in one page, or send fhirAuthorization with patient-level read and "
        "search scopes for these types; without either the answer is 412. The caller's issuer and keys must be "
        "registered.",
        "prefetch": templates(on),
    }
