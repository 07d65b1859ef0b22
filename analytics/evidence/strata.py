"""The kinds of people by which figures are told: sex, age band, race and ethnicity.

Race and ethnicity travel beside the features, in columns of their own that no definition names: neither the grouping
nor the live score can read them.
"""

from __future__ import annotations

import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

BY = ("sex", "age_band", "race", "ethnicity")
RECORDED = ("race", "ethnicity")  # columns of the feature table
NOT_RECORDED = "Not recorded"


@cache
def table() -> dict[str, Any]:
    """``strata.toml``."""
    return tomllib.loads((Path(__file__).parent / "strata.toml").read_text(encoding="utf-8"))


def codes() -> pa.Table:
    """Columns code (``system|code``), stratum and value: what Patient says of race and ethnicity."""
    system = table()["system"]
    rows = [(f"{system}|{code}", by, value) for by in RECORDED for code, value in table()[by]["codes"].items()]
    return pa.table({name: [row[place] for row in rows] for place, name in enumerate(("code", "stratum", "value"))})


def recorded_select() -> str:
    """SELECT of subject_id, race and ethnicity from the events ``coded`` and ``strata_codes`` (see ``codes``)."""
    columns = ",\n    ".join(
        f"CASE WHEN COUNT(DISTINCT s.value) FILTER (WHERE s.stratum = '{by}') > 1 "
        f"THEN NULLIF('{table()[by]['several']}', '') "
        f"ELSE MIN(s.value) FILTER (WHERE s.stratum = '{by}') END AS {by}"
        for by in RECORDED
    )
    return (
        f"SELECT c.subject_id,\n    {columns}\n"
        "FROM coded c JOIN strata_codes s ON c.code = s.code WHERE c.resource LIKE 'Patient/%' GROUP BY c.subject_id"
    )


def values(by: str) -> list[str]:
    """Every value of a stratum, in the order in which it is told."""
    if by == "sex":
        known = ["Female", "Male"]
    elif by == "age_band":
        known = _bands()
    else:
        several = table()[by]["several"]
        known = [*table()[by]["codes"].values(), *([several] if several else [])]
    return [*known, NOT_RECORDED]


def of(by: str, column: Any) -> list[str]:
    """The value of each person.

    column: for "sex" the feature `female` (1, 0 or NaN), for "age_band" the age in years (or NaN), else the text.
    """
    if by == "sex":
        return [NOT_RECORDED if np.isnan(one) else "Female" if one else "Male" for one in column]
    if by == "age_band":
        places = np.searchsorted(table()["age_band"]["from"], column, side="right") - 1
        names = [*_bands(), NOT_RECORDED]
        return [names[-1 if np.isnan(age) or place < 0 else place] for place, age in zip(places, column, strict=True)]
    return [one if one is not None else NOT_RECORDED for one in column]


def _bands() -> list[str]:
    starts = table()["age_band"]["from"]
    closed = [f"{low} to {high - 1}" for low, high in pairwise(starts)]
    return [*closed, f"{starts[-1]} and older"]
