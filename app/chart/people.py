"""People like this one: what is known of the people of the patient's group, in aggregates alone.

Everything is told of groups as the release tells it; what counts ten people or fewer is not shown, and said to be so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analytics.definitions import catalogue, gaps
from app.chart.cells import SMALLEST_SHOWN, may_show, shown_bound
from app.chart.figures import ShareBar, share_bar, top_of
from app.chart.reading import Reading, serving
from app.chart.words import capital, day, percent, whole_percent

MOST = 8  # rows of a figure; its table has all
NOT_SHOWN = "not shown"
OLDER_RELEASE = (
    "Treatments and care gaps of the group are not in this release: an earlier Kindred published it. They come with "
    "the next release."
)
WHY = f"fewer than {SMALLEST_SHOWN} people have it or have it not, or such a number would follow"
NO_RATIO = (
    "How it compares with the lowest group at the same age and sex is not shown: too few people or events support it."
)


@dataclass(frozen=True)
class Row:
    """A share of this group beside another, in words, and as a bar; `here` marks the patient's own group."""

    label: str
    said: str
    beside: str | None
    bar: ShareBar
    here: bool = False


@dataclass(frozen=True)
class Figure:
    """Rows on an axis from 0 to `top` (percent); the table has `all_rows`. `hidden` says what is not shown, and why."""

    about: str
    top: str
    rows: tuple[Row, ...]
    all_rows: tuple[Row, ...]
    hidden: str | None


@dataclass(frozen=True)
class People:
    """The section. A part is None where nothing can be told of it; `unread` then says why."""

    who: str
    alike: str | None
    ratio: str
    outcomes: Figure
    treatments: Figure | None
    gaps: Figure | None
    unread: str | None


def section(reading: Reading, group: dict[str, Any] | None) -> People | None:
    """The section for the group that the page shows; None where it shows none."""
    if group is None or reading.release is None:
        return None
    evidence, cohorts = (serving().document(reading.release, name) for name in ("evidence", "cohorts"))
    return people(group, reading.release.model, evidence, cohorts, reading.score["features"])


def people(
    group: dict[str, Any],
    model: dict[str, Any],
    evidence: dict[str, Any] | None,
    cohorts: dict[str, Any] | None,
    patient: dict[str, float | None],
) -> People:
    """From the papers of a release, either of which may be missing. patient: the features of the open chart, by which
    people of the same sex and age band are picked."""
    index = day(model.get("index_date")) or "the index date"
    return People(
        who=_who(group, index),
        alike=_alike(group["rank"], cohorts, patient, index),
        ratio=_ratio(group["rank"], evidence),
        outcomes=_outcomes(group["rank"], model["groups"], index),
        treatments=_treatments(group["rank"], cohorts) if cohorts else None,
        gaps=_gaps(group["rank"], cohorts) if cohorts else None,
        unread=None if cohorts else OLDER_RELEASE,
    )


def _who(group: dict[str, Any], index: str) -> str:
    n, followed = group.get("n"), _followed(group)
    if n is None or 0 < n < SMALLEST_SHOWN:
        return "How many people are in this group is not shown: they are too few."
    if followed is None:
        return f"{n:,} people were in this group on {index}."
    return f"{n:,} people were in this group on {index}; of {followed:,} it is known what happened in the year after."


def _followed(group: dict[str, Any]) -> int | None:
    """How many were followed; None where that, or how many were not, is a small number."""
    n, followed = group.get("n"), group.get("followed")
    small = n is None or followed is None or any(0 < one < SMALLEST_SHOWN for one in (n, followed, n - followed))
    return None if small else followed


# -- outcomes -------------------------------------------------------------------------------------------------------


def _outcomes(rank: int, groups: Sequence[dict[str, Any]], index: str) -> Figure:
    """The rate of every group with its interval, the patient's own among them."""
    what = catalogue.group_rules()["outcome"]["sentence"].split(" in the following")[0]
    top = top_of(group["high"] for group in groups if may_show(group))
    rows = tuple(_outcome(group, group["rank"] == rank, top) for group in groups)
    few = sum(row.bar.value is None for row in rows)
    hidden = f"Of {_count(few, 'group')} no rate is shown: too few people or events." if few else None
    about = f"Who {what} in the 12 months after {index}, of the people in each group on that day (95 % interval)."
    return Figure(about, percent(top), rows, rows, hidden)


def _outcome(group: dict[str, Any], here: bool, top: float) -> Row:
    shown = may_show(group)
    label = f"{group['rank']} {group['name']}"
    said = _rate(group) if shown else f"{bound} %" if (bound := shown_bound(group)) else NOT_SHOWN
    value, ends = (group["rate"], (group["low"], group["high"])) if shown else (None, (None, None))
    return Row(label, said, f"of {followed:,}" if (followed := _followed(group)) else None,
               share_bar(value, None, ends, top), here)  # fmt: skip


def _rate(cell: dict[str, Any]) -> str:
    rate, low, high = (percent(cell[key]) for key in ("rate", "low", "high"))
    return f"{rate} % ({low}–{high} %)"


def _ratio(rank: int, evidence: dict[str, Any] | None) -> str:
    groups = {group["rank"]: group for group in (evidence or {}).get("groups", [])}
    found = groups.get(rank, {}).get("standardised")
    if not found:
        return NO_RATIO
    if found["to"] == rank:
        return "At the same age and sex, the other groups are compared with this one."
    times = f"{found['ratio']:.1f} times ({found['low']:.1f}–{found['high']:.1f})"
    return (f"At the same age and sex this happened {times} as often as in group {found['to']}, the lowest whose "
            "numbers are shown.")  # fmt: skip


def _alike(
    rank: int, cohorts: dict[str, Any] | None, patient: dict[str, float | None], index: str
) -> str | None:
    """The rate of the group's people of the patient's sex and age band; None where either is not known."""
    female, age = patient.get("female"), patient.get("age")
    if not cohorts or female is None or age is None:
        return None
    sex, band = ("Female" if female else "Male"), _band(age, cohorts["drill"]["age_bands"])
    cells = [cell for row in cohorts["drill"]["cells"] for cell in row["groups"] if cell["rank"] == rank
             and (row["sex"], row["age_band"], row["condition"]) == (sex, band, None)]  # fmt: skip
    if band is None or not cells:
        return None
    who = f"{'women' if female else 'men'} aged {band}"
    if not may_show(cells[0]):
        return f"Of the {who} in this group alone the rate is not shown: they or their events are too few."
    return f"Of the {cells[0]['followed']:,} {who} in this group on {index}: {_rate(cells[0])}."


def _band(age: float, bands: Sequence[str]) -> str | None:
    """The age band that an age in years lies in: "18 to 44", or "75 and older"."""
    for band in bands:
        ends = [int(part) for part in band.split() if part.isdecimal()]
        if ends and ends[0] <= age and (len(ends) == 1 or age < ends[1] + 1):
            return band
    return None


# -- treatments and care gaps ---------------------------------------------------------------------------------------


def _treatments(rank: int, cohorts: dict[str, Any]) -> Figure | None:
    """Shares of people with each class of medicines in use: in the figure those in which the group differs most."""
    found: list[tuple[str, Any, Any]] = []
    for one in cohorts["treatments"]:
        found.append((one["label"], _of_rank(one, rank).get("share"), one["everyone"]))
    told = [one for one in found if one[1] is not None]
    if not told:
        return None
    picked = sorted(told, key=lambda one: -abs(one[1] - one[2]) if one[2] is not None else 0.0)[:MOST]
    on = day(cohorts["dates"]["treatments"])
    about = f"Medicines in use on {on}: the share of this group, and of everyone (line)."
    return Figure(about, "100", _by_share(picked), _by_share(told),
                  _hidden(len(found) - len(told), "class of medicines", "classes of medicines"))  # fmt: skip


def _by_share(found: Sequence[tuple[str, Any, Any]]) -> tuple[Row, ...]:
    return tuple(Row(capital(label), _whole(share), f"everyone {_whole(everyone)}", share_bar(share, everyone))
                 for label, share, everyone in sorted(found, key=lambda one: -one[1]))  # fmt: skip


def _gaps(rank: int, cohorts: dict[str, Any]) -> Figure | None:
    """Shares of those to whom a rule applies who have it met; in the figure the rules of the greatest weight."""
    weights = {name: rule.weight for name, rule in gaps.rules().items()}
    ordered = sorted(cohorts["gaps"], key=lambda one: -weights.get(one["id"], 0.0))
    found = [(one["title"], _of_rank(one, rank), one["everyone"]) for one in ordered]
    rows = tuple(_gap(*one) for one in found if one[1].get("met") is not None)
    if not rows:
        return None
    on = day(cohorts["dates"]["gaps"])
    about = f"Care gaps closed on {on}: the share of those to whom it applies, in this group, and of everyone (line)."
    nobody = sum(one[1].get("applicable") == 0 for one in found)
    return Figure(about, "100", rows[:MOST], rows, _hidden(len(found) - len(rows) - nobody, "care gap", "care gaps"))


def _gap(title: str, cell: dict[str, Any], everyone: dict[str, Any]) -> Row:
    of = f" of {cell['applicable']:,}" if cell["applicable"] else ""
    return Row(title, f"{_whole(cell['met'])}{of}", f"everyone {_whole(everyone['met'])}",
               share_bar(cell["met"], everyone["met"]))  # fmt: skip


def _of_rank(one: dict[str, Any], rank: int) -> dict[str, Any]:
    return next((cell for cell in one["groups"] if cell["rank"] == rank), {})


def _whole(share: float | None) -> str:
    return whole_percent(share, NOT_SHOWN).replace("\u00a0", " ")


def _hidden(count: int, one: str, many: str) -> str | None:
    if count == 0:
        return None
    named = f"1 {one} is" if count == 1 else f"{count} {many} are"
    return f"{named} not shown for this group: {WHY}."


def _count(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"
