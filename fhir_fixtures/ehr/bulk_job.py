"""The work behind one `$export`: which files there will be, planned in a thread of its own, and their bytes."""

import secrets
import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from fhir_fixtures.ehr.store import Condition, Selection, Store, any_of

ROWS = 1000  # lines per read from the store, about 1 MB
SHORTEST_RUN = 0.3  # seconds; so that every client sees at least one 202


@dataclass(frozen=True)
class Wanted:
    """One type's part of an export. `elements`: top-level elements to keep, empty for all."""

    type: str
    selections: tuple[Selection, ...]  # one per _typeFilter of the type, joined by OR; else exactly one
    elements: frozenset[str] = frozenset()
    oddities: bool = False  # unusable lines of the data folder too, as careless servers send them


@dataclass(frozen=True)
class BulkFile:
    """`count` lines of a type from behind row `after`; `inline` holds the lines themselves where they are no rows."""

    type: str
    count: int
    size: int | None = None  # bytes; None when they are known only while streaming
    after: int = 0
    wanted: Wanted | None = None
    inline: tuple[bytes, ...] = ()


@dataclass
class Job:
    """One export job. `problem` is set when planning failed."""

    client_id: str
    request: str
    wanted: list[Wanted]
    warnings: list[str] = field(default_factory=list)
    lines_per_file: int = 20_000
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    started: float = field(default_factory=time.time)
    files: list[BulkFile] = field(default_factory=list)
    done_types: int = 0
    planned: bool = False
    problem: bool = False
    partial: bool = False  # manifest in pages

    @property
    def transaction_time(self) -> str:
        return datetime.fromtimestamp(self.started, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def ready(self) -> bool:
        return self.planned and time.time() - self.started >= SHORTEST_RUN

    @property
    def progress(self) -> str:
        """X-Progress: free text below 100 letters."""
        return f"{self.done_types} of {len(self.wanted)} resource types prepared"

    def start(self, store: Store) -> None:
        threading.Thread(target=self._plan, args=(store,), daemon=True, name="bulk-plan").start()

    def _plan(self, store: Store) -> None:
        try:
            for wanted in self.wanted:
                self.files += _row_files(store, wanted, self.lines_per_file)
                if wanted.oddities and (odd := tuple(store.oddities(wanted.type))):
                    self.files.append(BulkFile(wanted.type, len(odd), sum(len(line) + 1 for line in odd), inline=odd))
                self.done_types += 1
        except Exception:
            self.problem = True
            raise
        finally:
            self.planned = True


def _where(wanted: Wanted) -> Condition:
    return any_of(selection.condition() for selection in wanted.selections)


def _row_files(store: Store, wanted: Wanted, lines: int) -> Iterator[BulkFile]:
    """Cut a type's rows into files of `lines` lines; lengths are read without the bodies."""
    where = _where(wanted)
    sql = f"SELECT row, length(body) FROM resource WHERE type = ? AND ({where.sql}) ORDER BY row"  # noqa: S608 -- ours
    rows = store.connection().execute(sql, (wanted.type, *where.values))
    after = 0
    while batch := rows.fetchmany(lines):
        size = None if wanted.elements else sum(length for _, length in batch) + len(batch)
        yield BulkFile(wanted.type, len(batch), size, after, wanted)
        after = batch[-1][0]


def read_file(store: Store, file: BulkFile) -> Iterator[bytes]:
    """The file's bytes in large pieces, every line with its line feed."""
    if file.inline:
        yield from (line + b"\n" for line in file.inline)
        return
    assert file.wanted is not None
    selection = Selection(conditions=(_where(file.wanted),))
    left = file.count
    for chunk in store.chunks(file.type, selection, after=file.after, size=min(ROWS, max(left, 1))):
        lines: Iterable[bytes] = [body for _, body in chunk[:left]]
        left -= len(chunk[:left])
        if file.wanted.elements:
            lines = [_subset(line, file.wanted.elements) for line in lines]
        yield b"\n".join([*lines, b""])
        if not left:
            return


def _subset(line: bytes, elements: frozenset[str]) -> bytes:
    """`_elements`: what was asked, with id, and marked SUBSETTED (FHIR R4 search, "elements")."""
    resource = orjson.loads(line)
    kept = {key: value for key, value in resource.items() if key in elements or key in ("resourceType", "id", "meta")}
    tag = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
    meta = dict(kept.get("meta") or {})
    kept["meta"] = {**meta, "tag": [*meta.get("tag", []), tag]}
    return orjson.dumps(kept)


def gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same, gzipped while it streams (level 1: the sandbox and its client share one machine)."""
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()
