"""One person's life with the health system, walked contact by contact: what is measured, found, prescribed and done."""

from __future__ import annotations

from random import Random

from . import catalogue
from .conditions import Problem, condition
from .contacts import coded, encounter, procedure
from .dates import DAY, YEAR
from .observations import Observer
from .patient import allergies, patient
from .prescriptions import Prescriber, beyond
from .profile import Profile
from .record import Record, Resource
from .services import Services
from .values import Values
from .visits import Visit, plan

STAYS = ("admission", "observation", "emergency", "planned_stay")


class Course:
    """Walks the visits of one profile and fills its record."""

    def __init__(self, rng: Random, profile: Profile, index: int) -> None:
        self.rng, self.profile, self.index = rng, profile, index
        self.record = Record(rng, profile.zone, profile.until * DAY + 720)
        self.values = Values(rng, profile)
        self.observer = Observer(self.record, self.values, profile.smoking)
        self.prescriber = Prescriber(self.record, self.values)
        self.known: dict[str, Problem] = {}
        self.ended: list[Problem] = []
        self.superseded: set[str] = set()
        self.seen: dict[str, float] = {}
        self.panel_last: dict[str, int] = {}
        self.services = Services(self.record, profile)

    def run(self) -> list[tuple[str, bytes]]:
        """All lines: the Patient first, then contacts in order of time, then problems and medicines."""
        visits = plan(self.rng, self.profile)
        last = visits[-1].end if visits else self.profile.start * DAY
        self.record.add(patient(self.record, self.profile, self.index, last))
        if visits:
            for allergy in allergies(self.record, visits[0].start):
                self.record.add(allergy)
        for visit in visits:
            self._contact(visit)
        for problem in [*self.known.values(), *self.ended]:
            self.record.add(condition(self.record, problem, self.profile.coding))
        self.prescriber.write(self.profile.death)
        return self.record.lines

    def _contact(self, visit: Visit) -> None:
        kind = catalogue.load("encounters")[visit.kind]
        body = encounter(self.record, visit, self._reason(visit), self.index)
        self.record.add(body)
        ref = {"reference": f"Encounter/{body['id']}"}
        ordinal = visit.start // DAY
        self._note_problems(visit, ordinal, ref)
        t = visit.start + 10
        self._measure(visit, t, ref)
        if visit.step:
            self._programme(visit, ordinal, ref)
        if kind.get("rules"):
            self._find(t, ref)
            self.prescriber.look_after(t, ref, self.known, self.seen)
            if visit.kind != "virtual":
                self.services.look_after(t, ref, self.known)

    def _reason(self, visit: Visit) -> Resource | None:
        mode = self.profile.coding
        if visit.reason is not None:
            return coded(catalogue.load("acute")[visit.reason], mode)
        if visit.step == "cycle":
            return coded(catalogue.load("programmes")["chemotherapy"]["reason"], mode)
        if visit.kind in ("check", "virtual", "home") and self.known and self.rng.random() < 0.7:
            keys = list(self.known)
            return coded(self.known[keys[int(self.rng.random() * len(keys))]].body, mode)
        return None

    def _note_problems(self, visit: Visit, ordinal: int, ref: Resource) -> None:
        """Write down what has begun since the last contact, and the acute reason of this one."""
        for key, onset in self.profile.problems.items():
            if onset <= ordinal and key not in self.known:
                self._record(key, onset, visit.start + 12, ref)
        if visit.reason is not None and visit.disposition != "admitted":
            acute = catalogue.load("acute")[visit.reason]
            over = visit.end + int((5 + 20 * self.rng.random()) * DAY)
            self.ended.append(Problem(acute, ordinal, visit.start + 12, ref,
                                      over if over < self.record.horizon else None, diagnosis=True))
            if "course" in acute:
                medicine, days = acute["course"]
                self.prescriber.course(medicine, days, visit.start + 20, ref)

    def _record(self, key: str, onset: int, t: int, ref: Resource) -> None:
        """Add a problem to the list; it ends its earlier stages, which are never written down again."""
        if key in self.superseded:
            return
        conditions = catalogue.load("conditions")
        stage = conditions[key].get("replaces")
        while stage is not None:
            self.superseded.add(stage)
            if stage in self.known:
                earlier = self.known.pop(stage)
                earlier.ended = t
                self.ended.append(earlier)
            stage = conditions[stage].get("replaces")
        self.known[key] = Problem(conditions[key], onset, t, ref)

    def _measure(self, visit: Visit, t: int, ref: Resource) -> None:
        """Take the panels that are due; at a stay also the acute ones."""
        level = self.profile.trend(t // DAY)
        stay = visit.kind in STAYS
        rates = self.profile.archetype["panels"]
        for name, panel in catalogue.load("panels").items():
            acute = stay and panel.get("acute") and (visit.kind != "emergency" or self.rng.random() < 0.4)
            possible = visit.kind != "virtual" or name == "mood"  # a questionnaire needs no hands
            if acute or (possible and self._due(name, rates, t, level)):
                self.panel_last[name] = t
                sometimes = panel.get("sometimes", {})
                for measure in panel["measures"]:
                    if measure not in sometimes or self.rng.random() < sometimes[measure]:
                        self._take(measure, t, ref)

    def _due(self, name: str, rates: dict[str, float], t: int, level: float) -> bool:
        rate = rates.get(name, 0.0)
        if self.profile.second:
            rate = max(rate, 0.5 * self.profile.second["panels"].get(name, 0.0))
        if rate <= 0.0:
            return False
        last = self.panel_last.get(name)
        if last is None:
            return self.rng.random() < min(0.9, rate)
        return (t - last) / DAY > 0.75 * YEAR / (rate * max(0.4, level)) and self.rng.random() < 0.9

    def _take(self, measure: str, t: int, ref: Resource) -> None:
        body = catalogue.load("measures").get(measure, {})
        if body.get("sex", self.profile.sex) != self.profile.sex:
            return
        self.observer.take(measure, t, ref)
        if measure == "bp":
            self.seen["sbp"] = self.values.reading("sbp", t)
        elif measure != "smoking":
            self.seen[measure] = self.values.reading(measure, t)

    def _find(self, t: int, ref: Resource) -> None:
        """Problems that an observed value gives away, written down with a chance per contact."""
        for key, body in catalogue.load("conditions").items():
            found = body.get("found")
            if found and key not in self.known and beyond(found, self.seen) and self.rng.random() < found["p"]:
                self._record(key, t // DAY, t, ref)

    def _programme(self, visit: Visit, ordinal: int, ref: Resource) -> None:
        programmes = catalogue.load("programmes")
        if visit.step in ("cycle", "surgery"):
            self._cancer_step(visit, programmes["chemotherapy"], ref)
        else:
            self._pregnancy_step(visit, ordinal, programmes["pregnancy"], ref)

    def _cancer_step(self, visit: Visit, body: Resource, ref: Resource) -> None:
        if visit.step == "surgery":
            self.record.add(procedure(self.record, body["surgery_procedure"], visit.start + 60, 180, ref))
            return
        self.record.add(procedure(self.record, body["procedure"], visit.start + 30, 90, ref))
        for cancer, medicine in body["medicines"].items():
            if cancer in self.known:
                self.prescriber.course(medicine, 21, visit.start + 15, ref)
        if self.rng.random() < 0.25:
            self.prescriber.course("ondansetron", 10, visit.start + 16, ref)

    def _pregnancy_step(self, visit: Visit, ordinal: int, body: Resource, ref: Resource) -> None:
        t = visit.start + 12
        if visit.step == "prenatal" and "pregnancy" not in self.known:
            self.known["pregnancy"] = Problem(body["condition"], ordinal - 60, t, ref)
            self.record.add(procedure(self.record, body["ultrasound"], t, 20, ref))
        elif visit.step == "delivery":
            self.record.add(procedure(self.record, body["procedure"], visit.start + 30, 240, ref))
        if visit.step in ("delivery", "postpartum") and "pregnancy" in self.known:
            problem = self.known.pop("pregnancy")
            problem.ended = visit.end
            self.ended.append(problem)
