"""Fetches the server's files into the spool: several at once, streamed, each tried again from its first byte.

A file becomes a part (and is never fetched again) only when it came whole: length, gzip end and `count` are checked.
Bytes are never decoded. Memory is a few blocks and one line's rest per running download.
"""

import hashlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress

import requests

from analytics.errors import EhrError
from analytics.export.body import CutShort, blocks, says_its_end
from analytics.export.http import (
    ATTEMPTS,
    SENDING_FAILED,
    TRY_AGAIN,
    Http,
    LinkExpired,
    refused,
    retry_after,
    unreachable,
)
from analytics.export.job import RUN_AGAIN
from analytics.export.lines import LineCounter
from analytics.export.log import ExportLog, file_url
from analytics.export.manifest import ServerFile
from analytics.export.roll import Rolling
from analytics.export.schedule import Schedule
from analytics.export.spool import Part, Spool
from analytics.progress import Step

REFUSALS = 100  # how often a file may be answered 429, which is no failure but a server that sets the pace


class Stopped(Exception):
    """Another file failed, or the user ended the run."""


class WrongCount(CutShort):
    """Whole by HTTP's measure, but with another number of lines than the manifest says."""

    def __init__(self, lines: int) -> None:
        self.lines = lines


class Busy(Exception):
    """The server asks to be tried again later. `after`: seconds, where it says so."""

    def __init__(self, status: int, after: float | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status, self.after = status, after


class Downloads:
    """All downloads of one run. `fetched` counts the files that came whole."""

    def __init__(self, http: Http, spool: Spool, log: ExportLog, *, parallel: int, gzip: bool) -> None:
        self._http, self._spool, self._log, self._parallel = http, spool, log, parallel
        self._headers = {"Accept": "application/fhir+ndjson", "Accept-Encoding": "gzip" if gzip else "identity"}
        self._stop, self._expired = threading.Event(), False
        self._running: set[requests.Response] = set()
        self._not_before = 0.0  # nothing is asked for before: a server that sets the pace sets it for all
        self.fetched = 0

    def fetch(self, files: list[ServerFile], rolling: Rolling, step: Step, ahead: int) -> None:
        """Fetch all files and roll them. Raises the first file's error; what is whole by then stays.

        Expired links let the running downloads end (LinkExpired then), any other error breaks them off.
        """
        schedule, self._expired = Schedule(files, rolling, ahead), False
        pool = ThreadPoolExecutor(self._parallel, thread_name_prefix="download")
        try:
            futures = [pool.submit(self._work, schedule, rolling, step) for _ in range(self._parallel)]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            failed = [error for future in done if (error := future.exception()) is not None]
            if failed:
                raise failed[0]
        except KeyboardInterrupt:  # whoever stops us does not wait for an EHR that says nothing; what is whole is kept
            self._end(schedule)
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            if not self._stop.is_set():
                self._end(schedule)
                pool.shutdown(wait=True)
                self._stop.clear()
        if self._expired:
            raise LinkExpired

    def _end(self, schedule: Schedule) -> None:
        self._stop.set()
        schedule.end()
        self._break_off()

    def _work(self, schedule: Schedule, rolling: Rolling, step: Step) -> None:
        while (file := schedule.take()) is not None:
            try:
                part = self._one(file, step)
            except LinkExpired:
                self._expired = True
                schedule.end()
                return
            self.fetched += 1
            step.file_done(part.lines, part.bytes)
            rolling.add(file, part)
            schedule.done(file)

    def _one(self, file: ServerFile, step: Step) -> Part:
        """Fetch one file, with growing pauses between attempts. Raises EhrError, LakeError, LinkExpired, Stopped."""
        named = {"fileUrl": file_url(file.url), "file": file.index, "resourceType": file.type}
        self._log.event("download_request", **named, itemType=file.kind)
        failures = refusals = 0
        believed: int | None = None  # a wrong count that the server gave before
        while True:
            self._rest(max(0.0, self._not_before - time.monotonic()))
            try:
                part = self._attempt(file, step, believed)
                break
            except Busy as busy:
                trouble: Exception = busy
                pause = self._http.pace.pause(min(failures + refusals, 10), busy.after)
                if busy.status == 429 and refusals < REFUSALS:
                    refusals += 1
                    self._not_before = time.monotonic() + pause
                else:
                    failures += 1
            except (*SENDING_FAILED, CutShort) as error:
                trouble, pause = error, self._http.pace.pause(failures)
                failures += 1
                believed = error.lines if isinstance(error, WrongCount) else believed
            self._log.event("download_error", **named, attempt=failures + refusals,
                            message=str(trouble) if isinstance(trouble, Busy) else type(trouble).__name__)
            if failures == ATTEMPTS:
                raise _gave_up(file, trouble)
            self._rest(pause)
        self._log.event("download_complete", **named, attempts=failures + refusals + 1,
                        resourceCount=part.lines, fileSize=part.bytes, sha256=part.sha256)
        return part

    def _attempt(self, file: ServerFile, step: Step, believed: int | None) -> Part:
        """One request. Raises Busy, CutShort or requests' errors where another one may help."""
        answer = self._http.open_file(file.url, with_token=file.needs_token, headers=self._headers)
        with self._watched(answer):
            if answer.status_code == 200:
                return self._receive(answer, file, step, believed)
            if answer.status_code in TRY_AGAIN:
                raise Busy(answer.status_code, retry_after(answer.headers.get("Retry-After")))
            raise refused(answer, f"file {file.index} of the export", RUN_AGAIN)

    def _receive(self, answer: requests.Response, file: ServerFile, step: Step, believed: int | None) -> Part:
        """Stream one answer into a part. A wrong `count` is believed only when the server repeats it."""
        digest, counter, size = hashlib.sha256(), LineCounter(file.type), 0
        with self._spool.receiving(file.index) as receiver:
            for block in blocks(answer):
                if self._stop.is_set():
                    raise Stopped
                receiver.write(block)
                digest.update(block)
                counter.feed(block)
                size += len(block)
                step.advance(len(block))
            if counter.cut_off and not says_its_end(answer):
                raise CutShort
            if counter.open_line:  # so that the next file's first line starts a line of its own
                receiver.write(b"\n")
                digest.update(b"\n")
                size += 1
            counter.finish()
            if file.count not in (None, counter.lines) and believed != counter.lines:
                raise WrongCount(counter.lines)
            part = Part(file.index, counter.lines, counter.mismatched, size, digest.hexdigest())
            receiver.keep(part)
        return part

    @contextmanager
    def _watched(self, answer: requests.Response) -> Iterator[None]:
        """While it runs, the answer can be broken off from another thread."""
        self._running.add(answer)
        try:
            with answer:
                yield
        finally:
            self._running.discard(answer)

    def _break_off(self) -> None:
        """Wake the threads that wait for a server that sends nothing."""
        for answer in list(self._running):
            with suppress(Exception):
                answer.raw.shutdown()

    def _rest(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped


def _gave_up(file: ServerFile, trouble: Exception) -> EhrError:
    if isinstance(trouble, requests.RequestException):
        return unreachable(file.url, f"file {file.index} of the export", trouble)
    what = str(trouble) if isinstance(trouble, Busy) else "the stream is cut"
    return EhrError(f"File {file.index} of the export failed {ATTEMPTS} times, the last time with: {what}.", RUN_AGAIN)
