"""Who a person is before any contact is planned: archetype, age, hidden severity and risk, problems, death, gaps."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random
from typing import Any

from . import catalogue
from .dates import YEAR
from .draw import between, normal, weighted, whole

NO_CONTACT_DAYS = 731


@dataclass(slots=True)
class Profile:
    """One person's hidden facts. Days are ordinals; ``rate`` is unplanned admissions a year at the end of history."""

    archetype: dict[str, Any]
    second: dict[str, Any] | None
    story: dict[str, Any] | None
    sex: str
    age: float
    birth: int
    severity: float
    rate: float
    visit_factor: float
    until: int
    start: int
    onset: int
    death: int | None
    gap: tuple[int, int]
    place: dict[str, Any]
    smoking: str
    coding: str
    problems: dict[str, int] = field(default_factory=dict)

    @property
    def zone(self) -> int:
        """Standard offset from UTC in hours."""
        return int(self.place["hours"])

    @property
    def end(self) -> int:
        """Last day with contacts."""
        return self.until - 1 if self.death is None else min(self.death, self.until - 1)

    @property
    def risk(self) -> float:
        """Probability of at least one unplanned admission in a year, as planted."""
        return round(1.0 - math.exp(-self.rate), 4)

    def trend(self, ordinal: int) -> float:
        """How much of today's rates applied on that day: falls going back, and is low before the defining illness."""
        before = max(0.0, (self.until - ordinal) / YEAR)
        level: float = max(0.15, 1.0 - self.archetype["growth"] * before)
        return level if ordinal >= self.onset else 0.35 * level


def draw_profile(rng: Random, index: int, until: int) -> Profile:
    """The person of that index; ``until`` is the ordinal of the last day."""
    stories = catalogue.stories()
    story = stories[index] if index < len(stories) else None
    kind = catalogue.archetype(story["archetype"]) if story else _archetype(rng)
    mean, sd, low, high = kind["age"]
    age = story["age"] + rng.random() if story else min(high, max(low, mean + sd * normal(rng)))
    severity = story["severity"] if story else normal(rng)
    second = _second(rng, kind, age) if story is None else None
    profile = Profile(
        archetype=kind, second=second, story=story,
        sex=story["sex"] if story else ("female" if rng.random() < kind["female"] else "male"),
        age=age, birth=until - int(age * YEAR), severity=severity, rate=_rate(kind, second, severity, age),
        visit_factor=(story["visits"] if story else 1.0) * math.exp(0.0 if story else 0.35 * normal(rng)),
        until=until, start=0, onset=0, death=None, gap=(0, 0), place=_pick(rng, catalogue.load("people")["place"]),
        smoking=_smoking(rng, kind), coding=_coding(rng))
    _history(rng, profile)
    _problems(rng, profile)
    return profile


def _pick(rng: Random, rows: list[Any]) -> Any:
    return rows[int(rng.random() * len(rows))]


def _archetype(rng: Random) -> dict[str, Any]:
    return weighted(rng, [(row, row["share"]) for row in catalogue.archetypes()]) or catalogue.archetypes()[0]


def _second(rng: Random, kind: dict[str, Any], age: float) -> dict[str, Any] | None:
    """Some people carry half of another archetype too: comorbidity that no grouping can undo."""
    if rng.random() > 0.16:
        return None
    rows = [row for row in catalogue.archetypes() if row is not kind and "programme" not in row
            and row["name"] != "healthy_young" and row["age"][2] - 8 <= age <= row["age"][3] + 8]
    return weighted(rng, [(row, row["share"]) for row in rows])


def _rate(kind: dict[str, Any], second: dict[str, Any] | None, severity: float, age: float) -> float:
    spread = kind["spread"]
    rate: float = kind["risk"] * math.exp(spread * severity - 0.5 * spread * spread + 0.018 * (age - kind["age"][0]))
    return min(2.5, rate + (0.35 * second["risk"] if second else 0.0))


def _smoking(rng: Random, kind: dict[str, Any]) -> str:
    current, former = kind["smoking"]
    point = rng.random()
    return "current" if point < current else "former" if point < current + former else "never"


def _coding(rng: Random) -> str:
    rates, point = catalogue.rates(), rng.random()
    if point < rates["snomed_only"]:
        return "snomed"
    return "icd10" if point < rates["snomed_only"] + rates["icd10_only"] else "both"


def _history(rng: Random, profile: Profile) -> None:
    """Start, defining illness, death and years without contact."""
    kind, until, story = profile.archetype, profile.until, profile.story is not None
    years = between(rng, 8.0, 12.0) if story else 5.0 + 10.0 * rng.random() * rng.random() + 1.0 * rng.random()
    profile.start = max(until - int(min(15.0, years) * YEAR), profile.birth + int(15 * YEAR))
    if "onset" in kind:
        profile.onset = until - int(between(rng, *kind["onset"]) * YEAR)
    for year in (3, 2, 1):
        hazard = kind["mortality"] * math.exp(0.4 * profile.severity)
        if rng.random() < hazard and not story and profile.death is None:
            profile.death = max(profile.onset + 30, until - int(YEAR * (year - rng.random())))
    if profile.death is not None and profile.death >= until:
        profile.death = None
    _gap(rng, profile, story)


def _gap(rng: Random, profile: Profile, story: bool) -> None:
    point, rates = rng.random(), catalogue.rates()
    if story or profile.death is not None:
        return
    if point < rates["no_contact_to_end"]:
        profile.gap = (profile.until - whole(rng, NO_CONTACT_DAYS, 1461), profile.until + 1)
    elif point < rates["no_contact_to_end"] + rates["no_contact_gap"]:
        end = profile.until - whole(rng, 20, 365)
        profile.gap = (end - whole(rng, NO_CONTACT_DAYS, 1096), end)


def _problems(rng: Random, profile: Profile) -> None:
    """Long-standing problems with their onset; conditions that are found by a value come later, from the course."""
    chances = _prevalence(profile)
    certain = profile.story.get("problems", ()) if profile.story else ()
    chosen = weighted(rng, [(key, share) for key, share in _one_of(profile).items() if not certain or key in certain])
    for key, body in catalogue.load("conditions").items():
        point, length = rng.random(), rng.random()
        if body.get("sex", profile.sex) != profile.sex or ("needs" in body and body["needs"] not in profile.problems
                                                           and body["needs"] != chosen):
            continue
        if key == chosen:
            profile.problems[key] = profile.onset
        elif point < chances.get(key, 0.0) or key in certain:
            defining = key in certain or profile.archetype.get("conditions", {}).get(key, 0.0) >= 0.8
            since = int(((3.0 if defining else 0.5) + 9.0 * length) * YEAR)
            profile.problems[key] = max(profile.until - since, profile.birth + int(14 * YEAR), profile.onset)


def _one_of(profile: Profile) -> dict[str, float]:
    body = catalogue.load("conditions")
    return {key: share for key, share in profile.archetype.get("one_of", {}).items()
            if body[key].get("sex", profile.sex) == profile.sex}


def _prevalence(profile: Profile) -> dict[str, float]:
    """Chance of each problem: background by age, overruled by the archetype, and half of a second archetype's."""
    old = min(1.0, max(0.0, (profile.age - 20.0) / 60.0))
    chances = {key: body["background"][0] + old * (body["background"][1] - body["background"][0])
               for key, body in catalogue.load("conditions").items() if "background" in body}
    if profile.second:
        for key, share in profile.second.get("conditions", {}).items():
            chances[key] = max(chances.get(key, 0.0), 0.6 * share)
    for key, share in profile.archetype.get("conditions", {}).items():
        chances[key] = max(chances.get(key, 0.0), share)
    return chances
