"""The shared `spark` fixture is the pipeline's session: in UTC whatever the tests' clock, this Python as worker."""

import sys
import time
from typing import Any


def test_it_is_small_quiet_and_in_utc(spark: Any) -> None:
    said = {key: spark.conf.get(f"spark.sql.{key}") for key in ("session.timeZone", "shuffle.partitions")}
    assert said == {"session.timeZone": "UTC", "shuffle.partitions": "2"}
    assert spark.sparkContext.uiWebUrl is None and spark.sparkContext.defaultParallelism == 2
    assert time.timezone != 0


def test_workers_run_this_python(spark: Any) -> None:
    def which(_: int) -> str:
        return sys.executable

    assert spark.sparkContext.parallelize([1], 1).map(which).collect() == [sys.executable]


def test_a_timestamp_keeps_its_clock_whatever_the_zone_of_the_machine(spark: Any) -> None:
    row = spark.sql("SELECT CAST(TIMESTAMP '2026-03-08 02:30:00' AS STRING) AS text").first()
    assert row.text == "2026-03-08 02:30:00"  # an hour that New York skipped
