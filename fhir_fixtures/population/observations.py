"""Observation resources with the variants of units, codes and values that real systems send."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from . import catalogue
from .dates import DAY, day, local
from .record import LOINC, SNOMED, Record, Resource, concept, flag
from .shared import ORGANIZATIONS
from .values import Values

UCUM = "http://unitsofmeasure.org"
_CATEGORY = {code: [flag("observation-category", code)]
             for code in ("vital-signs", "laboratory", "survey", "social-history")}
_BP = concept((LOINC, "85354-9", "Blood pressure panel with all children optional"))
_SMOKING = concept((LOINC, "72166-2", "Tobacco smoking status"))
_SMOKING_CODES = {"current": ("449868002", "Smokes tobacco daily"),
                  "some": ("428041000124106", "Occasional tobacco smoker"),
                  "former": ("8517006", "Ex-smoker"), "never": ("266919005", "Never smoked tobacco"),
                  "unknown": ("266927001", "Tobacco smoking consumption unknown")}
_ABSENT = flag("data-absent-reason", "not-performed")
_LOCAL = "urn:oid:2.16.840.1.113883.3.9999.2"


@lru_cache(maxsize=256)
def _code(key: str, number: int, with_local: bool) -> Resource:
    loinc, display, _ = catalogue.load("measures")[key]["loinc"][number]
    codings = [(LOINC, loinc, display)]
    if with_local:
        codings.insert(0, (_LOCAL, f"LAB{100 + len(key) * 7 + number}", key.upper()))
    return {"coding": concept(*codings)["coding"]}


class Observer:
    """Writes the Observations of one contact."""

    def __init__(self, record: Record, values: Values, habit: str) -> None:
        """``habit``: current, former or never smoker."""
        self.record, self.values, self.habit = record, values, habit
        self.measures = catalogue.load("measures")
        self.issued = 0  # minute at which the newest Observation was released

    def take(self, name: str, t: int, encounter: Resource) -> None:
        """Write the measure of that name (or bp, smoking) taken at minute t."""
        if name == "bp":
            self._blood_pressure(t, encounter)
        elif name == "smoking":
            self._smoking(t, encounter)
        else:
            self._measure(name, t, encounter)

    def _base(self, t: int, category: str, code: Resource, encounter: Resource) -> Resource:
        record, lab = self.record, category == "laboratory"
        issued = min(record.horizon, t + (60 + int(record.rng.random() * 1500) if lab else 5))
        self.issued = issued
        body: Resource = {
            "resourceType": "Observation", "id": record.new_id(), "meta": record.meta(issued),
            "status": "final", "category": _CATEGORY[category], "code": code, "subject": record.subject,
            "encounter": encounter}
        taken = local(t, record.zone)
        if record.maybe("date_only"):
            body["effectiveDateTime"] = day(t // DAY)
        elif lab and record.maybe("effective_period"):
            body["effectivePeriod"] = {"start": taken, "end": local(t + 10, record.zone)}
        else:
            body["effectiveDateTime"] = taken
        body["issued"] = local(issued, record.zone)
        if lab:
            body["performer"] = [ORGANIZATIONS[t % len(ORGANIZATIONS)]]
        return body

    def _add(self, body: Resource) -> None:
        record = self.record
        if record.maybe("entered_in_error"):
            body["status"] = "entered-in-error"
        elif record.maybe("older_version"):
            record.add({**body, "status": "preliminary", "meta": record.meta(self.issued - 45)})
            body["meta"] = record.meta(self.issued, version=2)
        record.add(body)

    def _measure(self, name: str, t: int, encounter: Resource) -> None:
        record, measure = self.record, self.measures[name]
        category = measure["category"]
        rows, number, point = measure["loinc"], 0, record.rng.random()
        while number < len(rows) - 1 and point >= rows[number][2]:
            point -= rows[number][2]
            number += 1
        with_local = category == "laboratory" and record.maybe("local_coding")
        body = self._base(t, category, _code(name, number, with_local), encounter)
        if record.maybe("data_absent"):
            body["dataAbsentReason"] = _ABSENT
        else:
            body["valueQuantity"] = self._quantity(measure, self.values.reading(name, t))
        self._add(body)

    def _quantity(self, measure: dict[str, Any], value: float) -> Resource:
        """valueQuantity, now and then in a foreign unit, without one, or beyond the reporting limit."""
        record, unit, digits = self.record, measure["unit"], measure["digits"]
        above, below = measure.get("above"), measure.get("below")
        if above is not None and value > above and record.maybe("comparator"):
            return {"value": above, "comparator": ">", "unit": unit, "system": UCUM, "code": unit}
        if below is not None and value < below and record.maybe("comparator"):
            return {"value": below, "comparator": "<", "unit": unit, "system": UCUM, "code": unit}
        foreign = measure.get("foreign")
        if foreign is not None and record.maybe("foreign_unit"):
            unit, digits = foreign["unit"], foreign["digits"]
            value = value * foreign["factor"] + foreign["add"]
        rounded = round(value, digits) if digits else round(value)
        if record.maybe("missing_unit"):
            return {"value": rounded}
        if record.maybe("unit_text_only"):
            return {"value": rounded, "unit": unit}
        return {"value": rounded, "unit": unit, "system": UCUM, "code": unit}

    def _blood_pressure(self, t: int, encounter: Resource) -> None:
        if self.record.maybe("bp_apart"):
            for part in ("sbp", "dbp"):
                self._measure(part, t, encounter)
            return
        body = self._base(t, "vital-signs", _BP, encounter)
        body["component"] = [
            {"code": _code(part, 0, False), "valueQuantity": {"value": round(self.values.reading(part, t)),
             "unit": "mm[Hg]", "system": UCUM, "code": "mm[Hg]"}} for part in ("sbp", "dbp")]
        self._add(body)

    def _smoking(self, t: int, encounter: Resource) -> None:
        habit = "unknown" if self.record.maybe("unknown_smoking") else self.habit
        if habit == "current" and self.record.rng.random() < 0.2:
            habit = "some"
        body = self._base(t, "social-history", _SMOKING, encounter)
        body["valueCodeableConcept"] = concept((SNOMED, *_SMOKING_CODES[habit]))
        self._add(body)
