"""The values that matter for this patient, over time: those behind the reasons, then the main ones of most visits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import StatisticsError, correlation
from typing import Any

from analytics.definitions import catalogue, explain
from analytics.definitions.catalogue import Feature
from app.chart.figures import Spark, spark
from app.chart.population import group_of
from app.chart.profile import with_unit
from app.chart.reading import Reading
from app.chart.words import capital, day

MOST, YEARS = 6, 5
#: Blood pressure, glucose, lipids, kidney, weight, heart: asked for in this order after what was a reason.
MAIN = ("systolic", "hba1c", "ldl", "egfr", "body_mass_index", "nt_probnp", "haemoglobin", "diastolic")
#: Least correlation of value and time for which a direction is told: below it, the slope explains less than a quarter.
CLEAR = 0.5
FEWEST = 3  # values: two always lie on a line


@dataclass(frozen=True)
class Trend:
    """One value over time, with its newest in words and the direction of the feature that the groups know."""

    label: str
    newest: str
    dated: str
    resource: str | None
    direction: str
    usual: str | None
    count: int
    spark: Spark
    points: list[tuple[str, str]]  # newest first: date and value


@dataclass(frozen=True)
class Trends:
    """All figures have one axis of time, `since` to the as-of date."""

    since: str
    until: str
    figures: list[Trend]


def section(reading: Reading) -> Trends | None:
    """None where no value was measured twice within the five years to the as-of date."""
    since = reading.on - timedelta(days=round(YEARS * 365.25))
    series, features = reading.score["series"], catalogue.features()
    concepts = [features[one["feature"]].concept for one in reading.score["reasons"]]
    newest = {one.concept: one for one in features.values() if one.kind == "latest"}
    wanted = [newest[one] for one in dict.fromkeys((*concepts, *MAIN)) if one in newest]
    figures = [made for one in wanted if (made := _trend(one, series.get(one.concept, []), reading, since))]
    if not figures:
        return None
    return Trends(day(since.isoformat()) or "", day(reading.on.isoformat()) or "", figures[:MOST])


def _trend(feature: Feature, series: Sequence[dict[str, Any]], reading: Reading, since: date) -> Trend | None:
    points = [(date.fromisoformat(one["time"]), float(one["value"])) for one in series]
    points = [one for one in points if since <= one[0]]
    if len(points) < 2:
        return None
    group = group_of(reading)
    usual = group["usual"].get(feature.name) if group else None
    shown = explain.usual_display(feature, usual, None) if usual else None
    placed = [(float(when.toordinal()), value) for when, value in points]
    return Trend(
        label=capital(feature.label),
        newest=with_unit(feature, points[-1][1]),
        dated=day(points[-1][0].isoformat()) or "",
        resource=series[-1]["resource"],
        direction=direction(feature, reading.score["features"].get(f"{feature.name}_trend"), points, reading.on),
        usual=shown or None,
        count=len(points),
        spark=spark(placed, (float(since.toordinal()), float(reading.on.toordinal())), usual),
        points=[(day(when.isoformat()) or "", with_unit(feature, value)) for when, value in reversed(points)],
    )


def direction(feature: Feature, slope: float | None, points: Sequence[tuple[date, float]], on: date) -> str:
    """The slope of the trend feature in words, over the same window; said to be unclear where the values scatter."""
    months, first = feature.window_days // 30, on - timedelta(days=feature.window_days)
    within = [(when.toordinal(), value) for when, value in points if when > first]
    over = f"over {months} months ({len(within)} values)"
    if slope is None or len(within) < FEWEST:
        return f"Too few values in {months} months, or too close together, to tell a direction."
    try:
        clear = abs(correlation([float(x) for x, _ in within], [y for _, y in within])) >= CLEAR
    except StatisticsError:  # all are the same
        return f"Unchanged {over}."
    trend = catalogue.features()[f"{feature.name}_trend"]
    said = explain.display(trend, float(f"{abs(slope):.2g}")).lstrip("+")
    if not clear or said == "0":
        return f"No clear direction {over}."
    unit = "" if feature.unit == "1" else f" {explain.unit_words(feature.unit)}"
    return f"{'Rising' if slope > 0 else 'Falling'} {said}{unit} per year {over}."
