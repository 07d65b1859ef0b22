"""Rolling: what a lake file holds follows from the manifest and the target alone, whatever comes first."""

import errno
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.errors import ExportError, LakeError
from analytics.export.manifest import ServerFile
from analytics.export.roll import BLOCK, Rolling
from analytics.export.schedule import Schedule
from analytics.export.spool import Part
from analytics.export.staging import Staging
from analytics.lake import Lake

TARGET = 100


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    staging = Staging(Lake(f"file://{tmp_path}"), "ehr", "X")
    staging.spool.open()
    return staging


def lines_of(number: int, count: int) -> bytes:
    return b"".join(b"%d-%d\n" % (number, line) for line in range(count))


def server_files(count: int, kind: str = "output") -> list[ServerFile]:
    return [ServerFile(number, kind, "Patient", "http://127.0.0.1/x", None, False) for number in range(count)]


def receive(staging: Staging, number: int, content: bytes) -> Part:
    """A part in the spool, as a download makes it."""
    part = Part(number, content.count(b"\n"), 0, len(content), hashlib.sha256(content).hexdigest())
    with staging.spool.receiving(number) as receiver:
        receiver.write(content)
        receiver.keep(part)
    return part


def rolled(staging: Staging, contents: list[bytes], order: list[int], target: int = TARGET) -> list[bytes]:
    """The lake files that come of server files which arrive in that order."""
    files = server_files(len(contents))
    rolling = Rolling(staging, files, target)
    for number in order:
        rolling.add(files[number], receive(staging, number, contents[number]))
    entries = rolling.roll_all()
    found = [staging.lake.read_bytes(f"{staging.folder}/{entry.path}") for entry in entries]
    assert [(entry.bytes, entry.count) for entry in entries] == [(len(file), file.count(b"\n")) for file in found]
    assert put_together(rolling.places(), {entry.path: file for entry, file in zip(entries, found, strict=True)}) == \
        {number: content for number, content in enumerate(contents) if content}
    return found


def put_together(places: dict[int, list[dict[str, Any]]], files: dict[str, bytes]) -> dict[int, bytes]:
    """The server files, from the pieces of them that are said to be in the lake files."""
    return {number: b"".join(files[piece["path"]][piece["offset"]:piece["offset"] + piece["bytes"]]
                             for piece in pieces) for number, pieces in places.items()}


@settings(max_examples=25, deadline=None)
@given(st.data(), st.lists(st.integers(0, 60), min_size=1, max_size=8))
def test_the_order_of_arrival_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject, counts: list[int]
) -> None:
    contents = [lines_of(number, count) for number, count in enumerate(counts)]
    order = draw.draw(st.permutations(range(len(contents))))
    staging = Staging(Lake(f"file://{tmp_path_factory.mktemp('lake')}"), "ehr", "X")
    files = rolled(staging, contents, order)
    assert b"".join(files) == b"".join(contents)
    assert all(TARGET <= len(file) < TARGET + 6 for file in files[:-1])
    assert all(file.endswith(b"\n") for file in files)


def test_one_long_file_becomes_several_and_a_line_is_never_cut(staging: Staging) -> None:
    content = b"".join(b"x" * length + b"\n" for length in (10, 300, 98, 1, 250, 99))
    files = rolled(staging, [content], [0])
    assert [[len(line) for line in file.split(b"\n")[:-1]] for file in files] == [[10, 300], [98, 1], [250], [99]]


def test_a_line_longer_than_a_block_is_not_cut_where_the_target_lies(staging: Staging) -> None:
    long = b"x" * (2 * BLOCK) + b"\n"
    assert rolled(staging, [long + b"y\n"], [0]) == [long, b"y\n"]


def test_a_read_that_brings_less_than_asked_for_brings_nothing_of_the_read_before(
    staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The buffer still holds the lines of the first part where the second one's long line is filled in."""
    real = FileIO.readinto
    whole = staging.spool.reading

    @contextmanager
    def dribbling(part: Part) -> Iterator[Any]:
        with whole(part) as file:
            most = 50 if part.index else 65
            yield SimpleNamespace(seek=file.seek, readinto=lambda buffer: real(file, memoryview(buffer)[:most]))

    monkeypatch.setattr(staging.spool, "reading", dribbling)
    long = b"x" * 150 + b"\n"
    assert rolled(staging, [lines_of(0, 15), long], [0, 1]) == [lines_of(0, 15) + long]


def test_a_line_feed_that_falls_on_the_target_ends_the_file(staging: Staging) -> None:
    assert [len(file) for file in rolled(staging, [b"x" * 99 + b"\n", b"y\n"], [0, 1])] == [100, 2]


def test_empty_files_leave_nothing(staging: Staging) -> None:
    assert rolled(staging, [b"", b""], [0, 1]) == []


def test_a_lake_file_is_written_as_soon_as_the_next_in_order_fill_it_and_their_parts_go(staging: Staging) -> None:
    files, content = server_files(4), lines_of(1, 15)  # 65 bytes
    rolling = Rolling(staging, files, TARGET)
    left = []
    for number in (2, 1, 0, 3):
        rolling.add(files[number], receive(staging, number, content))
        left.append((rolling.waiting("Patient"), len(staging.lake.names(f"{staging.folder}/Patient"))))
    assert left == [(65, 0), (130, 0), (130, 1), (0, 3)], "0 fills a file, a part of 1 stays with 2; 3 is the last"
    assert list(staging.spool.folder.iterdir()) == []


def test_another_run_goes_on_where_the_staging_folder_says(staging: Staging) -> None:
    contents = [lines_of(number, 30) for number in range(5)]
    files = server_files(5)
    first = Rolling(staging, files, TARGET)
    for number in (0, 1, 3):
        first.add(files[number], receive(staging, number, contents[number]))
    second = Rolling(staging, files, TARGET)
    assert second.have() == first.have() and set(second.have()) == {0, 1, 3}
    for number in (4, 2):
        second.add(files[number], receive(staging, number, contents[number]))
    entries = second.roll_all()
    assert b"".join(staging.lake.read_bytes(f"{staging.folder}/{entry.path}") for entry in entries) == \
        b"".join(contents)
    assert [entry.number for entry in entries] == list(range(len(entries)))
    assert Rolling(staging, files, TARGET).places() == second.places()


def test_parts_that_were_not_deleted_any_more_when_their_lines_were_in_the_lake_go_at_the_next_start(
    staging: Staging,
) -> None:
    files = server_files(2)
    first = Rolling(staging, files, TARGET)
    first.add(files[0], receive(staging, 0, lines_of(0, 30)))
    first.add(files[1], receive(staging, 1, lines_of(1, 30)))
    receive(staging, 0, lines_of(0, 30))
    second = Rolling(staging, files, TARGET)
    assert second.waiting("Patient") == 0
    assert list(staging.spool.folder.iterdir()) == []


def test_it_is_known_where_in_the_lake_each_server_file_lies(staging: Staging) -> None:
    contents = [lines_of(0, 15), b"", lines_of(2, 45)]  # 65, 0 and 215 bytes
    rolled(staging, contents, [0, 1, 2])
    places = Rolling(staging, server_files(3), TARGET).places()
    assert {number: [tuple(piece.values()) for piece in pieces] for number, pieces in places.items()} == {
        0: [("Patient/00000.ndjson", 0, 65)],
        2: [("Patient/00000.ndjson", 65, 36), ("Patient/00001.ndjson", 0, 104), ("Patient/00002.ndjson", 0, 75)]}


def test_a_file_that_changed_at_the_ehr_while_a_piece_of_it_is_in_the_lake_ends_the_export(staging: Staging) -> None:
    files = server_files(2)
    Rolling(staging, files, TARGET).add(files[0], receive(staging, 0, lines_of(0, 30)))
    staging.spool.clear()
    again = Rolling(staging, files, TARGET)
    assert again.have() == {}
    with pytest.raises(ExportError, match="File 0 of the export changed"):
        again.add(files[0], receive(staging, 0, lines_of(7, 30)))


def test_error_and_deleted_files_stay_in_the_spool_to_be_read(staging: Staging) -> None:
    files = server_files(1, kind="error")
    rolling = Rolling(staging, files, TARGET)
    part = receive(staging, 0, lines_of(0, 30))
    rolling.add(files[0], part)
    assert rolling.roll_all() == []
    assert staging.spool.open() == {0: part}


def test_a_part_that_is_not_what_its_receipt_says_is_none(staging: Staging) -> None:
    parts = [receive(staging, number, lines_of(number, 3)) for number in range(3)]
    (staging.spool.folder / parts[0].name).write_bytes(lines_of(0, 2))
    (staging.spool.folder / parts[1].name).write_bytes(lines_of(9, 3))
    (staging.spool.folder / ".00003").write_bytes(b"half")
    assert staging.spool.open() == {2: parts[2]}
    assert [path.name for path in staging.spool.folder.iterdir()] == [parts[2].name]


def test_no_type_runs_ahead_of_its_first_missing_file_but_others_go_on(staging: Staging) -> None:
    files = [*server_files(4), ServerFile(4, "output", "Condition", "http://127.0.0.1/x", None, False)]
    rolling = Rolling(staging, files, TARGET)
    schedule = Schedule(files, rolling, ahead=100)
    taken = [schedule.take() for _ in range(3)]
    assert [file.index for file in taken if file] == [0, 1, 2]
    for file in taken[1:]:
        assert file
        rolling.add(file, receive(staging, file.index, lines_of(1, 15)))
        schedule.done(file)
    following = schedule.take()
    assert following and following.index == 4, "130 bytes of Patient wait for file 0"
    rolling.add(files[0], receive(staging, 0, lines_of(1, 15)))
    schedule.done(files[0])
    following = schedule.take()
    assert following and following.index == 3
    assert schedule.take() is None


def test_a_disk_that_is_full_is_one_sentence_and_the_half_file_goes(
    staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(LakeError, match="There is no room for the export's files in") as caught, \
            staging.spool.receiving(0) as receiver:
        monkeypatch.setattr(receiver, "_file", type("Full", (), {"write": full})())
        receiver.write(b"x")
    assert "run the same command again" in caught.value.next_step
    assert list(staging.spool.folder.iterdir()) == []
