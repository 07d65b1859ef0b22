"""What can go wrong before a page can be shown, in words for the person at the screen, by code.

The code goes to the log; the words go to the page. Nothing that came in from outside goes to either.
"""

from dataclasses import dataclass

AGAIN = "Close this view and open Kindred again from the patient’s chart."
ADMIN = "If it happens again, tell the people who run this EHR connection the code below."


@dataclass(frozen=True)
class Words:
    """HTTP status, then title, what happened, and the next step."""

    status: int
    title: str
    text: str
    next: str = AGAIN


WORDS = {
    "launch_malformed": Words(400, "This launch is incomplete", "The EHR did not say which server it is.", AGAIN),
    "iss_unknown": Words(
        403, "This EHR is not registered", "Kindred opens only from EHRs that its administrators registered.",
        "Ask the people who run Kindred to register this EHR.",
    ),
    "discovery_failed": Words(502, "The EHR’s sign-in could not be found", "Its server did not say how to sign in.",
                              f"{AGAIN} {ADMIN}"),
    "discovery_refused": Words(502, "The EHR’s sign-in is not as registered",
                               "Its server names addresses or methods that were not registered.", ADMIN),
    "state_missing": Words(400, "This is not a launch", "The sign-in came back without the mark that we gave it."),
    "state_unknown": Words(400, "This launch is over", "Each launch can be used once, within ten minutes."),
    "other_browser": Words(
        403, "This launch began elsewhere",
        "It was not started in this browser, or the browser did not keep our cookie inside this frame.",
        f"{AGAIN} If the browser blocks cookies in frames, open Kindred in a window of its own.",
    ),
    "issuer_mismatch": Words(403, "The sign-in came from another server", "We did not use it.", f"{AGAIN} {ADMIN}"),
    "denied": Words(403, "Access was not given", "The EHR says that access to this chart was declined.",
                    "To see the risk group, open Kindred again from the chart and allow access."),
    "ehr_refused": Words(502, "The EHR did not complete the sign-in", "It ended the launch with an error.",
                         f"{AGAIN} {ADMIN}"),
    "token_refused": Words(502, "The EHR did not accept this launch", "It gave no access to the chart.",
                           f"{AGAIN} {ADMIN}"),
    "token_unreachable": Words(504, "The EHR does not answer", "Its sign-in server could not be reached."),
    "token_invalid": Words(502, "The EHR’s answer was not usable", "Its sign-in reply broke the rules of the standard.",
                           f"{AGAIN} {ADMIN}"),
    "id_token_invalid": Words(502, "The EHR did not prove who is signed in", "Its identity token failed our checks.",
                              f"{AGAIN} {ADMIN}"),
    "no_patient": Words(400, "No patient was chosen", "The EHR opened Kindred without a patient."),
    "session_unknown": Words(403, "This view is closed", "It has ended, or it belongs to another browser."),
    "session_ended": Words(401, "The EHR has ended this session", "Access to the chart has run out."),
    "patient_mismatch": Words(502, "The patient could not be confirmed",
                              "The EHR answered with another patient than that of this launch, so nothing is shown."),
    "patient_replaced": Words(409, "This record was merged into another",
                              "The EHR has replaced it, and its data may be incomplete, so nothing is shown.",
                              "Open the chart of the record that replaced it, and Kindred from there."),
    "patient_unreadable": Words(502, "The patient record could not be read", "The EHR gave no patient record.",
                                f"{AGAIN} {ADMIN}"),
    "ehr_unreachable": Words(504, "The EHR does not answer", "The chart could not be read just now.",
                             "Reload this page in a moment, or open Kindred again from the chart."),
    "cross_site": Words(403, "This request was refused", "It did not come from one of our own pages."),
    "misdirected": Words(421, "This is not the address of Kindred", "It was opened under a name that is not its own.",
                         f"{AGAIN} {ADMIN}"),
    "not_found": Words(404, "There is no such page", "The address leads nowhere."),
    "method": Words(405, "That cannot be done here", "The page does not take this kind of request."),
    "bad_request": Words(400, "This request was refused", "It could not be understood."),
    "input_unusable": Words(422, "This input cannot be used", "A part of it is missing, unknown or of another kind.",
                            "Correct the parts that are named, and send it again."),
    "mark_wrong": Words(403, "This is not for this patient", "It did not carry the mark of this launch’s patient.",
                        "Send the header Kindred-Patient as the page or an earlier reply had it."),
    "media_type": Words(415, "This kind of content is not taken", "It must be sent as application/json.",
                        "Send it again as JSON."),
    "too_large": Words(413, "This request is too large", "More was sent than is ever needed.", "Send less."),
    "internal": Words(500, "Something went wrong here", "The fault is ours and has been noted.", f"{AGAIN} {ADMIN}"),
}  # fmt: skip


class Problem(Exception):
    """Ends a request with the page for `code`. `cause` is a short fixed word for the log, never data."""

    def __init__(self, code: str, cause: str = "") -> None:
        super().__init__(code)
        self.code, self.cause, self.words = code, cause, WORDS[code]
