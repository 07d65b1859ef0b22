"""The feature SQL runs on DuckDB, Spark SQL and SQLite: idioms that mean two things there are not written."""

from __future__ import annotations

import re

import pytest

from analytics.definitions import features

#: trap -> what it looks like, in SQL without comments and with its texts emptied.
TRAPS = {
    "division by what may be zero, unless by NULLIF or a double that is written out":
        r"/(?!\s*(NULLIF\(|[1-9][\d.]*E\d))|\bDIV\b",
    "a decimal literal: Spark reads DECIMAL": r"\b\d+\.\d*(?!\d*[eE])\b",
    "LIKE, ILIKE, SIMILAR, GLOB, regular expressions": r"\b(I?LIKE|RLIKE|SIMILAR|GLOB|REGEXP\w*)\b",
    "LOG with one argument: base 10 or e": r"\bLOG\s*\(",
    "STDDEV, VARIANCE: by default of a sample or not": r"\b(STDDEV|VARIANCE|STDDEV_\w+|VAR_\w+)\s*\(",
    "text to number: an error, or a part of it": r"\bCAST\s*\(\s*\w*\.?\w*(text|value_text|code|"
    r"unit)\w*\s+AS\s+(DOUBLE|INT|BIGINT)",
    "CAST to whole numbers rounds or cuts": r"\bAS\s+(INT|INTEGER|BIGINT|SMALLINT)\b",
    "max_by, min_by, arg_max, first, last, mode, any_value: ties and NULLs": r"\b(MAX_BY|MIN_BY|ARG_M\w+|FIRST|LAST|"
    r"FIRST_VALUE|MODE|ANY_VALUE)\s*\(",
    "one engine only": r"\b(QUALIFY|EXCLUDE|EXCEPT|PIVOT|LATERAL|DATEDIFF|DATE_DIFF|MONTHS_BETWEEN|"
    r"ADD_MONTHS|STRFTIME|DATE_FORMAT|LIST_\w+|INTERVAL|CONCAT|CONTAINS|STARTS_WITH)\b|\b(AGE|YEAR|MONTH|DAY)\s*\(",
    "CAST to a date, a time or a text: SQLite leaves it as it is, or makes a number of it":
        r"(?<!\(NULL) AS (DATE|TIMESTAMP|STRING|VARCHAR)\b",
    "MAX, MIN of several: rows, or values of one row": r"\b(MAX|MIN)\s*\((?:[^()]|\([^()]*\))*,",
    "the clock or chance": r"\b(NOW|CURRENT_DATE|CURRENT_TIMESTAMP|TODAY|RANDOM|RAND|UUID)\b",
    "percentiles: discrete, or between values": r"\b(PERCENTILE\w*|QUANTILE\w*|MEDIAN|APPROX_\w+)\s*\(",
    "GREATEST, LEAST, IF, IFNULL, NVL: NULLs differ": r"\b(GREATEST|LEAST|IFNULL|NVL|IFF?)\s*\(",
    "sums of floats depend on the order of rows": r"\b(SUM|AVG)\s*\(\s*(\w+\.)?(numeric_value|value|newest|oldest)\b",
    "SELECT of everything from a join": r"SELECT\s+\*\s+FROM\s+\w+\s+\w*\s*(CROSS |LEFT )?JOIN",
}
ORDER = re.compile(r"ORDER BY\s+(.*?)(?:\s+ROWS\b|\)|$)", re.IGNORECASE | re.DOTALL)
#: Columns that are never NULL where the feature SQL orders by them.
NEVER_NULL = {"version", "resource", "time", "value", "admitted", "end_time", "subject_id"}


def texts() -> dict[str, str]:
    kinds = {f"kinds/{path.stem}": path.read_text("utf-8") for path in (features.SQL / "kinds").glob("*.sql")}
    stages = {name: text for name, text in features.view_texts().items() if name != "feature_values"}
    return stages | kinds | {"outcomes": features.outcome_text(), "orders": features.orders_text()}


def plain(sql: str) -> str:
    """Without comments, and with every text in quotes emptied."""
    return re.sub(r"'[^']*'", "''", re.sub(r"--[^\n]*", "", sql))


def traps(sql: str) -> list[str]:
    """The traps that a text falls into, and each ORDER BY whose direction or place of NULLs is left to the engine."""
    text = plain(sql)
    found = [trap for trap, pattern in TRAPS.items() if re.search(pattern, text, re.IGNORECASE)]
    return found + [
        f"ORDER BY {key}" for order in ORDER.findall(text) for key in map(str.strip, order.split(",")) if not _told(key)
    ]


def _told(key: str) -> bool:
    if re.search(r"\bNULLS (FIRST|LAST)$", key, re.IGNORECASE):
        return True
    column = re.fullmatch(r"(?:\w+\.)?(\w+)(?: (?:ASC|DESC))?", key, re.IGNORECASE)
    return column is not None and column[1] in NEVER_NULL


@pytest.mark.parametrize("name", texts())
def test_the_feature_sql_falls_into_no_trap(name: str) -> None:
    assert traps(texts()[name]) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a / b",
        "SELECT 7/2",
        "SELECT a / (b + 1)",
        "SELECT a / 365.25",
        "SELECT a / 0E0",
        "SELECT x * 0.5",
        "SELECT 365.25",
        "SELECT a WHERE b LIKE 'x%'",
        "SELECT LOG(x)",
        "SELECT STDDEV(x)",
        "SELECT stddev_samp(x)",
        "SELECT CAST(text_value AS DOUBLE)",
        "SELECT CAST(x AS INT)",
        "SELECT max_by(v, d)",
        "SELECT first(v)",
        "SELECT 1 QUALIFY x = 1",
        "SELECT * EXCLUDE (a) FROM t",
        "SELECT now()",
        "SELECT a - INTERVAL '1' DAY",
        "SELECT CAST(m.time AS DATE)",
        "SELECT concat(a, b)",
        "SELECT CAST(code AS STRING)",
        "SELECT MAX(a, b)",
        "SELECT year(a)",
        "SELECT DATEDIFF(a, b)",
        "SELECT MEDIAN(x)",
        "SELECT GREATEST(a, b)",
        "SELECT SUM(m.value)",
        "SELECT IF(a, b, c)",
        "SELECT a ORDER BY b",
        "SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY time DESC, unit)",
        "SELECT a ORDER BY 1",
        "SELECT a ORDER BY recorded DESC",
        "SELECT a ORDER BY lower(resource)",
        "SELECT RANDOM()",
        "SELECT * FROM a JOIN b",
    ],
)
def test_each_trap_bites(sql: str) -> None:
    assert traps(sql) != []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 -- a / b LIKE 0.5",
        "SELECT 'a / b 0.5'",
        "SELECT CAST(1 AS DOUBLE) * 365E0",
        "SELECT SUM(CASE WHEN a = 1 THEN 1 ELSE 0 END)",
        "SELECT a / NULLIF(b, 0)",
        "SELECT CAST(NULL AS TIMESTAMP), day_of(m.time), days_after(a, -90)",
        "SELECT a / 365.25E0",
        "SELECT a ORDER BY recorded DESC NULLS LAST, resource",
        "SELECT RANK() OVER (PARTITION BY a ORDER BY e.version DESC)",
        "SELECT SUM(x) OVER (ORDER BY time, end_time, resource ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
    ],
)
def test_what_is_the_same_everywhere_is_no_trap(sql: str) -> None:
    assert traps(sql) == []
