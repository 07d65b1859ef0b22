"""FHIR dates as the intervals they mean (FHIR R4 search, "date": a value is a range, never a point).

Instants are whole milliseconds since 1970-01-01 UTC, both ends inclusive. A value without a time zone is read as UTC.
"""

import calendar
from datetime import UTC, date, datetime
from functools import lru_cache

EARLIEST = -(1 << 62)
LATEST = 1 << 62
DAY = 86_400_000

Interval = tuple[int, int]


def millis(instant: datetime) -> int:
    """Milliseconds since 1970 of an aware instant; a naive one is taken as UTC."""
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return round(instant.timestamp() * 1000)


def isoformat(ms: int) -> str:
    """The FHIR `instant` of a count of milliseconds, in UTC with a `Z`."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def interval(value: object) -> Interval | None:
    """The range that a FHIR date, dateTime or instant covers; None when it is not one (a year 0000, free text, a
    number).
    """
    return _interval(value) if isinstance(value, str) and len(value) >= 4 else None


@lru_cache(maxsize=2048)  # the resources of one visit share their times
def _interval(value: str) -> Interval | None:
    try:
        if len(value) > 10:
            start = millis(datetime.fromisoformat(value))
            return start, start + (0 if "." in value else _precision(value) - 1)
        return _whole_days(value)
    except (ValueError, OverflowError):
        return None


def _precision(value: str) -> int:
    """Length in ms of a time given to the second, or to the minute (allowed in searches only)."""
    clock = value[11:].replace("Z", "").split("+")[0].split("-")[0]
    return 1000 if clock.count(":") == 2 else 60_000


def _whole_days(value: str) -> Interval:
    parts = [int(part) for part in value.split("-")]
    year, month, day = (*parts, 1, 1)[:3]
    start = millis(datetime(year, month, day, tzinfo=UTC))
    if len(parts) == 3:
        days = 1
    elif len(parts) == 2:
        days = calendar.monthrange(year, month)[1]
    else:
        days = 366 if calendar.isleap(year) else 365
    return start, start + days * DAY - 1


def period(value: object) -> Interval | None:
    """The range of a FHIR Period; an open end reaches to the end of time, as FHIR search says."""
    if not isinstance(value, dict):
        return None
    start, end = interval(value.get("start")), interval(value.get("end"))
    if start is None and end is None:
        return None
    return start[0] if start else EARLIEST, end[1] if end else LATEST


def to_date(ms: int) -> date:
    """The UTC calendar day of an instant."""
    return datetime.fromtimestamp(ms / 1000, UTC).date()
