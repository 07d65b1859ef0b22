"""Rows of the serving table: places that order a group, and COPY's binary format byte by byte."""

import random
from pathlib import Path

import pyarrow as pa
import pytest

from analytics.errors import LakeError, ReleaseError
from analytics.lake import Lake
from analytics.serving_rows import GROUP, LEVEL, TYPES, Part, as_copied, batches, parts, with_places
from tests.unit.analytics.releases import Row, write_release

PEOPLE: list[Row] = [("a", 1, 2, 1.0), ("b", 1, 2, 0.0), ("c", 1, None, None), ("d", 2, 1, 0.5), ("e", 1, None, None)]


def batch(*rows: tuple[str | None, int | None, int | None, float | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([dict(zip(TYPES.names, row, strict=True)) for row in rows], TYPES)


def places(*rows: Row, before: int = 0) -> list[int]:
    found: list[int] = with_places(batch(*rows), before)["place"].to_pylist()
    return found


class TestPlaces:
    @pytest.mark.parametrize(
        ("rank", "firmness", "number", "expected"),
        [
            (1, None, 0, GROUP),
            (1, None, 7, GROUP + 7),
            (1, 0.0, 7, GROUP + LEVEL + 7),
            (1, 0.5, 7, GROUP + (2**24 + 1) * LEVEL + 7),
            (1, 1.0, 7, GROUP + (2**25 + 1) * LEVEL + 7),
            (127, 1.0, LEVEL - 1, 127 * GROUP + (2**25 + 2) * LEVEL - 1),
        ],
    )
    def test_rank_then_firmness_then_number(
        self, rank: int, firmness: float | None, number: int, expected: int
    ) -> None:
        assert places(("p", rank, None, firmness), before=number) == [expected] < [2**63]

    def test_those_of_a_group_lie_together_and_the_greater_the_firmer(self) -> None:
        numbers = random.Random(1)
        rows: list[Row] = [(str(one), numbers.randint(1, 12), 1, round(numbers.random(), 6)) for one in range(2000)]
        rows += [(f"rule-{one}", 3, None, None) for one in range(50)]
        found = places(*rows)
        ordered = [row for _, row in sorted(zip(found, rows, strict=True))]
        assert ordered == sorted(rows, key=lambda row: (row[1], -1 if row[3] is None else row[3], rows.index(row)))
        assert all(one // GROUP == row[1] for one, row in zip(found, rows, strict=True))
        assert len(set(found)) == len(rows)

    @pytest.mark.parametrize(("rank", "before"), [(128, 0), (-1, 0), (1, LEVEL)])
    def test_what_fits_in_no_place_is_refused(self, rank: int, before: int) -> None:
        with pytest.raises(ReleaseError, match="rank above 127, or there are more than 1,073,741,824 people"):
            places(("p", rank, None, None), before=before)


class TestOfARelease:
    @pytest.fixture
    def lake(self, tmp_path: Path) -> Lake:
        return Lake(f"file://{tmp_path}/lake")

    def test_numbers_go_on_from_file_to_file(self, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever reads which file: the place is the same."""
        monkeypatch.setattr("analytics.serving_rows.BATCH", 2)
        write_release(lake, "a", "r1", PEOPLE[:3], [], PEOPLE[3:])
        folder = lake.release("a", "r1")
        names = [f"{folder}/memberships/part-{number:05d}.parquet" for number in range(3)]
        found = parts(lake, folder)
        assert found == [Part(names[0], 0), Part(names[1], 3), Part(names[2], 3)]
        together = {row["subject_id"]: row["place"] for one in batches(lake, found) for row in one.to_pylist()}
        apart = {row["subject_id"]: row["place"] for part in reversed(found)
                 for one in batches(lake, [part]) for row in one.to_pylist()}  # fmt: skip
        assert together == apart and [place % LEVEL for place in together.values()] == [0, 1, 2, 3, 4]

    def test_a_file_that_is_cut_off_is_named(self, lake: Lake) -> None:
        write_release(lake, "a", "r1", PEOPLE)
        folder = lake.release("a", "r1")
        file = Path(lake.local(f"{folder}/memberships/part-00000.parquet") or "")
        file.write_bytes(file.read_bytes()[:-20])
        for read in (lambda: parts(lake, folder), lambda: list(batches(lake, [Part(str(file).split("lake/")[1], 0)]))):
            with pytest.raises(LakeError, match=r"part-00000\.parquet is not whole Parquet\. Delete the release"):
                read()


class TestAsCopied:
    """PostgreSQL, COPY, "Binary Format": columns (int16), then of each its length (int32, -1: NULL) and value."""

    @pytest.mark.parametrize(
        ("row", "expected"),
        [
            (("ab", 1, 258, 0.5), "0005 00000002 6162 00000004 00000001 00000004 00000102 00000008 3fe0000000000000"),
            (("", 1, None, None), "0005 00000000 00000004 00000001 ffffffff ffffffff"),
            (("ü", 2, None, 5e-324), "0005 00000002 c3bc 00000004 00000002 ffffffff 00000008 0000000000000001"),
            ((None, None, 1, 1.0), "0005 ffffffff ffffffff 00000004 00000001 00000008 3ff0000000000000"),
        ],
    )
    def test_a_row(self, row: Row, expected: str) -> None:
        """One without an id or a rank goes there as such: the database refuses it."""
        placed = with_places(batch(row), 0)
        place = placed["place"][0].as_py().to_bytes(8)
        assert bytes(as_copied(placed)) == bytes.fromhex(expected) + (8).to_bytes(4) + place

    def test_rows_one_after_the_other_also_of_a_slice(self) -> None:
        whole = with_places(batch(*PEOPLE), 0)
        each = [bytes(as_copied(whole.slice(number, 1))) for number in range(len(PEOPLE))]
        assert bytes(as_copied(whole)) == b"".join(each)
        assert all(len(one) > 20 and one[:2] == b"\0\5" for one in each)
