"""The hidden course of every measured value of one person, and what a reading at time t shows.

A value is: mean of its archetype + person's own deviation + age + drift towards the end of history + hidden severity
+ season + what running medicines do + noise of the reading. Related values (creatinine and eGFR, lipids, HbA1c and
glucose) agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

from . import catalogue
from .dates import DAY, YEAR, season
from .draw import normal
from .profile import Profile


@dataclass(slots=True, frozen=True)
class Law:
    """The numbers that drive one measure in one archetype; ``mean`` is a logarithm where ``log``."""

    mean: float
    sd: float
    noise: float
    drift: float
    age: float
    severity: float
    season: float
    log: bool
    low: float
    high: float


@lru_cache(maxsize=2048)
def _laws(archetype: str, second: str, story: str = "") -> dict[str, Law]:
    """The laws of an archetype (empty name: nobody's), half way towards a second one; a story goes before both."""
    own = dict(catalogue.archetype(archetype).get("measures", {})) if archetype else {}
    for body in catalogue.stories():
        if body["text"] == story:
            own |= {key: own.get(key, {}) | law for key, law in body.get("measures", {}).items()}
    other = catalogue.archetype(second).get("measures", {}) if second else {}
    return {key: _law(body, own.get(key, {}), other.get(key, {}))
            for key, body in catalogue.load("measures").items() if "derived" not in body}


def _law(body: dict[str, Any], own: dict[str, Any], other: dict[str, Any]) -> Law:
    merged = {**body, **own}
    log = body.get("log", False)
    mean = math.log(merged["mean"]) if log else merged["mean"]
    if "mean" in other and "mean" not in own:
        target = math.log(other["mean"]) if log else other["mean"]
        mean += 0.5 * (target - mean)
    return Law(float(mean), merged["sd"], merged["noise"], merged.get("drift", 0.0), merged.get("age", 0.0),
               merged.get("severity", 0.0), merged.get("season", 0.0), log, body["low"], body["high"])


class Values:
    """Readings of one person. ``effect`` and ``times`` hold what running medicines do to a measure."""

    def __init__(self, rng: Random, profile: Profile) -> None:
        self.rng, self.profile = rng, profile
        name = profile.archetype["name"]
        self.after = _laws(name, profile.second["name"] if profile.second else "",
                           profile.story["text"] if profile.story else "")
        self.before = _laws("", "") if "onset" in profile.archetype else self.after
        self.own = {key: normal(rng) for key in self.after}
        self.height = (176.0 if profile.sex == "male" else 162.5) + 6.8 * normal(rng)
        self.effect: dict[str, float] = {}
        self.times: dict[str, float] = {}
        self.now: dict[str, float] = {}
        self.t = -1

    def reading(self, key: str, t: int) -> float:
        """The value a test at time t reports, in the measure's own unit, not yet rounded; readings of one t agree."""
        if t != self.t:
            self.t, self.now = t, {}
        if key not in self.now:
            derive = _DERIVED.get(key)
            self.now[key] = derive(self, t) if derive else self._primary(key, t)
        return self.now[key]

    def _primary(self, key: str, t: int) -> float:
        profile, ordinal = self.profile, t // DAY
        law = (self.after if ordinal >= profile.onset else self.before)[key]
        years = (ordinal - profile.until) / YEAR
        value = law.mean + law.sd * self.own[key] + law.noise * normal(self.rng)
        value += law.age * (profile.age + years - 40.0) + law.drift * max(-12.0, years)
        value += law.severity * profile.severity + law.season * season(ordinal) + self.effect.get(key, 0.0)
        if law.log:
            value = math.exp(min(12.0, value))
        return min(law.high, max(law.low, value * self.times.get(key, 1.0)))


def ckd_epi_creatinine(egfr: float, age: float, female: bool) -> float:
    """Serum creatinine (mg/dL) whose CKD-EPI 2021 eGFR is ``egfr``: the equation solved backwards."""
    kappa, alpha, factor = (0.7, -0.241, 1.012) if female else (0.9, -0.302, 1.0)
    ratio = egfr / (142.0 * 0.9938**age * factor)
    return kappa * float(ratio ** (1.0 / (-1.2 if ratio < 1.0 else alpha)))


def _creatinine(values: Values, t: int) -> float:
    age = values.profile.age + (t // DAY - values.profile.until) / YEAR
    scr = ckd_epi_creatinine(round(values.reading("egfr", t)), age, values.profile.sex == "female")
    return min(14.0, max(0.35, scr))


def _total_cholesterol(values: Values, t: int) -> float:
    triglycerides = min(400.0, values.reading("triglycerides", t))
    return values.reading("ldl", t) + values.reading("hdl", t) + triglycerides / 5.0


def _glucose(values: Values, t: int) -> float:
    return min(600.0, max(42.0, 28.7 * values.reading("hba1c", t) - 48.0 + 9.0 * normal(values.rng)))


def _bun(values: Values, t: int) -> float:
    return min(130.0, max(4.0, 12.0 * _creatinine(values, t) + 2.0 + 2.5 * normal(values.rng)))


def _dbp(values: Values, t: int) -> float:
    older = max(0.0, values.profile.age - 60.0)
    return min(140.0, max(40.0, 20.0 + 0.47 * values.reading("sbp", t) - 0.2 * older + 4.0 * normal(values.rng)))


def _weight(values: Values, t: int) -> float:
    return min(260.0, max(35.0, values.reading("bmi", t) * (values.height / 100.0) ** 2))


def _height(values: Values, t: int) -> float:
    return min(215.0, max(135.0, values.height + 0.3 * normal(values.rng)))


_DERIVED = {"creatinine": _creatinine, "total_cholesterol": _total_cholesterol, "glucose": _glucose, "bun": _bun,
            "dbp": _dbp, "weight": _weight, "height": _height}
