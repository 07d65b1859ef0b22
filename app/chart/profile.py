"""The patient against the middle half of the group and of everyone: one axis for each value, one figure, one table."""

from dataclasses import dataclass
from typing import Any

from analytics.definitions import catalogue, explain
from analytics.definitions.catalogue import Feature
from app.chart.figures import Axis, axis
from app.chart.population import Range, everyone, group_of
from app.chart.reading import Reading
from app.chart.words import capital

MOST = 8  # rows: what was a reason first, then the inputs of the grouping in their order
LOG = frozenset({"log", "count"})
PLACES = {-1: "below", 0: "within", 1: "above"}


@dataclass(frozen=True)
class Row:
    """One value: words for the table, positions for the figure."""

    label: str
    value: str
    group: str
    everyone: str | None
    place: str  # below, within or above the middle half of the group
    axis: Axis | None


@dataclass(frozen=True)
class Profile:
    """The figure and what is said of it. `with_everyone` is False where the release does not tell of everyone."""

    rows: list[Row]
    summary: str
    with_everyone: bool


def section(reading: Reading) -> Profile | None:
    """None where there is no group, or nothing of the patient that it is known what is usual of."""
    group, score = group_of(reading), reading.score
    if group is None:
        return None
    all_people = everyone(reading)
    inputs = reading.release.model["features"] if reading.release else []
    names = [*(one["feature"] for one in score["reasons"]), *inputs]
    rows = [row for name in dict.fromkeys(names) if (row := _row(name, score["features"], group, all_people))][:MOST]
    if not rows:
        return None
    outside = [row for row in rows if row.place != "within"]
    summary = (
        f"{len(rows)} values of this patient against the middle half of the group; {len(outside) or 'none'} "
        f"{'lies' if len(outside) == 1 else 'lie'} outside of it"
        + (f": {', '.join(row.label for row in outside)}." if outside else ".")
    )
    return Profile(rows, summary, bool(all_people))


def _row(name: str, values: dict[str, float | None], group: dict[str, Any], all_people: dict[str, Range]) -> Row | None:
    feature, value, usual = catalogue.features().get(name), values.get(name), group["usual"].get(name)
    if feature is None or value is None or not usual or None in usual or explain.display(feature, 1.0) == "yes":
        return None
    others = all_people.get(name)
    place = (value > usual[1]) - (value < usual[0])
    return Row(
        label=capital(feature.label),
        value=with_unit(feature, value),
        group=span(feature, usual),
        everyone=span(feature, others) if others else None,
        place=PLACES[place],
        axis=axis(value, usual, others, log=feature.shape in LOG),
    )


def with_unit(feature: Feature, value: float) -> str:
    """`7.9 %`, `66 years`, `3`: a value with its unit as people write it."""
    unit = {"1": "", "a": "years", "d": "days"}.get(feature.unit, explain.unit_words(feature.unit))
    return f"{explain.display(feature, value)} {unit}".strip()


def between(feature: Feature, usual: Range | list[float]) -> str:
    """`7.1 to 8.6 %`."""
    return f"{span(feature, usual).rpartition(' ')[0]} {with_unit(feature, usual[1])}".strip()


def span(feature: Feature, usual: Range | list[float]) -> str:
    """`7.1 to 8.6`, without the unit."""
    low, high = (explain.display(feature, bound) for bound in usual)
    return low if low == high else f"{low} to {high}"
