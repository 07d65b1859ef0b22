"""The run report: what was read, kept and dropped on the way to the groups; and what moved since the release before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.chart.words import capital, day
from app.cohorts import figures
from app.cohorts.figures import Dots
from app.cohorts.opening import NO_PAPER, Opening
from app.cohorts.table import Table, table
from app.cohorts.words import FEW, number, people, share, short

STEPS = {
    "export": "Exported", "load": "Loaded as events", "build": "Described", "fit": "Placed in a group",
    "follow": "Following year known",
}  # fmt: skip
DROPPED = {
    "deceased": "deceased by then", "no_patient_resource": "no Patient resource",
    "year_not_known": "following year not known",
}  # fmt: skip
INPUTS = 12  # rows of the figure of inputs
FIRST = "This is the first release of this EHR, so there is nothing to compare it with yet."
NOT_COMPARABLE = "The release before cannot be compared with this one: {}."


@dataclass(frozen=True)
class Drift:
    """Against the release before; `agreement` in a sentence."""

    before: str
    agreement: str
    shares: Dots
    shares_table: Table
    inputs: Dots | None
    inputs_table: Table | None


@dataclass(frozen=True)
class Run:
    """All that the page prints; `no_funnel` and `no_drift` say why a part is not there."""

    funnel: Table | None
    exports: str
    no_funnel: str
    drift: Drift | None
    no_drift: str


def run(opening: Opening) -> Run | None:
    """The page; None without a release."""
    if opening.release is None:
        return None
    funnel, moved = opening.paper("funnel"), opening.paper("drift")
    drift = moved if moved and moved["previous"] and not moved["reason"] else None
    return Run(
        funnel=_funnel(funnel) if funnel else None,
        exports=", ".join(funnel["exports"]) if funnel else "",
        no_funnel=NO_PAPER,
        drift=_drift(drift, opening.release.as_of) if drift else None,
        no_drift=NO_PAPER if moved is None else _why_not(moved),
    )


def _why_not(moved: Mapping[str, Any]) -> str:
    return FIRST if moved["previous"] is None else NOT_COMPARABLE.format(moved["reason"])


def _funnel(paper: Mapping[str, Any]) -> Table:
    head = ("Step", "Of", "Read", "Kept", "Dropped, by reason")
    return table("funnel", "What was read, kept and dropped", head, [
        (STEPS.get(one["step"], one["step"]), one["unit"], _count(one, "read"), _count(one, "kept"),
         _dropped(one)) for one in paper["steps"]
    ])  # fmt: skip


def _dropped(step: Mapping[str, Any]) -> str:
    """`deceased by then: 40; no Patient resource: hidden`; a reason that held for nobody is left out."""
    told = ((DROPPED.get(why, why.replace("_", " ")), n) for why, n in step["dropped"].items() if n != 0)
    return "; ".join(f"{words}: {_number(step, n)}" for words, n in told) or "none"


def _count(step: Mapping[str, Any], key: str) -> str:
    return _number(step, step[key])


def _number(step: Mapping[str, Any], n: int | None) -> str:
    """People are hidden where they are few; resources are no people."""
    return people(n) if step["unit"] == "people" or n is None else f"{n:,}"


def _drift(paper: Mapping[str, Any], as_of: str) -> Drift:
    before, features = paper["previous"], paper["features"]
    head = ("Group of the release before", str(day(before["as_of"])), str(day(as_of)))
    shares = [(f"{one['rank']}. {one['name']}", share(one["before"]), share(one["now"])) for one in paper["groups"]]
    changed = "" if before.get("same_definitions", True) else " The definitions of the inputs changed in between, too."
    return Drift(
        before=f"Compared with release {before['release_id']} as of {day(before['as_of'])}, whose own centres place "
        f"today’s people.{changed}",
        agreement="Placed by both releases, the same people agree with an adjusted Rand index of "
        f"{number(paper['adjusted_rand_index'])} (1: the same groups, 0: chance).",
        shares=_shares(paper["groups"]),
        shares_table=table("drift-groups", "Shares of the groups", head, shares),
        inputs=_inputs(features) if features else None,
        inputs_table=table("drift-inputs", "Inputs that moved most", ("Input", "Stability index"), [
            (capital(one["label"]), number(one["psi"], 3)) for one in features
        ]) if features else None,
    )  # fmt: skip


def _shares(groups: list[dict[str, Any]]) -> Dots:
    rows = [
        {
            "label": short(f"{one['rank']} {one['name']}"),
            "ring": one["before"],
            "value": one["now"],
            "said": f"{share(one['before'])}, now {share(one['now'])}",
        }
        for one in groups
    ]
    top = figures.largest((one[key] for one in groups for key in ("before", "now")), 0.1)
    return figures.dots(rows, figures.Axis(0.0, top, percent=True))


def _inputs(features: list[dict[str, Any]]) -> Dots:
    rows = [
        {
            "label": short(capital(one["label"])),
            "value": one["psi"],
            "said": FEW if one["psi"] is None else number(one["psi"]),
        }
        for one in features[:INPUTS]
    ]
    top = figures.largest((row["value"] for row in rows), 0.3)
    return figures.dots(rows, figures.Axis(0.0, top), [(0.10, "0.10"), (0.25, "0.25")])
