"""Every way in which a call for cards is refused: status, code and fixed words. Nothing that came in is repeated.

The code goes to the log and to `/metrics`; the cause, a fixed word too, to the log alone.
"""

from app.problems import Problem

WORDS = {
    "unauthorized": (401, "The call is not signed by a registered CDS client."),
    "unknown_service": (404, "There is no such service here; /cds-services lists them."),
    "origin": (403, "Pages of this origin are not registered for calls."),
    "bad_json": (400, "The body is not a JSON object that can be read."),
    "bad_call": (400, "The call breaks the rules of CDS Hooks 2.0; the code in the log of this server says which."),
    "fhir_server_unknown": (403, "fhirServer is not the one that is registered for this CDS client."),
    "other_patient": (422, "The data are of another patient than context.patientId, so nothing is shown."),
    "precondition": (412, "The data that the cards need did not come, and could not be read from fhirServer."),
    "too_large": (413, "The body is larger than is read here."),
    "media_type": (415, "The body must be application/json, not compressed."),
    "method": (405, "This address does not take this kind of request."),
    "misdirected": (421, "This is not the address of this service."),
    "busy": (503, "Too many calls at once; do without the cards this time."),
    "internal": (500, "The fault is ours and has been noted."),
}
_BY_STATUS = {404: "unknown_service", 405: "method", 413: "too_large", 415: "media_type"}
_BY_PROBLEM = {
    "patient_mismatch": "other_patient", "patient_replaced": "precondition", "patient_unreadable": "precondition",
    "session_ended": "precondition", "ehr_unreachable": "precondition", "misdirected": "misdirected",
}  # fmt: skip


class Refused(Exception):
    """Ends a call; `code` is a key of WORDS, `cause` a fixed word for the log."""

    def __init__(self, code: str, cause: str = "") -> None:
        super().__init__(code)
        self.code, self.cause = code, cause


def of_problem(problem: Problem) -> Refused:
    """A problem of reading or scoring, as a call for cards ends with it."""
    return Refused(_BY_PROBLEM.get(problem.code, "internal"), problem.cause or problem.code)


def of_status(status: int | None) -> Refused:
    """What Flask refuses by itself."""
    return Refused(_BY_STATUS.get(status or 500, "bad_call" if (status or 500) < 500 else "internal"), f"http_{status}")
