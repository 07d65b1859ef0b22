"""Screening, regular procedures and vaccines: what is due at a planned contact, and who takes it up."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from . import catalogue
from .contacts import immunization, procedure
from .dates import DAY, YEAR, month, year
from .profile import Profile
from .record import Record, Resource

LONG_INTERVAL_YEARS = 4
DONE_BEFORE = 0.6  # share of people whose last one of a long interval lies before this history
ATTENDED = 0.85


class Services:
    """What one person was offered and took up."""

    def __init__(self, record: Record, profile: Profile) -> None:
        self.record, self.profile = record, profile
        self.offers = [(key, body, part == "vaccine") for part in ("procedure", "vaccine")
                       for key, body in catalogue.load("services")[part].items()]
        self.takes_up = {key: record.rng.random() < body["p"] for key, body, _ in self.offers}
        self.last: dict[str, int] = {}

    def look_after(self, t: int, encounter: Resource, known: Container[str]) -> None:
        """Write what is due and done at minute t; ``known`` are the problems on the list."""
        ordinal = t // DAY
        for key, body, vaccine in self.offers:
            if not (self.takes_up[key] and self._meant_for(body, ordinal, known) and self._due(key, body, ordinal)):
                continue
            if vaccine:
                self.record.add(immunization(self.record, body["cvx"], t, encounter))
            else:
                self.record.add(procedure(self.record, body["snomed"], t, 30, encounter))

    def _meant_for(self, body: dict[str, Any], ordinal: int, known: Container[str]) -> bool:
        """Whether sex, age, season, year and problems fit."""
        age = (ordinal - self.profile.birth) / YEAR
        return (body.get("sex", self.profile.sex) == self.profile.sex and body["age"][0] <= age <= body["age"][1]
                and year(ordinal) >= body.get("since", 0) and ("months" not in body or month(ordinal) in body["months"])
                and ("needs" not in body or any(name in known for name in body["needs"])))

    def _due(self, key: str, body: dict[str, Any], ordinal: int) -> bool:
        last, rng = self.last.get(key), self.record.rng
        if last is None and body["every"] >= LONG_INTERVAL_YEARS and rng.random() < DONE_BEFORE:
            self.last[key] = ordinal - int(rng.random() * body["every"] * YEAR)
            return False
        if last is not None and ordinal - last < body["every"] * YEAR - 60:
            return False
        self.last[key] = ordinal
        return rng.random() < ATTENDED
