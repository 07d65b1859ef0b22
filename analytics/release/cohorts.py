"""What a release tells of its groups beside the evidence: profile, treatments, care gaps, later outcomes in detail.

Everyone is counted in two passes, one for each date: the task places its people and counts them (DuckDB reads the rules
of care gaps and the kinds of people), Spark brings the counts together. What may be told of them is decided in
`cohort_shares.py` and `cohort_drill.py`, through `suppression`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from analytics.definitions import catalogue, events, gaps
from analytics.evidence import strata
from analytics.lake import Lake
from analytics.release import cohort_drill, cohort_shares
from analytics.release.cohort_drill import Followed
from analytics.release.cohort_shares import Counts
from analytics.risk_groups import histogram, placing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: Worked out of another feature, or of its records: told of a group they would say nothing new.
WORKED_OUT = frozenset({"value_age_days", "trend", "variability", "change", "years_since_onset", "starts", "stops"})
STATES = ("met", "gap", "not_applicable")
PERSON = "person"  # 1 for each
KINDS = "rank INT, sex STRING, age_band STRING, numbers ARRAY<BIGINT>"
LIMITS = (
    "Later outcomes are told by sex, by age band, by both, and by condition. Conditions are not crossed with sex or "
    "age: nearly every such cell would hold ten people or fewer, or tell of a cell that does.",
    "Where a number is hidden, it counts 1 to 10 people or would tell of a number that does.",
)


def cohorts(spark: SparkSession, lake: Lake, model: dict[str, Any], evidence: dict[str, Any]) -> dict[str, Any]:
    """The content of ``cohorts.json`` (docs/release.md). Raises DataError where the evidence counted other people."""
    rules = gap_rules()
    now, then = (_rows(spark, lake, model, model[day]) for day in ("as_of", "index_date"))
    counts = counted(now, model, {name: sql for name, (_, sql) in rules.items()})
    followed = outcomes(then.where("outcome IS NOT NULL"), model)
    return paper(model, evidence, counts, followed, {name: title for name, (title, _) in rules.items()})


def paper(
    model: dict[str, Any], evidence: Mapping[str, Any], counts: Counts, followed: Followed, titles: Mapping[str, str]
) -> dict[str, Any]:
    """The paper from what was counted."""
    return {
        "dates": {"people": model["as_of"], "features": model["as_of"], "treatments": model["as_of"],
                  "gaps": model["as_of"], "groups_of_drill": model["index_date"], "outcomes_until": model["as_of"]},
        "limits": list(LIMITS),
        "people": cohort_shares.people(counts),
        "features": cohort_shares.profile(counts),
        "treatments": cohort_shares.treatments(counts),
        "gaps": cohort_shares.gaps(counts, titles),
        "drill": cohort_drill.drill(followed, model, evidence),
    }  # fmt: skip


def gap_rules() -> dict[str, tuple[str, str]]:
    """Title and SQL expression ('met', 'gap' or 'not_applicable' over the wide row) of each care gap."""
    return {name: (gaps.rules()[name].title, sql) for name, sql in gaps.columns().items()}


def counted(rows: DataFrame, model: dict[str, Any], states: Mapping[str, str]) -> Counts:
    """One pass over the people at a date: sums by group, quartiles by group and of everyone."""
    inputs = set(model["features"])
    named = [feature for name, feature in catalogue.features().items()
             if feature.kind not in WORKED_OUT or name in inputs]  # fmt: skip
    names = [feature.name for feature in named] + [f"{name}_{state}" for name in states for state in STATES]
    place, with_states, count = placing.placer(model), _with_states(states), histogram.counter([*names, PERSON])

    def task(batches: placing.Batches) -> placing.Batches:
        return count(with_states(place(batches)))

    found = histogram.figures(rows.mapInArrow(task, histogram.SCHEMA), [*names, PERSON], (0.25, 0.75), by_rank=True)

    def positive(name: str) -> dict[int, int]:
        return {rank: of[name].positive if name in of else 0 for rank, of in found.items()}

    return Counts(
        people=positive(PERSON),
        positive={one.name: positive(one.name) for one in named if cohort_shares.is_flag(one)},
        middle={one.name: {rank: _middle(of.get(one.name)) for rank, of in found.items()}
                for one in named if not cohort_shares.is_flag(one)},
        states={name: {state: positive(f"{name}_{state}") for state in STATES} for name in states},
    )  # fmt: skip


def outcomes(rows: DataFrame, model: dict[str, Any]) -> Followed:
    """One pass over the people followed: people and events of each kind, and with each condition."""
    names = [feature.name for feature in cohort_drill.conditions()]
    place, count = placing.placer(model), _kinds(names)

    def task(batches: placing.Batches) -> placing.Batches:
        return count(place(batches))

    found = Followed({}, {name: {} for name in names})
    kept = rows.select(*placing.needed(model, "outcome", "female", "age", *names))
    for row in kept.mapInArrow(task, KINDS).collect():
        people, events, *having = row.numbers
        _add(found.cells, (row["rank"], row.sex, row.age_band), people, events)
        for name, n, ill in zip(names, having[::2], having[1::2], strict=True):
            _add(found.conditions[name], row["rank"], n, ill)
    return found


def _add(counts: dict[Any, tuple[int, int]], key: Any, people: int, events: int) -> None:
    before = counts.get(key, (0, 0))
    counts[key] = before[0] + people, before[1] + events


def _with_states(states: Mapping[str, str]) -> Callable[[placing.Batches], placing.Batches]:
    """The Spark task: columns more, 1 where a care gap has this state and else 0; and PERSON, 1 for each."""
    given = ", ".join(f"{sql} AS {name}" for name, sql in states.items())
    wanted = [f"CAST({name} = '{state}' AS INT) AS {name}_{state}" for name in states for state in STATES]
    listed = ", ".join([*wanted, f"1 AS {PERSON}"])
    return _in_duckdb(f"SELECT *, {listed} FROM (SELECT *, {given} FROM people)")  # noqa: S608


def _kinds(names: list[str]) -> Callable[[placing.Batches], placing.Batches]:
    """The Spark task: people and events of each kind (KINDS), in all and with each condition."""
    numbers = ["count(*)", "sum(outcome)"]
    for name in names:
        numbers += [f"count_if({name} > 0)", f"count_if({name} > 0 AND outcome = 1)"]
    kinds = f"rank, {_sex()} AS sex, {_age_band()} AS age_band"
    listed = f"CAST([{', '.join(numbers)}] AS BIGINT[]) AS numbers"
    return _in_duckdb(f"SELECT {kinds}, {listed} FROM people GROUP BY ALL")  # noqa: S608


def _in_duckdb(sql: str) -> Callable[[placing.Batches], placing.Batches]:
    """The Spark task: each batch, as `people`, through one SELECT."""

    def run(batches: placing.Batches) -> Iterator[pa.RecordBatch]:
        with events.connect() as connection:
            for batch in batches:
                connection.register("people", batch)
                yield from connection.sql(sql).to_arrow_table().to_batches()

    return run


def _rows(spark: SparkSession, lake: Lake, model: Mapping[str, Any], day: str) -> DataFrame:
    return spark.read.parquet(f"{lake.url(lake.features(model['ehr'], model['export_id'], day))}/part-*")


def _middle(of: histogram.Figures | None) -> tuple[int, float, float] | None:
    return None if of is None else (of.n, of.quantiles[0], of.quantiles[1])


def _sex() -> str:
    return f"CASE WHEN female IS NULL THEN '{strata.NOT_RECORDED}' WHEN female <> 0 THEN 'Female' ELSE 'Male' END"


def _age_band() -> str:
    """The bands of the evidence; ages above 89 are in the last one, and are never told apart."""
    starts, names = strata.table()["age_band"]["from"], strata.values("age_band")
    bands = [f"WHEN age >= {start} THEN '{name}'" for start, name in zip(starts, names[:-1], strict=True)]
    return f"CASE {' '.join(reversed(bands))} ELSE '{strata.NOT_RECORDED}' END"
