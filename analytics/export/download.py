"""Fetches the server's files into staging: several at once, streamed, each tried again from its first byte.

A file becomes a part (and is never fetched again) only when it came whole: length, gzip end and `count` are checked.
Bytes are never decoded. Memory is one chunk and one line's rest per running download.
"""

import hashlib
import threading
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from analytics.errors import EhrError
from analytics.export.http import ATTEMPTS, SENDING_FAILED, TRY_AGAIN, Http, refused, retry_after, unreachable
from analytics.export.job import RUN_AGAIN
from analytics.export.lines import LineCounter
from analytics.export.log import ExportLog
from analytics.export.manifest import ServerFile
from analytics.export.staging import Part, Staging
from analytics.progress import Step

CHUNK = 1024 * 1024


class Stopped(Exception):
    """Another file failed, or the user ended the run."""


class CutShort(Exception):
    """The stream ended before the file did."""


class WrongCount(CutShort):
    """Whole by HTTP's measure, but with another number of lines than the manifest says."""


class Downloads:
    """All downloads of one run."""

    def __init__(self, http: Http, staging: Staging, log: ExportLog, *, parallel: int, gzip: bool) -> None:
        self._http, self._staging, self._log = http, staging, log
        self._parallel, self._stop = parallel, threading.Event()
        self._headers = {"Accept": "application/fhir+ndjson", "Accept-Encoding": "gzip" if gzip else "identity"}

    def fetch(self, files: list[ServerFile], step: Step) -> None:
        """Fetch all files into staging. Raises the first file's error; what is whole by then stays."""
        pool = ThreadPoolExecutor(self._parallel, thread_name_prefix="download")
        try:
            futures = [pool.submit(self._one, file, step) for file in files]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            failed = [error for future in done if (error := future.exception()) is not None]
            if failed:
                raise failed[0]
        finally:
            self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            self._stop.clear()

    def _one(self, file: ServerFile, step: Step) -> None:
        """Fetch one file, with growing pauses between attempts. Raises EhrError, LakeError, LinkExpired, Stopped."""
        self._log.event("download_request", file=file.index, itemType=file.kind, resourceType=file.type)
        wrong_counts = 0
        for attempt in range(ATTEMPTS):
            pause = None
            try:
                answer = self._http.open_file(file.url, with_token=file.needs_token, headers=self._headers)
                if answer.status_code == 200:
                    part = self._receive(answer, file, step, take_any_count=wrong_counts > 0)
                    self._log.event("download_complete", file=file.index, resourceType=file.type, attempts=attempt + 1,
                                    resourceCount=part.lines, fileSize=part.bytes, sha256=part.sha256)
                    return
                answer.close()
                if answer.status_code not in TRY_AGAIN:
                    raise refused(answer, f"file {file.index} of the export", RUN_AGAIN)
                trouble: Any = f"HTTP {answer.status_code}"
                pause = retry_after(answer.headers.get("Retry-After"))
            except (*SENDING_FAILED, CutShort) as error:
                wrong_counts += isinstance(error, WrongCount)
                trouble = error
            self._log.event("download_error", file=file.index, attempt=attempt + 1,
                            message=trouble if isinstance(trouble, str) else type(trouble).__name__)
            self._rest(self._http.pace.pause(attempt, pause))
        raise _gave_up(file, trouble)

    def _receive(self, answer: requests.Response, file: ServerFile, step: Step, *, take_any_count: bool) -> Part:
        """Stream one answer into a part. A wrong `count` is believed only when the server repeats it."""
        path = f"{self._staging.folder}/parts/{file.index:05d}"
        digest, counter, size = hashlib.sha256(), LineCounter(file.type), 0

        def part() -> Part:
            return Part(file.index, counter.lines, counter.mismatched, size, digest.hexdigest())

        with answer, self._staging.lake.writing(path, named=lambda: self._staging.part_path(part())) as out:
            for chunk in _chunks(answer):
                if self._stop.is_set():
                    raise Stopped
                out.write(chunk)
                digest.update(chunk)
                counter.feed(chunk)
                size += len(chunk)
                step.advance(len(chunk))
            if counter.open_line:  # so that the next file's first line starts a line of its own
                out.write(b"\n")
                digest.update(b"\n")
                size += 1
            counter.finish()
            if file.count not in (None, counter.lines) and not take_any_count:
                raise WrongCount
        return part()

    def _rest(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    """The body's bytes, gunzipped where it was gzipped. Raises CutShort when it is not whole."""
    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise EhrError("The EHR sent a file in a coding that was not asked for.", "Report it to the EHR.")
    try:
        sent = answer.raw.stream(CHUNK, decode_content=False)
        yield from sent if coding in ("", "identity") else gunzipped(sent)
    except (HTTPError, zlib.error) as error:
        raise CutShort(type(error).__name__) from None


def gunzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Gunzip a stream of one or more members, at most a chunk at a time, so that no bomb fills the memory.

    Raises CutShort when the stream ends within a member: the length alone does not tell.
    """
    decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
    started = False
    for data in chunks:
        while data:
            if decoder.eof:
                decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
            started = True
            if piece := decoder.decompress(data, CHUNK):
                yield piece
            data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    while started and not decoder.eof:
        piece = decoder.decompress(b"", CHUNK)
        if not piece:
            raise CutShort
        yield piece


def _gave_up(file: ServerFile, trouble: Any) -> EhrError:
    if isinstance(trouble, requests.RequestException):
        return unreachable(file.url, f"file {file.index} of the export", trouble)
    what = trouble if isinstance(trouble, str) else "the stream is cut"
    return EhrError(f"File {file.index} of the export failed {ATTEMPTS} times, the last time with: {what}.", RUN_AGAIN)
