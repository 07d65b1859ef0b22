"""What to export, and what came of it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from analytics.errors import ConfigError

DEFAULT_TYPES = ("Patient", "Condition", "Observation", "Encounter", "MedicationRequest", "Medication", "Procedure",
                 "Immunization", "AllergyIntolerance")
MIB = 1024 * 1024


@dataclass(frozen=True)
class ExportOptions:
    """Parameters of `$export` (Bulk Data 3.0 §"query parameters") and how to fetch the result.

    `since` and `until` are FHIR instants; `since="auto"` is the transactionTime of the newest export in the lake.
    Level: the group where one is named, all patients with `patient_level`, else the whole system.
    """

    types: tuple[str, ...] = DEFAULT_TYPES
    group: str | None = None
    patient_level: bool = False
    since: str | None = None
    until: str | None = None
    type_filters: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    include_associated_data: tuple[str, ...] = ()
    organize_output_by: str | None = None
    allow_partial_manifests: bool = False
    lenient: bool = False
    method: str = "auto"  # GET | POST | auto: GET, and POST where it must be or where the server takes no GET
    parallel: int = 4  # files at once
    file_target_bytes: int = 128 * MIB
    gzip: bool | None = None  # None: ask for gzip except on this very machine, where it only costs time

    def __post_init__(self) -> None:
        if self.patients and not (self.group or self.patient_level):
            raise ConfigError("Single patients can be named on group and patient level only.",
                              "Ask for a group or for the patient level too.")
        if self.method not in ("auto", "GET", "POST") or (self.method == "GET" and self.patients):
            raise ConfigError(f"{self.method} is no way to start this export.", "Use auto.")

    @property
    def path(self) -> str:
        """Path of the operation below the FHIR base."""
        if self.group:
            return f"Group/{self.group}/$export"
        return "Patient/$export" if self.patient_level else "$export"

    def query(self) -> list[tuple[str, str]]:
        """Parameters of a GET; `_type` comma-joined because some servers refuse it repeated."""
        lists = [("_type", self.types), ("_elements", self.elements),
                 ("includeAssociatedData", self.include_associated_data)]
        return [(name, ",".join(values)) for name, values in lists if values] + self._single() \
            + [("_typeFilter", text) for text in self.type_filters]

    def parameters(self) -> dict[str, Any]:
        """The Parameters resource of a POST; lists as repeated parameters (the only form left in the 4.0 ballot)."""
        repeated = [("_type", self.types), ("_elements", self.elements), ("_typeFilter", self.type_filters),
                    ("includeAssociatedData", self.include_associated_data)]
        parts: list[dict[str, Any]] = [{"name": name, "valueString": v} for name, values in repeated for v in values]
        for name, value in self._single():
            kind = {"_since": "valueInstant", "_until": "valueInstant", "allowPartialManifests": "valueBoolean"}
            parts.append({"name": name, kind.get(name, "valueString"): True if value == "true" else value})
        parts += [{"name": "patient", "valueReference": {"reference": f"Patient/{i}"}} for i in self.patients]
        return {"resourceType": "Parameters", "parameter": parts}

    def _single(self) -> list[tuple[str, str]]:
        given = [("_since", self.since), ("_until", self.until), ("organizeOutputBy", self.organize_output_by),
                 ("allowPartialManifests", "true" if self.allow_partial_manifests else None)]
        return [(name, value) for name, value in given if value]

    def fingerprint(self, issuer: str) -> str:
        """Names the request: an unfinished export is resumed only by the same one."""
        request = asdict(self)
        for how in ("method", "parallel", "file_target_bytes", "gzip"):
            del request[how]
        return hashlib.sha256(json.dumps([issuer, request], sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ExportResult:
    """A finished export. `status` is complete, or partial when anything was reported as missing or wrong."""

    export_id: str
    status: str
    counts: dict[str, int]  # resources per type, as they lie in the lake
    path: str  # folder, relative to the lake
    bytes: int = 0
    seconds: float = 0.0
    files_fetched: int = 0  # by this run; a resumed one fetches only what was missing
    errors: tuple[dict[str, Any], ...] = ()
