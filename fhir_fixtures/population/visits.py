"""When a person meets the health system: planned contacts, unplanned ones driven by the hidden risk, and programmes."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from . import catalogue
from .dates import DAY, YEAR, season, working_hours
from .draw import between, chance_of, weighted, whole
from .profile import Profile

MONTH = YEAR / 12.0
BOOST_MONTHS = 3  # the weeks after a stay carry more risk of the next one


@dataclass(slots=True)
class Visit:
    """One contact: start and end in minutes, kind of encounters.toml, acute reason (acute.toml) or None."""

    start: int
    end: int
    kind: str
    reason: str | None = None
    disposition: str = "home"
    step: str = ""  # of a programme: cycle, surgery, prenatal, delivery, postpartum


def plan(rng: Random, profile: Profile) -> list[Visit]:
    """All contacts in order of time, within history, outside years without contact."""
    visits = _planned(rng, profile, "visits", "check") + _planned(rng, profile, "virtual", "virtual")
    visits += _planned(rng, profile, "home", "home") + _unplanned(rng, profile)
    visits += _programme(rng, profile)
    if profile.death is not None and rng.random() < 0.5:
        visits.append(_last_stay(rng, profile))
    low, high = profile.gap
    kept = [v for v in visits if profile.start <= v.start // DAY and v.end // DAY <= profile.end
            and not low <= v.end // DAY < high and not low <= v.start // DAY < high]
    kept.sort(key=lambda v: (v.start, v.kind))
    return _apart(kept)


def _apart(visits: list[Visit]) -> list[Visit]:
    """Nobody is at an appointment while in hospital: contacts that begin inside a stay are dropped."""
    kept: list[Visit] = []
    busy = 0
    for visit in visits:
        if visit.start >= busy:
            kept.append(visit)
            busy = visit.end
    return kept


def _planned(rng: Random, profile: Profile, rate_name: str, usual: str) -> list[Visit]:
    """Contacts at fairly regular distances; the year's first of a well person is a general examination."""
    rate = profile.archetype.get(rate_name, 0.0) * profile.visit_factor
    visits: list[Visit] = []
    ordinal = profile.start + int(rng.random() * 200)
    while rate > 0.02 and ordinal <= profile.end:
        kind = "wellness" if usual == "check" and rng.random() < min(0.9, 0.8 / rate) else usual
        visits.append(_visit(rng, kind, working_hours(ordinal, rng.random())))
        ordinal += max(7, int(YEAR / (rate * profile.trend(ordinal)) * (0.4 + 1.2 * rng.random())))
    return visits


def _visit(rng: Random, kind: str, start: int, reason: str | None = None) -> Visit:
    body = catalogue.load("encounters")[kind]
    low, high = body.get("minutes") or (body["days"][0] * DAY, body["days"][1] * DAY)
    if "days" in body:  # most stays are short
        return Visit(start, start + int(low + (high - low) * rng.random() ** 2), kind, reason)
    return Visit(start, start + whole(rng, low, high), kind, reason)


def _unplanned(rng: Random, profile: Profile) -> list[Visit]:
    """Month by month: urgent care, emergency visits, and admissions at the hidden rate, higher after a stay."""
    visits: list[Visit] = []
    kind, last_stay = profile.archetype, -BOOST_MONTHS - 1
    winter = kind.get("winter", 1.25)
    for number in range(int((profile.end - profile.start) / MONTH) + 1):
        first = profile.start + int(number * MONTH)
        level = profile.trend(first) * (1.0 + (winter - 1.0) / (winter + 1.0) * season(first))
        boost = 1.8 if number - last_stay <= BOOST_MONTHS else 1.0
        if rng.random() < chance_of(profile.rate * level * boost / 12.0):
            visits += _admission(rng, profile, first)
            last_stay = number
        if rng.random() < chance_of(kind["ed"] * (0.5 + 0.5 * profile.visit_factor) * level / 12.0):
            visits.append(_emergency(rng, profile, first))
        if rng.random() < chance_of(0.25 * level / 12.0):
            visits.append(_visit(rng, "urgent", working_hours(first + whole(rng, 0, 27), rng.random()),
                                 _reason(rng, profile, first, stay=False)))
    return visits


def _minute(rng: Random, first: int) -> int:
    return (first + whole(rng, 0, 29)) * DAY + whole(rng, 0, DAY - 1)


def _emergency(rng: Random, profile: Profile, first: int) -> Visit:
    kind = "observation" if rng.random() < 0.12 else "emergency"
    return _visit(rng, kind, _minute(rng, first), _reason(rng, profile, first, stay=False))


def _admission(rng: Random, profile: Profile, first: int) -> list[Visit]:
    """A stay, usually by way of the emergency department, sometimes on to a nursing facility."""
    start, reason = _minute(rng, first), _reason(rng, profile, first, stay=True)
    stay = _visit(rng, "admission", start, reason)
    visits = [stay]
    if rng.random() < 0.7:
        visits.append(Visit(start - whole(rng, 120, 500), start, "emergency", reason, "admitted"))
    if rng.random() < profile.archetype.get("snf", 0.02):
        stay.disposition = "snf"
        visits.append(_visit(rng, "skilled_nursing", stay.end + 30))
    elif rng.random() < profile.archetype.get("home", 0.0) / 4.0:
        stay.disposition = "home_health"
    if rng.random() < 0.6:
        visits.append(_visit(rng, "check", working_hours(stay.end // DAY + whole(rng, 5, 14), rng.random())))
    return visits


def _last_stay(rng: Random, profile: Profile) -> Visit:
    assert profile.death is not None
    start = (profile.death - whole(rng, 1, 8)) * DAY + whole(rng, 0, DAY - 1)
    reason = _reason(rng, profile, profile.death, stay=True)
    return Visit(start, profile.death * DAY + 300, "admission", reason, "died")


def _reason(rng: Random, profile: Profile, ordinal: int, *, stay: bool) -> str | None:
    known = {key for key, since in profile.problems.items() if since <= ordinal}
    if profile.archetype.get("programme") == "pregnancy":
        known.add("pregnancy")
    rows = []
    for key, body in catalogue.load("acute").items():
        if stay and not body.get("admits", True):
            continue
        weight = body["weight"] + sum(w for name, w in body.get("add", {}).items() if name in known)
        for name, times in body.get("with", {}).items():
            weight *= times if name in known else 1.0
        winter = body.get("winter", 1.0)
        rows.append((key, weight * (1.0 + (winter - 1.0) / (winter + 1.0) * season(ordinal))))
    return weighted(rng, rows)


def _programme(rng: Random, profile: Profile) -> list[Visit]:
    name = profile.archetype.get("programme")
    if name == "chemotherapy":
        return _chemotherapy(rng, profile, catalogue.load("programmes")[name])
    return _pregnancies(rng, profile, catalogue.load("programmes")[name]) if name == "pregnancy" else []


def _chemotherapy(rng: Random, profile: Profile, body: dict[str, Any]) -> list[Visit]:
    """Surgery for some, then one or two series of cycles; the last series may still run at the end of history."""
    visits: list[Visit] = []
    ordinal = profile.onset + whole(rng, 14, 45)
    if rng.random() < body["surgery"]:
        visits.append(_visit(rng, "planned_stay", working_hours(ordinal, 0.1)))
        visits[-1].step = "surgery"
        ordinal += 30
    for _ in range(1 + int((profile.until - ordinal) / YEAR)):
        for _ in range(whole(rng, *body["cycles"])):
            kind = "planned_stay" if rng.random() < body["planned_stay"] else "chemotherapy"
            visits.append(_visit(rng, kind, working_hours(ordinal, rng.random())))
            visits[-1].step = "cycle"
            ordinal += body["every_days"] + whole(rng, 0, 3)
        ordinal += whole(rng, 90, 240)
    return visits


def pregnancies(rng: Random, profile: Profile, body: dict[str, Any]) -> list[int]:
    """Days of delivery, newest first; one may lie after the end of history."""
    newest = profile.until - int(between(rng, *body["last_delivery_years"]) * YEAR)
    days = [newest]
    if rng.random() < body["second"]:
        days.append(newest - whole(rng, 500, 1300))
    return [day for day in days if day - body["length_days"] > profile.birth + int(17 * YEAR)]


def _pregnancies(rng: Random, profile: Profile, body: dict[str, Any]) -> list[Visit]:
    visits: list[Visit] = []
    for delivery in pregnancies(rng, profile, body):
        first = delivery - body["length_days"] + whole(rng, 50, 80)
        for ordinal in range(first, delivery - 6, body["every_days"]):
            visits.append(_visit(rng, "prenatal", working_hours(ordinal, rng.random())))
            visits[-1].step = "prenatal"
        visits.append(_visit(rng, "delivery", delivery * DAY + whole(rng, 0, DAY - 1)))
        visits[-1].step = "delivery"
        visits.append(_visit(rng, "check", working_hours(delivery + 42, rng.random())))
        visits[-1].step = "postpartum"
    return visits
