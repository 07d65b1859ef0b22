"""The job at the EHR: kick-off, status, manifest pages, delete (Bulk Data 3.0, asynchronous request pattern)."""

import re
import time
from collections.abc import Callable
from typing import Any

import requests

from analytics.errors import EhrError, ExportError
from analytics.export import refusals
from analytics.export.http import SENDING_FAILED, Http, absolute, issue_codes, origin, retry_after, unreachable
from analytics.export.log import ExportLog, kept_headers
from analytics.export.manifest import Manifest, error_files, listed, next_page
from analytics.export.options import ExportOptions
from analytics.export.refusals import BUSY, RUN_AGAIN
from analytics.progress import Step

__all__ = ["RUN_AGAIN", "Job", "JobGone"]
KICKOFF_ATTEMPTS = 30
TROUBLES_IN_A_ROW = 10  # broken connections, transient errors and unreadable answers while polling
LONGEST_POLL = 300.0  # seconds between two polls; some EHRs ask for hours, and then the end is noticed hours late
DAY = 86_400.0
#: `name=value` of a filter, but for those that select by code or time: what is left may name a patient.
CODED = "category|code|status|clinical-status|intent|type|class|date|_lastUpdated"
FILTER_VALUE = re.compile(rf"(?<=[?&])(?!(?:{CODED})[:=])([^=&]+)=[^&]*")


class JobGone(Exception):
    """The EHR no longer knows the job: 404 or 410 at its status URL."""


class Job:
    """One export job of an EHR, known by its status URL.

    `patience` is in seconds since the kick-off: some EHRs work for weeks. `part` names a job that serves another one
    (members, additions): its events stand under that name, because a log describes one kick-off.
    """

    def __init__(self, http: Http, log: ExportLog, *, patience: float = 30 * DAY, part: str = "",
                 clock: Callable[[], float] = time.time) -> None:
        self._http, self._log, self._patience, self._clock = http, log, patience, clock
        self._part = f"{part}_" if part else ""

    def kick_off(self, options: ExportOptions) -> str:
        """Start the job; its status URL comes back. Raises EhrError.

        What the log says of the EHR is asked before: once the job is started, nothing may come before its URL is safe.
        """
        software = self._log.software(self._http)
        answer = self._start(options)
        location = answer.headers.get("Content-Location", "")
        good = answer.status_code in (200, 202) and bool(location)  # 200: some answer so to separate-export-status
        self._event("kickoff", **software, exportUrl=f"{self._http.base}/{options.path}",
                    errorCode=None if good else answer.status_code,
                    errorBody=None if good else ", ".join(issue_codes(answer)) or None,  # its text may name patients
                    requestParameters=_told(options), responseHeaders=kept_headers(answer))
        if answer.status_code not in (200, 202):
            raise refusals.of_kick_off(answer, options)
        if not location:
            raise EhrError("The EHR accepted the export without saying where its status is.", "Report it to the EHR.")
        return self._own(absolute(f"{self._http.base}/", location), "status")

    def _start(self, options: ExportOptions) -> requests.Response:
        """GET, POST where GET is refused; lists written the other way where the first way is refused (400)."""
        if options.method != "POST" and not options.patients:
            answer = self._sent(options, "GET", joined=True)
            if answer.status_code != 405 or options.method == "GET":
                return answer
        return self._sent(options, "POST", joined=False)

    def _sent(self, options: ExportOptions, method: str, joined: bool) -> requests.Response:
        answer = self._send_once(options, method, joined)
        if answer.status_code == 400 and options.has_lists():
            again = self._send_once(options, method, not joined)
            return again if again.status_code in (200, 202) else answer
        return answer

    def _send_once(self, options: ExportOptions, method: str, joined: bool) -> requests.Response:
        headers = {"Accept": "application/fhir+json", "Prefer": options.prefer}
        asked: dict[str, Any] = {"params": options.query(joined)}
        if method == "POST":
            headers["Content-Type"] = "application/fhir+json"
            asked = {"json": options.parameters(joined)}
        return self._http.send_patiently(method, f"{self._http.base}/{options.path}", doing="the kick-off", again=BUSY,
                                         attempts=KICKOFF_ATTEMPTS, unanswered_again=False, headers=headers, **asked)

    def manifest(self, status_url: str, step: Step, started: float | None = None) -> Manifest:
        """Wait for the job to end and read all pages of its manifest. Raises JobGone, EhrError, ExportError.

        `started`: when it was kicked off, in seconds since 1970.
        """
        pages: list[dict[str, Any]] = []
        url: str | None = status_url
        seen: set[str] = set()
        started = self._clock() if started is None else started
        while url is not None:
            if url in seen:
                raise ExportError("The EHR's manifest pages go round in a circle.", "Report it to the EHR.")
            seen.add(url)
            page = self._wait(url, step, started)
            pages.append(page)
            self._event("status_page_complete", transactionTime=page.get("transactionTime"),
                        outputFileCount=len(listed(page, "output")), deletedFileCount=len(listed(page, "deleted")),
                        errorFileCount=len(error_files(page)))
            following = next_page(page)
            url = self._own(absolute(url, following), "next page") if following else None
        manifest = Manifest.from_pages(pages)
        self._event("status_complete", transactionTime=manifest.transaction_time)
        counts = {f"total{kind.title()}FileCount": sum(file.kind == kind for file in manifest.files)
                  for kind in ("output", "deleted", "error")}
        self._event("manifest_complete", transactionTime=manifest.transaction_time, **counts,
                    totalManifests=len(pages))
        return manifest

    def delete(self, status_url: str) -> int | None:
        """Free the job's files at the EHR, or cancel it; the status, None where the EHR was out of reach.

        That it will not is worth a line in the log, no more.
        """
        try:
            answer = self._http.send_patiently("DELETE", status_url, doing="the clean-up", attempts=3)
            self._event("job_deleted", code=answer.status_code)
            return answer.status_code
        except EhrError as error:
            self._event("job_deleted", message=error.message)
            return None

    def _wait(self, url: str, step: Step, started: float) -> dict[str, Any]:
        """Poll until the page is there; what is transient or unreadable is asked again, ten times in a row."""
        polls = troubles = 0
        while True:
            pause: float | None = None
            try:
                answer = self._http.send("GET", url, headers={"Accept": "application/json"})
            except SENDING_FAILED as error:
                if (troubles := troubles + 1) > TROUBLES_IN_A_ROW:
                    raise unreachable(url, "the export's status", error) from None
            else:
                status, pause = job_status(answer), retry_after(answer.headers.get("Retry-After"))
                page = _page(answer) if status == 200 else None
                if page is not None:
                    return page
                troubles = 0 if status == 202 else troubles + 1
                if status == 202:
                    self._tell_progress(answer, step, started)
                elif troubles > TROUBLES_IN_A_ROW or not _worth_asking_again(answer, status):
                    raise self._failed(answer, status)
            self._rest(polls if troubles == 0 else troubles, pause, started)
            polls += 1

    def _rest(self, attempt: int, asked: float | None, started: float) -> None:
        """Back off exponentially, or as the EHR asks, up to five minutes; in all, up to the patience that was set."""
        if self._clock() - started > self._patience:
            raise EhrError(f"The EHR has worked on the export for {self._patience / DAY:g} days and is not done.",
                           "Raise patience_days in the bulk table of the registry and run the same command again, "
                           "or end the job with --cancel.")
        pace = self._http.pace
        if asked is not None and pace.longest >= 60:
            self._http.sleep(min(max(asked, pace.first), LONGEST_POLL))
        else:
            self._http.sleep(pace.pause(attempt, asked))

    def _tell_progress(self, answer: requests.Response, step: Step, started: float) -> None:
        """X-Progress is free text of the server; the log and the terminal get its first 100 printable letters."""
        text = "".join(c for c in answer.headers.get("X-Progress", "") if c.isprintable())[:100]
        words = [f"EHR: {text}" if text else "", f"for {_span(self._clock() - started)}"]
        step.update(note=", ".join(word for word in words if word))
        self._event("status_progress", body=None, xProgress=text, retryAfter=answer.headers.get("Retry-After"))

    def _failed(self, answer: requests.Response, status: int) -> Exception:
        if status == 200:
            return EhrError("The EHR's manifest is not a JSON object.", f"{RUN_AGAIN} Then ask the EHR's operator.")
        self._event("status_error", body=None, code=status, message=", ".join(issue_codes(answer)),
                    responseHeaders=kept_headers(answer))
        return JobGone() if status in (404, 410) else refusals.of_status(answer, status)

    def _event(self, name: str, **detail: Any) -> None:
        self._log.event(self._part + name, **detail)

    def _own(self, url: str, what: str) -> str:
        """The token goes to this URL, so it must lie on the EHR's own origin or a listed one."""
        if not self._http.may_have_token(url):
            host = ":".join(map(str, origin(url)[1:]))
            raise EhrError(f"The EHR's {what} address lies on {host}, which is not registered.",
                           "If that host is the EHR's, add its origin to hosts in the bulk table of the registry.")
        return url


def job_status(answer: requests.Response) -> int:
    """The job's status: the answer's, or with separate-export-status what X-Export-Status says (Bulk Data 3.0)."""
    said = answer.headers.get("X-Export-Status", "").strip()
    if answer.status_code == 200 and said[:3].isascii() and said[:3].isdigit() and 200 <= int(said[:3]) < 600:
        return int(said[:3])
    return answer.status_code


def _worth_asking_again(answer: requests.Response, status: int) -> bool:
    """A 200 whose body is no manifest, and a 5xx without an OperationOutcome, come from something in between."""
    codes = issue_codes(answer)
    return status == 200 or status in BUSY or "transient" in codes or (status >= 500 and not codes)


def _page(answer: requests.Response) -> dict[str, Any] | None:
    try:
        page = answer.json()
    except (ValueError, RecursionError):
        return None
    return page if isinstance(page, dict) and page.get("resourceType") != "OperationOutcome" else None


def _told(options: ExportOptions) -> dict[str, str]:
    """The parameters for the log: who is asked for is never in it."""
    parameters: dict[str, str] = {}
    for name, value in options.query():
        value = FILTER_VALUE.sub(r"\1=***", value) if name == "_typeFilter" else value
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def _span(seconds: float) -> str:
    for size, name in ((DAY, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
