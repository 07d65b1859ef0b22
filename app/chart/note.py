"""A note for the clinician to copy into the chart: plain text, whose it is, what it rests on, and its limits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.chart.gaps import UNJUDGED, Judged, open_gaps
from app.chart.missing import Missing
from app.chart.reading import Reading
from app.chart.view import View

LIMITS = (
    "Limits: statistical similarity to a group of records, not a diagnosis and no prediction for this person. Rates "
    "are those of the group in the year after its index date. Supports, does not replace, professional judgement."
)
GAPS = 6


@dataclass(frozen=True)
class Note:
    """The text, and how many lines it takes."""

    text: str
    lines: int


def note_of(reading: Reading, view: View, missing: list[Missing], gaps: Sequence[Judged]) -> Note:
    """The same words as the chart page's, one statement on each line."""
    lines = [line for line in _lines(reading, view, missing, gaps) if line is not None]
    return Note("\n".join(lines), sum(1 + len(line) // 50 for line in lines))


def _lines(
    reading: Reading, view: View, missing: list[Missing], gaps: Sequence[Judged]
) -> Iterator[str | None]:
    banner, release = view.banner, view.release
    yield f"Kindred risk group, as of {view.as_of}" + (f", release {release}" if release else ", no release")
    name = ", ".join(part for part in (banner.family, banner.given) if part)
    yield f"Patient: {name}; born {banner.born}; {banner.identifier_type} {banner.identifier}"
    yield "SYNTHETIC DATA" if view.synthetic else None
    if view.group is None:
        yield f"No risk group is shown. {view.hidden}"
    else:
        yield f"Group {view.group['rank']} of {view.group['of']} (1 has the fewest later events): {view.group['name']}"
        yield view.outcome
        yield view.firmness
        yield from _listed("Limits of this release:", view.limits)
        yield "Reasons:"
        for reason in view.reasons:
            yield f"- {reason.sentence}" + (f" {reason.usual_said}." if reason.usual_said else "")
    yield view.by_name
    yield from _listed("Recorded without a unit:", [one.sentence for one in view.units_assumed])
    lacking = "Not known from what could be read:" if view.rests_on_part else "Not in the chart, or old:"
    yield from _listed(lacking, [one.sentence for one in missing])
    yield from _listed("Could not be read:", [f"{what}: {why}." for what, why in view.unread])
    yield from _listed("Care gaps:", _gaps(gaps))
    yield LIMITS


def _listed(head: str, items: list[str]) -> Iterator[str]:
    if items:
        yield head
        yield from (f"- {item}" for item in items)


def _gaps(judged: Sequence[Judged]) -> list[str]:
    """The first open ones, how many more there are, and how many could not be judged."""
    found, unjudged = open_gaps(judged), sum(one.state == UNJUDGED for one in judged)
    lines = [f"{one['title']}: {one['reason']}" for one in found[:GAPS]]
    lines += [f"{len(found) - GAPS} more on the page."] if len(found) > GAPS else []
    return lines + ([f"Not judged, since what they rest on could not be read: {unjudged}."] if unjudged else [])
