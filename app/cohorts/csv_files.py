"""The numbers of each table as CSV, one number a cell, as published; and no cell that a spreadsheet would run."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.cohorts.opening import Opening
from app.cohorts.words import HIDDEN, told

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
FIGURES = ("n", "followed", "events", "rate", "low", "high", "rate_below", "rate_above")
Cell = str | int | float | bool | None
Line = Sequence[Cell]


def written(lines: Iterable[Line]) -> bytes:
    """CSV (RFC 4180) in UTF-8 with a mark at its beginning, by which spreadsheets know the encoding.

    A text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, CSV injection); numbers are
    numbers. None is "hidden": an empty cell would be read as nought.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([[_cell(one) for one in line] for line in lines])
    return ("\ufeff" + out.getvalue()).encode()


def _cell(value: Cell) -> Cell:
    if value is None:
        return HIDDEN
    if isinstance(value, str) and value.lstrip(" \u00a0").startswith(FORMULA):
        return f"'{value}"
    return value


def lines_of(opening: Opening, name: str) -> list[Line] | None:
    """The table of this name, its header first; None where there is no such table, or the release lacks its paper."""
    if opening.release is None or name not in TABLES:
        return None
    paper, make = TABLES[name]
    found = {"groups": opening.groups()} if paper == "release" else opening.paper(paper)
    return list(make(found)) if found else None


def _flat(head: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[Line]:
    """The named keys of each row; what a row does not have counts as not told."""
    yield head
    for row in rows:
        yield [row.get(key) for key in head]


def _groups(model: Mapping[str, Any]) -> Iterator[Line]:
    return _flat(("rank", "name", *FIGURES, "stability", "jaccard", "description"), map(told, model["groups"]))


def _ratios(paper: Mapping[str, Any]) -> Iterator[Line]:
    rows = [{"rank": one["rank"], "name": one["name"], **(one["standardised"] or {})} for one in paper["groups"]]
    return _flat(("rank", "name", "ratio", "low", "high", "to"), rows)


def _discrimination(paper: Mapping[str, Any]) -> Iterator[Line]:
    return _flat(
        ("model", "c", "low", "high"), ({"model": key, **(one or {})} for key, one in paper["discrimination"].items())
    )


def _subgroups(by: str) -> Callable[[Mapping[str, Any]], Iterator[Line]]:
    def made(paper: Mapping[str, Any]) -> Iterator[Line]:
        rows = [_subgroup(one) for one in paper["subgroups"] if one["by"] == by]
        return _flat(("value", "n", "events", "rate", "low", "high", "c", "c_low", "c_high", "observed_to_expected",
                      "ratio_low", "ratio_high", "sensitivity", "ppv"), rows)  # fmt: skip

    return made


def _subgroup(one: Mapping[str, Any]) -> dict[str, Any]:
    c, ratio, screened = one["c"] or {}, one["observed_to_expected"], one.get("screened") or {}
    known = ratio if isinstance(ratio, dict) else {"ratio": ratio}
    figures = (known.get(key) for key in ("ratio", "low", "high"))
    ratios = dict(zip(("observed_to_expected", "ratio_low", "ratio_high"), figures, strict=True))
    return {**one, "c": c.get("c"), "c_low": c.get("low"), "c_high": c.get("high"), **ratios, **screened}


def _temporal(paper: Mapping[str, Any]) -> Iterator[Line]:
    rows = [
        {**one, "c": (one["c"] or {}).get("c"), "age_sex": (one["age_sex"] or {}).get("c")} for one in paper["temporal"]
    ]
    return _flat(("fitted_at", "tested_at", "people", "c", "age_sex", "adjusted_rand_index", "why_not"), rows)


def _funnel(paper: Mapping[str, Any]) -> Iterator[Line]:
    yield "step", "unit", "read", "kept", "reason", "dropped"
    for one in paper["steps"]:
        for why, n in one["dropped"].items() or [("none", 0)]:
            yield one["step"], one["unit"], one["read"], one["kept"], why, n


def _card(paper: Mapping[str, Any]) -> Iterator[Line]:
    yield "place", "asks", "answer", "kind"
    for place, one in paper["source_attributes"].items():
        yield place, one["asks"], one["answer"], one["kind"]


def _by_rank(paper: Mapping[str, Any], key: str, name: str, figures: Sequence[str]) -> Iterator[Line]:
    """One line for each thing and group, and one for everyone (rank 0)."""
    yield (name, "label", "rank", *figures)
    for one in paper.get(key) or ():
        everyone = one["everyone"] if isinstance(one["everyone"], dict) else {"share": one["everyone"]}
        label = one.get("label") or one.get("title")
        for group in ({"rank": 0, **everyone}, *one["groups"]):
            usual = group.get("usual") or (None, None)
            known = {**group, "usual_low": usual[0], "usual_high": usual[1]}
            yield (one[name], label, group["rank"], *(known.get(figure) for figure in figures))


def _drill(paper: Mapping[str, Any]) -> Iterator[Line]:
    yield ("sex", "age_band", "condition", "rank", *FIGURES)
    for cell in paper["drill"]["cells"]:
        for group in map(told, cell["groups"]):
            yield (*(cell[key] or "all" for key in ("sex", "age_band", "condition")), group["rank"],
                   *(group.get(key) for key in FIGURES))  # fmt: skip


#: Name of a table -> the paper it comes from, and its lines.
TABLES: dict[str, tuple[str, Callable[[Mapping[str, Any]], Iterator[Line]]]] = {
    "groups": ("release", _groups),
    "map": ("map", lambda paper: _flat(("x", "y", "n", "rank", "rate"), paper["bins"])),
    "ratios": ("evidence", _ratios),
    "discrimination": ("evidence", _discrimination),
    "calibration": ("evidence", lambda paper: _flat(
        ("rank", "n", "expected", "observed", "low", "high"), paper["calibration"])),
    "screening": ("evidence", lambda paper: _flat(("top", "people", "events", "sensitivity", "ppv", "low", "high",
                                                    "number_needed_to_review"), paper["screening"])),
    "temporal": ("evidence", _temporal),
    **{f"subgroups-{by}": ("evidence", _subgroups(by)) for by in ("sex", "age_band", "race", "ethnicity")},
    "funnel": ("funnel", _funnel),
    "drift-groups": ("drift", lambda paper: _flat(("rank", "name", "before", "now"), paper["groups"])),
    "drift-inputs": ("drift", lambda paper: _flat(("feature", "label", "psi"), paper["features"])),
    "model-card": ("model-card", _card),
    "features": ("cohorts", lambda paper: _by_rank(paper, "features", "feature", ("usual_low", "usual_high", "share"))),
    "treatments": ("cohorts", lambda paper: _by_rank(paper, "treatments", "feature", ("share",))),
    "gaps": ("cohorts", lambda paper: _by_rank(paper, "gaps", "id", ("applicable", "met"))),
    "drill": ("cohorts", _drill),
}  # fmt: skip
