"""The PREVENT risk beside an order, and what trials say of such a medicine: the words and figures of the chart's pages.

What the score is not for, or lacks, is said in its place: no number stands there then, or a range.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from analytics.definitions import scores
from analytics.definitions.scores import levers
from app.chart.score_inputs import listed
from app.chart.scores import Card, percent, scores_of
from app.chart.words import by_name, capital
from app.hooks.cards import units_assumed
from app.what_if.answer import Answer, answer_to
from app.what_if.form import CHOSEN, Entered, read_form
from app.what_if.start import start_from

SHOWN = ("10y_total_cvd", "10y_ascvd")
ASSUMED = "Counted as not there, since there is no record of it: {}."
NONE, LACKING, RANGE = "no 10-year risk by PREVENT: {}", "what it needs is not all known", " (not all is known)"
OLD = "Old values: {}."


@dataclass(frozen=True)
class Risk:
    """`short` and `after` for a summary, `after` with treatment, "" where that cannot be weighed; lists of sentences.

    `figures` has a range where one or two inputs are not known, and says why where there is no number.
    """

    short: str
    has_figure: bool = True
    after: str = ""
    figures: list[str] = field(default_factory=list)
    treated: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    harms: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)


def risk_of(score: dict[str, Any], unread: frozenset[str], on: date, lever: str, doses: Collection[str] | None) -> Risk:
    """The risk as it is, and with these doses of the lever (None: with all); unread: types that may lack something.

    A dose that is not offered to this person is left out, and the lever's reason is said.
    """
    name = levers.table()["baseline"]["score"]
    found = scores_of(score["scores"], unread, on, score["series"], by_name(score["orders"]))
    card = next((one for one in found.cards if one.name == name), None)
    if card is None:
        title = scores.table(name)["title"]
        reason = next(one.reason for one in found.not_for if one.title == title)
        return Risk(NONE.format(_small([reason.removesuffix(".")])), False, figures=[reason])
    if not card.results:
        return Risk(NONE.format(LACKING), False, figures=[*card.missing, *card.notes])
    start = start_from(score["scores"][name], score["levers"], unread, on, score["series"])
    told = []
    for dose in levers.table()[lever]["doses"]:
        entered = read_form(start, {CHOSEN + lever: dose["name"]})
        told.append((dose, entered, answer_to(start, entered)))
    chosen = [one for one in told if one[2].effect and (doses is None or one[0]["name"] in doses)]
    why_not = next(one.why_not for one in told[0][2].offered if one.name == lever)
    return Risk(
        short=f"10-year cardiovascular risk {card.results[0].value} by PREVENT" + (RANGE if card.missing else ""),
        after=_after([(dose, entered) for dose, entered, _ in chosen], lever) if chosen else "",
        figures=[*_figures(card), *card.missing, *_notes(card), *units_assumed(score)],
        treated=[_effect(dose["label"], found) for dose, _, found in chosen] or ([why_not] if why_not else []),
        beside=_beside([found for _, _, found in chosen]),
        harms=_harms(lever, chosen),
        sources=_sources(card, [found for _, _, found in chosen]),
    )


def _after(chosen: list[tuple[dict[str, Any], Entered]], lever: str) -> str:
    """`10.6 % to 9.7 % with a statin by trials`."""
    given = {key: chosen[0][1].values[key] for key in scores.declared_inputs(levers.table()["baseline"]["score"])}
    baseline = levers.table()["baseline"]
    before = scores.compute(baseline["score"], given)["values"][baseline["result"]]
    ratios = [levers.ratio(lever, dose, entered.values) for dose, entered in chosen]
    after = [percent(levers.effect(before, [ratio]).after) for ratio in ratios]
    return f"{' to '.join(dict.fromkeys(after))} with {levers.table()[lever]['short']} by trials"


def _figures(card: Card) -> list[str]:
    """The 10-year results: label, value or range, and the score's own word for it."""
    results = scores.table(card.name)["results"]
    labels = {results[key]["label"].lower() for key in SHOWN}
    return [
        f"{one.label}: {one.value}" + (f" ({one.category})" if one.category else "")
        for one in card.results if one.label.lower() in labels
    ]  # fmt: skip


def _notes(card: Card) -> list[str]:
    assumed = [ASSUMED.format(_small(card.assumed))] if card.assumed else []
    return assumed + ([OLD.format(_small(card.old))] if card.old else [])


def _small(labels: list[str]) -> str:
    return listed([one if one[1:2].isupper() else one[:1].lower() + one[1:] for one in labels])


def _effect(label: str, found: Answer) -> str:
    return f"{capital(label)}: {found.effect} {found.needed}"


def _beside(found: list[Answer]) -> list[str]:
    """What is assumed, and what is to be said beside the figures; each sentence once."""
    return list(dict.fromkeys(
        text for one in found for text in (one.assumed, *(caveat for part in one.chosen for caveat in part.caveats))
    ))  # fmt: skip


def _harms(lever: str, chosen: list[tuple[dict[str, Any], Entered, Answer]]) -> list[str]:
    """The harms of the doses: counted where trials counted them, else in words."""
    told = []
    for dose, entered, _ in chosen:
        for harm in levers.harms(lever, dose["name"], entered.values):
            counted = "{without} % without, {with} % with it {over}. ".format(**harm) if "with" in harm else ""
            told.append(f"{capital(harm['label'])}: {counted}{harm['text']} ({_source(harm)})")
    return list(dict.fromkeys(told))


def _source(harm: dict[str, Any]) -> str:
    return f"{harm['source']}{'; read in a secondary source' if harm.get('secondary') else ''}"


def _sources(card: Card, found: list[Answer]) -> list[str]:
    trials = (f"{part.about} ({part.source})" for one in found for part in one.chosen)
    return list(dict.fromkeys([card.source, *trials]))
