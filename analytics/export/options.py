"""What to export, and what came of it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from analytics.errors import ConfigError
from analytics.export import checks

DEFAULT_TYPES = ("Patient", "Condition", "Observation", "Encounter", "MedicationRequest", "Medication", "Procedure",
                 "Immunization", "AllergyIntolerance")
MIB = 1024 * 1024


@dataclass(frozen=True)
class ExportOptions:
    """Parameters of `$export` (Bulk Data 3.0 §"query parameters") and how to fetch the result.

    `since` and `until` are FHIR instants; `since="auto"` is the transactionTime of the newest export in the lake.
    Level: the group where one is named, all patients with `patient_level`, else the whole system; `system_level` says
    so even where the registry names a default group.
    """

    types: tuple[str, ...] = DEFAULT_TYPES
    group: str | None = None
    patient_level: bool = False
    system_level: bool = False
    since: str | None = None
    until: str | None = None
    type_filters: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    include_associated_data: tuple[str, ...] = ()
    organize_output_by: str | None = None
    allow_partial_manifests: bool = False
    lenient: bool = False  # Prefer: handling=lenient: the server passes over what it does not know
    separate_status: bool = False  # Prefer: separate-export-status: 200, and the job's own status in X-Export-Status
    method: str = "auto"  # GET | POST | auto: GET, and POST where it must be or where the server takes no GET
    parallel: int = 4  # files at once
    file_target_bytes: int = 128 * MIB
    gzip: bool | None = None  # None: ask for gzip except on this very machine, where it only costs time

    def __post_init__(self) -> None:
        """Everything that can be known to be wrong before the EHR is asked. Raises ConfigError."""
        for name in self.types:
            checks.resource_type("--types", name)
        for text in self.type_filters:
            checks.type_filter(text, self.types)
        checks.elements(self.elements, self.types)
        checks.fhir_ids("--patient", self.patients)
        checks.fhir_ids("--group", (self.group,) if self.group is not None else ())
        checks.associated(self.include_associated_data)
        if self.organize_output_by is not None:
            checks.resource_type("--organize-output-by", self.organize_output_by)
        self._check_times()
        self._check_level()

    def _check_times(self) -> None:
        since = checks.instant("--since", self.since) if self.since not in (None, "auto") else None
        until = checks.instant("--until", self.until) if self.until is not None else None
        if since and until and since >= until:
            raise ConfigError("--since is not before --until.", "Exchange them.")

    def _check_level(self) -> None:
        if self.patients and not (self.group or self.patient_level):
            raise ConfigError("Single patients can be named on group and patient level only.",
                              "Add --group GROUP or --level patient.")
        if sum([self.group is not None, self.patient_level, self.system_level]) > 1:
            raise ConfigError("An export is of a group or of a level, not of both.", "Leave out --group or --level.")
        if self.method not in ("auto", "GET", "POST") or (self.method == "GET" and self.patients):
            raise ConfigError(f"{self.method} is no way to start this export.", "Use auto.")

    @property
    def path(self) -> str:
        """Path of the operation below the FHIR base."""
        if self.group:
            return f"Group/{self.group}/$export"
        return "Patient/$export" if self.patient_level else "$export"

    @property
    def prefer(self) -> str:
        """The Prefer header of the kick-off."""
        return "respond-async" + (", handling=lenient" if self.lenient else "") \
            + (", separate-export-status" if self.separate_status else "")

    def query(self, joined: bool = True) -> list[tuple[str, str]]:
        """Parameters of a GET. Lists are joined by commas, which some servers demand, or repeated, as others do."""
        return [(name, value) for name, values in self._lists() for value in _joined(values, joined)] \
            + self._single() + [("_typeFilter", text) for text in self.type_filters]

    def parameters(self, joined: bool = False) -> dict[str, Any]:
        """The Parameters resource of a POST; lists repeated (the only form in the 4.0 ballot), or joined by commas."""
        repeated = [*((name, _joined(values, joined)) for name, values in self._lists()),
                    ("_typeFilter", self.type_filters)]
        parts: list[dict[str, Any]] = [{"name": name, "valueString": v} for name, values in repeated for v in values]
        for name, value in self._single():
            kind = {"_since": "valueInstant", "_until": "valueInstant", "allowPartialManifests": "valueBoolean"}
            parts.append({"name": name, kind.get(name, "valueString"): True if value == "true" else value})
        parts += [{"name": "patient", "valueReference": {"reference": f"Patient/{i}"}} for i in self.patients]
        return {"resourceType": "Parameters", "parameter": parts}

    def has_lists(self) -> bool:
        """Whether it makes a difference how lists are written."""
        return any(len(values) > 1 for _, values in self._lists())

    def _lists(self) -> list[tuple[str, tuple[str, ...]]]:
        return [("_type", self.types), ("_elements", self.elements),
                ("includeAssociatedData", self.include_associated_data)]

    def _single(self) -> list[tuple[str, str]]:
        given = [("_since", self.since), ("_until", self.until), ("organizeOutputBy", self.organize_output_by),
                 ("allowPartialManifests", "true" if self.allow_partial_manifests else None)]
        return [(name, value) for name, value in given if value]

    def series(self, issuer: str) -> str:
        """Names what is asked, whatever the time: increments build on exports of the same series alone."""
        return self._digest(issuer, "since", "until")

    def fingerprint(self, issuer: str) -> str:
        """Names the request: an unfinished export is resumed only by the same one."""
        return self._digest(issuer)

    def _digest(self, issuer: str, *without: str) -> str:
        request = asdict(self)
        how = ("method", "parallel", "file_target_bytes", "gzip", "separate_status", "allow_partial_manifests",
               "system_level")  # without a group, system level is what is
        for name in (*how, *without):
            del request[name]
        for name in ("types", "type_filters", "elements", "patients", "include_associated_data"):
            request[name] = sorted(set(request[name]))  # another order is no other request
        return hashlib.sha256(json.dumps([issuer, request], sort_keys=True).encode()).hexdigest()[:16]


def _joined(values: tuple[str, ...], joined: bool) -> tuple[str, ...]:
    return (",".join(values),) if joined and values else values


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
