"""What a release tells of its groups beside the evidence: profile, treatments, care gaps, later outcomes in detail.

Spark SQL counts everyone in two passes, one for each date; what may be told of the counts is decided in
`cohort_shares.py` and `cohort_drill.py`, through `suppression`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analytics.definitions import catalogue, gaps
from analytics.evidence import strata
from analytics.lake import Lake
from analytics.release import cohort_drill, cohort_shares
from analytics.release.cohort_drill import Followed
from analytics.release.cohort_shares import Counts
from analytics.risk_groups import placing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: Worked out of another feature, or of its records: told of a group they would say nothing new.
WORKED_OUT = frozenset({"value_age_days", "trend", "variability", "change", "years_since_onset", "starts", "stops"})
STATES = ("met", "gap", "not_applicable")
LIMITS = (
    "Later outcomes are told by sex, by age band, by both, and by condition. Conditions are not crossed with sex or "
    "age: nearly every such cell would hold ten people or fewer, or tell of a cell that does.",
    "Where a number is hidden, it counts 1 to 10 people or would tell of a number that does.",
)


def cohorts(spark: SparkSession, lake: Lake, model: dict[str, Any], evidence: dict[str, Any]) -> dict[str, Any]:
    """The content of ``cohorts.json`` (docs/release.md). Raises DataError where the evidence counted other people."""
    rules = gap_rules()
    now, then = (_rows(spark, lake, model, model[day]) for day in ("as_of", "index_date"))
    counts = counted(placing.with_membership(now, model), model, {name: sql for name, (_, sql) in rules.items()})
    followed = outcomes(placing.with_membership(then.where("outcome IS NOT NULL"), model))
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


def counted(placed: DataFrame, model: Mapping[str, Any], states: Mapping[str, str]) -> Counts:
    """One pass over the people at a date, each with a rank: sums by group, quartiles by group and of everyone."""
    inputs = set(model["features"])
    named = [feature for name, feature in catalogue.features().items()
             if feature.kind not in WORKED_OUT or name in inputs]  # fmt: skip
    flags = [feature.name for feature in named if cohort_shares.is_flag(feature)]
    values = [feature.name for feature in named if not cohort_shares.is_flag(feature)]
    select = [f"count_if({name} > 0) AS {name}" for name in flags]
    select += [f"count({name}) AS {name}_known" for name in values]
    select += [f"percentile({name}, array(0.25D, 0.75D)) AS {name}" for name in values]
    select += [f"count_if(({sql}) = '{state}') AS {name}_{state}" for name, sql in states.items() for state in STATES]
    found = {row["rank"] or 0: row for row in _grouped(placed, ["count(*) AS people", *select])}
    return Counts(
        people={rank: row["people"] for rank, row in found.items()},
        positive={name: {rank: row[name] for rank, row in found.items()} for name in flags},
        middle={name: {rank: _middle(row, name) for rank, row in found.items()} for name in values},
        states={name: {state: {rank: row[f"{name}_{state}"] for rank, row in found.items()} for state in STATES}
                for name in states},
    )  # fmt: skip


def outcomes(placed: DataFrame) -> Followed:
    """One pass over the people followed, each with a rank: people and events of each kind, and with each condition."""
    names = [feature.name for feature in cohort_drill.conditions()]
    select = ["count(*) AS people", "sum(outcome) AS events"]
    for name in names:
        select += [f"count_if({name} > 0) AS {name}_people", f"count_if({name} > 0 AND outcome = 1) AS {name}_events"]
    kinds = placed.selectExpr("rank", f"{_sex()} AS sex", f"{_age_band()} AS age_band", "outcome", *names)
    rows = kinds.groupBy("rank", "sex", "age_band").agg(*_expressions(select)).collect()
    found = Followed({(row["rank"], row.sex, row.age_band): (row.people, int(row.events)) for row in rows},
                     {name: {} for name in names})  # fmt: skip
    for name, by_rank in found.conditions.items():
        for row in rows:
            n, events = by_rank.get(row["rank"], (0, 0))
            by_rank[row["rank"]] = (n + row[f"{name}_people"], events + row[f"{name}_events"])
    return found


def _rows(spark: SparkSession, lake: Lake, model: Mapping[str, Any], day: str) -> DataFrame:
    return spark.read.parquet(f"{lake.url(lake.features(model['ehr'], model['export_id'], day))}/part-*")


def _grouped(placed: DataFrame, select: list[str]) -> list[Any]:
    """A row for each rank, and one without a rank for everyone."""
    from pyspark.sql.functions import col

    return placed.groupingSets([[col("rank")], []], col("rank")).agg(*_expressions(select)).collect()


def _expressions(select: list[str]) -> list[Any]:
    from pyspark.sql.functions import expr

    return [expr(one) for one in select]


def _middle(row: Any, name: str) -> tuple[int, float, float] | None:
    return (row[f"{name}_known"], *row[name]) if row[name] is not None else None


def _sex() -> str:
    return f"CASE WHEN female IS NULL THEN '{strata.NOT_RECORDED}' WHEN female <> 0 THEN 'Female' ELSE 'Male' END"


def _age_band() -> str:
    """The bands of the evidence; ages above 89 are in the last one, and are never told apart."""
    starts, names = strata.table()["age_band"]["from"], strata.values("age_band")
    bands = [f"WHEN age >= {start} THEN '{name}'" for start, name in zip(starts, names[:-1], strict=True)]
    return f"CASE {' '.join(reversed(bands))} ELSE '{strata.NOT_RECORDED}' END"
