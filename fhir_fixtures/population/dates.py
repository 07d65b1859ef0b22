"""Time as whole minutes since 0001-01-01 local time, and its FHIR spellings with US offsets.

One minute count t stands for wall-clock time at the person's home; ``t // 1440`` is the proleptic ordinal of the day.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

DAY = 1440
YEAR = 365.25
_CLOCK = [f"{m // 60:02d}:{m % 60:02d}:{m * 7 % 60:02d}" for m in range(DAY)]


@lru_cache(maxsize=65536)
def day(ordinal: int) -> str:
    """YYYY-MM-DD of an ordinal."""
    return date.fromordinal(ordinal).isoformat()


@lru_cache(maxsize=64)
def _summer(year: int) -> tuple[int, int]:
    """First and last day of US daylight-saving time: second Sunday of March to first Sunday of November."""
    march, november = date(year, 3, 8), date(year, 11, 1)
    return (march.toordinal() + (6 - march.weekday()) % 7, november.toordinal() + (6 - november.weekday()) % 7 - 1)


@lru_cache(maxsize=65536)
def hours(ordinal: int, zone: int) -> int:
    """Offset from UTC in hours on that day, for a standard offset ``zone`` such as -5."""
    first, last = _summer(date.fromordinal(ordinal).year)
    return zone + 1 if first <= ordinal <= last else zone


def local(t: int, zone: int) -> str:
    """FHIR dateTime with offset, such as 2024-03-05T09:15:45-05:00."""
    ordinal, minute = divmod(t, DAY)
    return f"{day(ordinal)}T{_CLOCK[minute]}-{-hours(ordinal, zone):02d}:00"


def instant(t: int, zone: int) -> str:
    """FHIR instant in UTC with milliseconds, such as 2024-03-05T14:15:45.123Z."""
    ordinal = t // DAY
    ordinal, minute = divmod(t - 60 * hours(ordinal, zone), DAY)
    return f"{day(ordinal)}T{_CLOCK[minute]}.{t * 37 % 1000:03d}Z"


@lru_cache(maxsize=65536)
def month(ordinal: int) -> int:
    """Month of the year, 1 to 12."""
    return date.fromordinal(ordinal).month


@lru_cache(maxsize=65536)
def year(ordinal: int) -> int:
    """Calendar year."""
    return date.fromordinal(ordinal).year


_SEASON = (1.0, 0.9, 0.55, 0.0, -0.5, -0.85, -1.0, -0.9, -0.5, 0.0, 0.5, 0.85)


def season(ordinal: int) -> float:
    """1 in January, -1 in July."""
    return _SEASON[month(ordinal) - 1]


def working_hours(ordinal: int, fraction: float) -> int:
    """t of an appointment on that day or the Monday after a weekend; ``fraction`` places it between 8:00 and 17:00."""
    weekday = (ordinal - 1) % 7  # 0001-01-01 was a Monday
    return (ordinal + (7 - weekday if weekday > 4 else 0)) * DAY + 480 + int(fraction * 540)
