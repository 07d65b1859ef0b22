"""The lines of one person: ids, references, meta, and the variants that concern whole lines."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson

from . import catalogue
from .dates import instant

SNOMED = "http://snomed.info/sct"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX = "http://hl7.org/fhir/sid/cvx"
TERM = "http://terminology.hl7.org/CodeSystem/"
PROFILE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"

Resource = dict[str, Any]


def flag(system: str, code: str) -> Resource:
    """A CodeableConcept of a status or category: one coding without display, as most servers send it."""
    return {"coding": [{"system": TERM + system, "code": code}]}


def concept(*codings: tuple[str, ...], text: str | None = None) -> Resource:
    """A CodeableConcept of (system, code, display) codings; text is the first display unless given."""
    return {"coding": [{"system": s, "code": c, "display": d} for s, c, d in codings], "text": text or codings[0][2]}


class Record:
    """Collects one person's NDJSON lines in order."""

    def __init__(self, rng: Random, zone: int, horizon: int) -> None:
        """``horizon``: no recording time lies after it (minutes)."""
        self.rng, self.zone, self.horizon = rng, zone, horizon
        self.rates = catalogue.rates()
        self.lines: list[tuple[str, bytes]] = []
        self.patient = self.new_id()
        self.subject = {"reference": f"Patient/{self.patient}"}

    def new_id(self) -> str:
        """A UUID in form, from the person's own generator."""
        h = f"{self.rng.getrandbits(128):032x}"
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"

    def maybe(self, variant: str) -> bool:
        """Whether the variant of that name happens here."""
        return self.rng.random() < self.rates[variant]

    def meta(self, t: int, version: int = 1) -> Resource:
        """meta with versionId and lastUpdated (not after the horizon); servers rarely name the profile."""
        return {"versionId": str(version), "lastUpdated": instant(min(t, self.horizon), self.zone)}

    def add(self, resource: Resource) -> None:
        """Append the resource as one line; now and then the same line twice, as real exports have it."""
        line = orjson.dumps(resource)
        kind = resource["resourceType"]
        self.lines.append((kind, line))
        if kind != "Patient" and self.maybe("duplicate_line"):
            self.lines.append((kind, line))
