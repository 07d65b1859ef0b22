"""Words of the write-back page: why nothing can be written, and what became of a click."""

from dataclasses import dataclass

NOT_OFFERED = {
    "no_scope": "This launch was not given the right to write a risk assessment. The people who run this EHR "
    "connection can grant it (patient/RiskAssessment.c).",
    "patients_side": "Only health professionals write into the chart.",
    "no_user": "The EHR did not say which health professional is signed in, so the record could not name who wrote it.",
    "no_group": "There is no risk group to write. {}",
    "not_accepted": "This EHR does not accept risk assessments.",
    "existing": "It is in the chart already, so nothing is written again.",
}
NO_PROVENANCE = (
    "This launch was not given the right to write a Provenance (patient/Provenance.c), so none is written: the "
    "assessment names Kindred, and the EHR itself knows who was signed in."
)


@dataclass(frozen=True)
class Outcome:
    """HTTP status of the page, title, text."""

    status: int
    title: str
    text: str


OUTCOMES = {
    "written": Outcome(200, "Written to the chart", "The EHR has stored it."),
    "existing": Outcome(200, "It was in the chart already", "Nothing was written again."),
    "several": Outcome(409, "It is in the chart more than once", "Nothing was written. Please tell the people who run "
                       "this EHR connection."),
    "open": Outcome(409, "It is being written just now", "Another window or an earlier click has sent it, and the EHR "
                    "has not said yet whether it is stored. Nothing was sent again. Look again in three minutes."),
    "changed": Outcome(409, "The chart has changed since", "Nothing was written. What would be written now is shown "
                       "below; please look at it and decide again."),
    "expired": Outcome(409, "It was shown too long ago", "Nothing was written. What would be written now is shown "
                       "below; please look at it and decide again."),
    "not_offered": Outcome(403, "Nothing was written", "It cannot be written any more; the reason stands below."),
    "forbidden": Outcome(502, "The EHR did not allow it", "Nothing was written: whoever is signed in may not write "
                         "risk assessments here, or not from Kindred."),
    "not_accepted": Outcome(502, "This EHR does not accept it", "Nothing was written: it takes no risk assessments "
                            "from apps. The note text can be copied instead."),
    "invalid": Outcome(502, "The EHR refused its content", "Nothing was written. Please tell the people who run this "
                       "EHR connection."),
    "busy": Outcome(503, "The EHR is too busy", "Nothing was written. Try again in a moment."),
    "not_sent": Outcome(504, "The EHR does not answer", "Nothing was sent. Try again in a moment."),
    "unclear": Outcome(504, "It is not known whether it was written", "The EHR did not say, and does not show it yet. "
                       "Nothing is sent again by itself. Look again in three minutes: Kindred looks before it writes."),
}  # fmt: skip
PROVENANCE = {
    "written": "The Provenance was written too: {}.",
    "existing": "The Provenance was there already: {}.",
    "forbidden": "The Provenance was not written: the EHR did not allow it.",
    "not_accepted": "The Provenance was not written: this EHR does not accept it.",
    "invalid": "The Provenance was not written: the EHR refused its content.",
    "busy": "The Provenance was not written: the EHR was too busy.",
    "not_sent": "The Provenance was not written: the EHR did not answer.",
    "several": "The EHR has more than one Provenance of it already.",
    "unclear": "It is not known whether the Provenance was written: the EHR did not say.",
}
