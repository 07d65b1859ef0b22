"""Medicines that start, are renewed and stop in answer to problems and observed values, as MedicationRequests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import catalogue
from .dates import DAY, YEAR, day, local, year
from .record import RXNORM, Record, Resource, concept
from .shared import PRACTITIONERS
from .values import Values

RENEW_DAYS = 330
LAPSED_DAYS = 500


@dataclass(slots=True)
class Request:
    """One order: minute written, days supplied, and what became of it."""

    key: str
    t: int
    days: int
    encounter: Resource
    status: str = "active"
    changed: int = 0


class Prescriber:
    """The medicine list of one person."""

    def __init__(self, record: Record, values: Values) -> None:
        self.record, self.values = record, values
        self.rules = {key: body for key, body in catalogue.load("medicines").items() if "for" in body}
        self.running: dict[str, Request] = {}
        self.requests: list[Request] = []

    def look_after(self, t: int, encounter: Resource, known: dict[str, Any], seen: dict[str, float]) -> None:
        """One planned contact: stop what must stop, renew, then start what the rules ask for. ``seen``: last values."""
        rng = self.record.rng
        for key in list(self.running):
            self._review(key, t, encounter, seen)
        for key, rule in self.rules.items():
            if key not in self.running and self._asked_for(key, rule, t, known, seen) and rng.random() < rule["p"]:
                self._start(key, t, encounter)

    def course(self, key: str, days: int, t: int, encounter: Resource) -> None:
        """A short course, completed by itself."""
        done = t + days * DAY
        self.requests.append(Request(key, t, days, encounter, "completed" if done < self.record.horizon else "active",
                                     done))

    def _asked_for(self, key: str, rule: dict[str, Any], t: int, known: dict[str, Any], seen: dict[str, float]) -> bool:
        if not any(name in known for name in rule["for"]) or year(t // DAY) < rule.get("since", 0):
            return False
        if rule.get("after", key) != key and rule["after"] not in self.running:
            return False
        if any(other in self.running for other in rule.get("unlike", ())):
            return False
        stop = rule.get("stop")
        return (stop is None or not beyond(stop, seen)) and ("when" not in rule or beyond(rule["when"], seen))

    def _review(self, key: str, t: int, encounter: Resource, seen: dict[str, float]) -> None:
        rule, last = self.rules[key], self.running[key]
        days = (t - last.t) // DAY
        if days > LAPSED_DAYS:
            self._end(key, "completed", last.t + last.days * DAY)
        elif ("stop" in rule and beyond(rule["stop"], seen)) or self._dropped(rule, days):
            self._end(key, "stopped", t)
        elif days > RENEW_DAYS:
            last.status, last.changed = "completed", t
            self._order(key, t, encounter)

    def _dropped(self, rule: dict[str, Any], days: int) -> bool:
        """Whether it ended for no recorded reason since the last request."""
        return bool(self.record.rng.random() < rule["drop"] * min(0.4, days / YEAR))

    def _start(self, key: str, t: int, encounter: Resource) -> None:
        rule = self.rules[key]
        for measure, shift in rule.get("effect", {}).items():
            self.values.effect[measure] = self.values.effect.get(measure, 0.0) + shift
        for measure, factor in rule.get("times", {}).items():
            self.values.times[measure] = self.values.times.get(measure, 1.0) * factor
        self._order(key, t, encounter)

    def _order(self, key: str, t: int, encounter: Resource) -> None:
        request = Request(key, t, 360, encounter, "active", t)
        self.running[key] = request
        self.requests.append(request)

    def _end(self, key: str, status: str, t: int) -> None:
        rule, request = self.rules[key], self.running.pop(key)
        request.status, request.changed = status, max(t, request.t)
        for measure, shift in rule.get("effect", {}).items():
            self.values.effect[measure] -= shift
        for measure, factor in rule.get("times", {}).items():
            self.values.times[measure] /= factor

    def write(self, death: int | None) -> None:
        """Write every request; what ran out long before the end of history is completed, mostly."""
        now = self.record.horizon if death is None else death * DAY
        for request in self.requests:
            lapsed = request.status == "active" and now - request.t > LAPSED_DAYS * DAY
            if lapsed and not self.record.maybe("stale_active"):
                request.status, request.changed = "completed", request.t + request.days * DAY
            self._write(request)

    def _write(self, request: Request) -> None:
        record, zone = self.record, self.record.zone
        code = concept((RXNORM, *catalogue.load("medicines")[request.key]["rxnorm"]))
        body: Resource = {
            "resourceType": "MedicationRequest", "id": record.new_id(),
            "meta": record.meta(max(request.changed, request.t)),
            "status": request.status, "intent": "order"}
        self._medicine(body, code, request.t)
        body |= {"subject": record.subject, "encounter": request.encounter,
                 "authoredOn": local(request.t, zone)[:7 if record.maybe("partial_authored") else None],
                 "requester": PRACTITIONERS[request.t % len(PRACTITIONERS)],
                 "dosageInstruction": [{"sequence": 1, "text": "Take as directed"}],
                 "dispenseRequest": _dispense(request)}
        if record.maybe("entered_in_error"):
            body["status"] = "entered-in-error"
        record.add(body)

    def _medicine(self, body: Resource, code: Resource, t: int) -> None:
        """medicationCodeableConcept, or a reference to a Medication of its own or a contained one."""
        record, point = self.record, self.record.rng.random()
        rates = record.rates
        if point < rates["medication_reference"]:
            medication = {"resourceType": "Medication", "id": record.new_id(), "meta": record.meta(t),
                          "code": code, "status": "active"}
            record.add(medication)
            body["medicationReference"] = {"reference": f"Medication/{medication['id']}", "display": code["text"]}
        elif point < rates["medication_reference"] + rates["medication_contained"]:
            body["contained"] = [{"resourceType": "Medication", "id": "med", "code": code}]
            body["medicationReference"] = {"reference": "#med", "display": code["text"]}
        else:
            body["medicationCodeableConcept"] = code


def _dispense(request: Request) -> Resource:
    first = request.t // DAY
    return {"validityPeriod": {"start": day(first), "end": day(first + request.days)},
            "numberOfRepeatsAllowed": 3 if request.days > 100 else 0,
            "expectedSupplyDuration": {"value": min(90, request.days), "unit": "days",
                                       "system": "http://unitsofmeasure.org", "code": "d"}}


def beyond(limit: dict[str, Any], seen: dict[str, float]) -> bool:
    """Whether the last observed value is beyond the limit; a value never seen is not."""
    value = seen.get(limit["measure"])
    if value is None:
        return False
    return bool(value > limit["above"] if "above" in limit else value < limit["below"])
