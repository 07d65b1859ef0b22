"""May this launch list patients by name? Only where its grant says so; every other launch sees aggregates alone."""

from app.smart.context import Context

PROFESSIONALS = ("Practitioner/", "PractitionerRole/")
WHY_NOT = {
    "patient_scoped": "This launch is for one patient: the EHR granted no search for the patients whom you may see "
    "(user/Patient.rs). Numbers about groups are shown, and no list.",
    "no_user": "The EHR did not say who is signed in. A list of patients is shown only to somebody to whom the look "
    "at it can be traced.",
    "not_professional": "Lists of patients are for health professionals. Who is signed in is known to the EHR as a "
    "patient, a relative, or in another role.",
}


def against_list(context: Context) -> str | None:
    """The reason, a key of WHY_NOT, for which a launch with this context lists nobody; None where it may list.

    The grant must be at the level of the user (`user/`), for whole Patients: one that is narrowed, or bound to the open
    patient, reaches fewer than a list would claim.
    """
    if not context.granted.may_search_for_user("Patient"):
        return "patient_scoped"
    if context.fhir_user is None:
        return "no_user"
    return None if context.fhir_user.startswith(PROFESSIONALS) else "not_professional"
