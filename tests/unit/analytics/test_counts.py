"""A step that reads fewer rows than the step before kept ends with an error that says where."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics import snapshot
from analytics.counts import parquet_rows, require_all
from analytics.errors import DataError
from analytics.lake import Lake
from analytics.load import shares


def test_rows_are_counted_over_all_part_files_alone(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name, rows in {"part-00000.parquet": 3, "part-00001.parquet": 4, "touched-00000.parquet": 5}.items():
        pq.write_table(pa.table({"n": range(rows)}), tmp_path / "folder" / name)
    assert parquet_rows(Lake(f"file://{tmp_path}"), "folder") == 7


@pytest.mark.parametrize("read", [0, 9, 11])
def test_another_number_than_was_kept_is_an_error(read: int) -> None:
    with pytest.raises(DataError, match=f"the events has {read} where the step before kept 10") as raised:
        require_all(read, 10, "the events", "Run `kindred load`.")
    assert str(raised.value).endswith("Run `kindred load`.")


def test_the_same_number_is_none() -> None:
    require_all(10, 10, "the events", "")


@pytest.mark.parametrize(
    ("megabytes", "cores", "expected"),
    [
        ([], 2, []),
        ([5], 2, [5]),
        ([100, 90, 80, 20, 10], 1, [130, 170]),  # two for each core, the largest dealt first
        ([128] * 100, 2, [3200] * 4),
        ([128] * 20, 16, [128] * 20),
        ([128] * 320, 2, [4096] * 10),
    ],
)
def test_lake_files_are_dealt_out_evenly_in_shares_that_make_whole_parquet_files(
    megabytes: list[int], cores: int, expected: list[int]
) -> None:
    sizes = {f"f{number:03}": size << 20 for number, size in enumerate(megabytes)}
    dealt = shares(sizes, cores)
    assert sorted(path for share in dealt for path in share) == sorted(sizes)
    assert sorted(sum(sizes[path] for path in share) >> 20 for share in dealt) == sorted(expected)


def test_events_that_are_fewer_than_load_wrote_are_not_read(tmp_path: Path) -> None:
    lake = Lake(f"file://{tmp_path}")
    lake.write_json("a/exports/e/manifest.json", {"files": []})
    lake.write_json("a/events/e/events.json", {"events": 8})
    pq.write_table(pa.table({"n": range(7)}), tmp_path / "a/events/e/part-00000.parquet")
    with pytest.raises(DataError, match=r"a/events/e has 7 where the step before kept 8: .* run `kindred load a`"):
        snapshot.events(None, lake, "a", "e")  # type: ignore[arg-type] - it ends before Spark is asked
