"""What goes into the chart, as FHIR R4: a RiskAssessment about one patient, and the Provenance of it. Pure.

The device stands inside (`contained`): an EHR need not let us create a Device first, and the record names its version
for as long as it lives. There is no `qualitativeRisk`: groups have an order, and no cut-off that says "high".
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape
from typing import Any

from app.fhir_systems import SYSTEM, TERMINOLOGY

LIMITS = (
    "Statistical similarity to the records of other people, not a diagnosis. The percentage is how many people of the "
    "group had the outcome, not a forecast for this person. Supports, does not replace, professional judgement."
)
FILLED_IN = {"target": "RiskAssessment/(id that the EHR gives)", "recorded": "(moment of the click)"}
DEVICE = "kindred"


@dataclass(frozen=True)
class Finding:
    """What was found of one patient as of one day under one release, and may be told.

    percent: share of the group with the outcome, 0 to 100; None where the count behind it is small or unknown.
    basis: the records behind the reasons, as `Type/id`. notes: what a reader must know beside the limits.
    """

    issuer: str
    patient: str
    encounter: str | None
    on: date
    release: str
    definitions_hash: str
    group: str
    outcome: str
    outcome_days: int
    percent: float | None
    rationale: str
    basis: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def identifier(self) -> str:
        """Names this finding once: release, day, and a digest of EHR and patient.

        Without the digest, a conditional create could be answered with the record of another patient of that day.
        """
        whose = hashlib.sha256(f"{self.issuer}|{self.patient}".encode()).hexdigest()[:32]
        return f"{self.release}.{self.on.isoformat()}.{whose}"

    @property
    def method(self) -> str:
        """Model and version in words."""
        return f"Kindred risk groups, release {self.release}, definitions {self.definitions_hash[:12]}"


def risk_assessment(finding: Finding) -> dict[str, Any]:
    """The R4 RiskAssessment of a finding, checked. Raises ValueError for a finding that makes none."""
    if finding.percent is not None and not 0 <= finding.percent <= 100:
        raise ValueError("a percentage lies between 0 and 100")  # R4 RiskAssessment ras-2, which no model checks
    on = finding.on.isoformat()
    resource: dict[str, Any] = {
        "resourceType": "RiskAssessment",
        "text": {"status": "generated", "div": _narrative(finding)},
        "contained": [_device(finding)],
        "identifier": [{"system": SYSTEM, "value": finding.identifier}],
        "status": "final",
        "method": {
            "coding": [{"system": SYSTEM, "version": finding.release, "code": "risk-groups"}],
            "text": finding.method,
        },
        "code": {"text": "Risk group found from similar records"},
        "subject": {"reference": f"Patient/{finding.patient}"},
        "occurrenceDateTime": on,
        "performer": {"reference": f"#{DEVICE}", "display": "Kindred"},
        "prediction": [_prediction(finding)],
        "note": [{"text": text} for text in (LIMITS, *finding.notes)],
    }
    if finding.encounter:
        resource["encounter"] = {"reference": f"Encounter/{finding.encounter}"}
    if finding.basis:
        resource["basis"] = [{"reference": one} for one in finding.basis]
    return _checked(resource)


def provenance(finding: Finding, who: Mapping[str, Any], target: str, recorded: datetime) -> dict[str, Any]:
    """The R4 Provenance of a written RiskAssessment (`target`): the clinician who clicked, and the device.

    who: Reference to the clinician. recorded: the moment of the click, with its time zone.
    """
    return _checked(_provenance(finding, who, target, recorded.isoformat(timespec="seconds")))


def provenance_before(finding: Finding, who: Mapping[str, Any]) -> dict[str, Any]:
    """The same as it can be shown before the click: two values are not known yet, and say so."""
    provenance(finding, who, "RiskAssessment/1", datetime.fromisoformat("2000-01-01T00:00:00+00:00"))
    return _provenance(finding, who, FILLED_IN["target"], FILLED_IN["recorded"])


def _provenance(finding: Finding, who: Mapping[str, Any], target: str, recorded: str) -> dict[str, Any]:
    release = {"identifier": {"system": SYSTEM, "value": finding.release}, "display": finding.method}
    sources = [*({"reference": one} for one in finding.basis), release]
    return {
        "resourceType": "Provenance",
        "contained": [_device(finding)],
        "target": [{"reference": target}],
        "recorded": recorded,
        "activity": {"coding": [{"system": f"{TERMINOLOGY}/v3-DataOperation", "code": "CREATE"}]},
        "agent": [
            {"type": _participant("enterer"), "who": dict(who)},
            {"type": _participant("assembler"), "who": {"reference": f"#{DEVICE}", "display": "Kindred"}},
        ],
        "entity": [{"role": "source", "what": one} for one in sources],
    }


def _participant(code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{TERMINOLOGY}/provenance-participant-type", "code": code}]}


def _device(finding: Finding) -> dict[str, Any]:
    return {
        "resourceType": "Device",
        "id": DEVICE,
        "deviceName": [{"name": "Kindred", "type": "user-friendly-name"}],
        "type": {"text": "Clinical decision support software"},
        "version": [{"value": f"release {finding.release}"}, {"value": f"definitions {finding.definitions_hash}"}],
    }


def _prediction(finding: Finding) -> dict[str, Any]:
    end = finding.on + timedelta(days=finding.outcome_days)
    prediction: dict[str, Any] = {
        "outcome": {"text": finding.outcome},
        "whenPeriod": {"start": finding.on.isoformat(), "end": end.isoformat()},
        "rationale": f"{finding.group}. {finding.rationale}",
    }
    if finding.percent is not None:
        prediction["probabilityDecimal"] = finding.percent  # 0 to 100, not 0 to 1
    return prediction


def _narrative(finding: Finding) -> str:
    parts = (f"{finding.group}.", finding.rationale, LIMITS, *finding.notes, f"{finding.method}.")
    paragraphs = "".join(f"<p>{escape(part)}</p>" for part in parts)
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>'


def _checked(resource: dict[str, Any]) -> dict[str, Any]:
    """The resource as it is, if the R4B model takes it (for these types R4B has what R4 has)."""
    from fhir.resources.R4B import get_fhir_model_class  # 0.3 s to import, and most views write nothing
    from pydantic import ValidationError

    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    except ValidationError as error:
        fields = sorted({".".join(map(str, issue["loc"])) for issue in error.errors()})
        # `from None`: pydantic's message quotes the values
        raise ValueError(f"not a valid {resource['resourceType']}: {', '.join(fields)}") from None
    return resource
