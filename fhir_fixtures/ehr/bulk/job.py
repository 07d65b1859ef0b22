"""The work behind one `$export`: its files, written in a thread of its own from one unchanging view of the store."""

import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import orjson

from fhir_fixtures.ehr.bulk.files import BulkFile, Spool
from fhir_fixtures.ehr.bulk.patient import patient_files
from fhir_fixtures.ehr.bulk.provenance import newest_of_each_target
from fhir_fixtures.ehr.bulk.request import Wanted, where
from fhir_fixtures.ehr.dates import isoformat
from fhir_fixtures.ehr.outcome import operation_outcome
from fhir_fixtures.ehr.store import Store

SHORTEST_RUN = 0.3  # seconds; so that every client sees at least one 202
ENTRIES = 100  # deletions in one Bundle


@dataclass
class Job:
    """One export job. `problem` is set when it failed. `shortest`: seconds that it takes at least."""

    client_id: str
    request: str
    wanted: list[Wanted]
    warnings: list[str] = field(default_factory=list)  # names of parameters that were passed over
    lines_per_file: int = 20_000
    partial: bool = False  # manifest in pages
    organized_by: str | None = None
    separate_status: bool = False  # X-Export-Status instead of the HTTP status
    deletions: bool = False  # tell them too
    shortest: float = SHORTEST_RUN
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    started: float = field(default_factory=time.time)
    transaction_time: str = ""
    output: list[BulkFile] = field(default_factory=list)
    deleted: list[BulkFile] = field(default_factory=list)
    error: list[BulkFile] = field(default_factory=list)
    done_types: int = 0
    planned: bool = False
    problem: bool = False
    spool: Spool = field(init=False)

    @property
    def ready(self) -> bool:
        return self.planned and time.time() - self.started >= self.shortest

    @property
    def progress(self) -> str:
        """X-Progress: free text below 100 letters."""
        return f"{self.done_types} of {len(self.wanted)} resource types prepared"

    def start(self, store: Store) -> None:
        self.spool = Spool(store.path.parent)
        threading.Thread(target=self._write, args=(store,), daemon=True, name="bulk-export").start()

    def _write(self, store: Store) -> None:
        try:
            with store.snapshot() as instant:
                self.error = list(self.spool.write("OperationOutcome", map(_warning, self.warnings), 1000))
                self.deleted = list(self.spool.write("Bundle", self._deletions(store), self.lines_per_file))
                self.transaction_time = isoformat(instant)
                for found in self._outputs(store):
                    self.spool.flush()
                    self.output += found
                    self.done_types += 1
            self.spool.flush()
        except Exception:
            self.problem = True
            raise
        finally:
            self.planned = True

    def _outputs(self, store: Store) -> Iterator[list[BulkFile]]:
        if self.organized_by:
            yield list(patient_files(store, self.spool, self.wanted, self.lines_per_file))
            return
        for wanted in self.wanted:
            files = list(self.spool.write(wanted.type, _lines(store, wanted), self.lines_per_file))
            if wanted.oddities:
                files += self.spool.write(wanted.type, store.oddities(wanted.type), self.lines_per_file)
            yield files

    def _deletions(self, store: Store) -> Iterator[bytes]:
        """Lines of the `deleted` files: transaction Bundles of DELETE entries."""
        if not self.deletions:
            return
        gone = [f"{one.type}/{found}" for one in self.wanted for found in store.deletions(one.type, where(one))]
        for start in range(0, len(gone), ENTRIES):
            entries = [{"request": {"method": "DELETE", "url": url}} for url in gone[start : start + ENTRIES]]
            yield orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})


def _lines(store: Store, wanted: Wanted) -> Iterable[bytes]:
    """A type's lines in stored order, repeated ones repeatedly."""
    rule = where(wanted)
    sql = f"SELECT body FROM resource WHERE type = ? AND ({rule.sql}) ORDER BY row"  # noqa: S608 -- ours
    bodies = (row[0] for row in store.connection().execute(sql, (wanted.type, *rule.values)))
    lines = newest_of_each_target(bodies) if wanted.latest_only else bodies
    return map(wanted.line, lines) if wanted.elements else lines


def _warning(name: str) -> bytes:
    return orjson.dumps(operation_outcome(f"{name} was ignored.", "not-supported", "warning"))
