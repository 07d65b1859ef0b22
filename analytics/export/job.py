"""The job at the EHR: kick-off, status, manifest pages, delete (Bulk Data 3.0, asynchronous request pattern)."""

from typing import Any
from urllib.parse import urljoin

import requests

from analytics.errors import EhrError, ExportError
from analytics.export.http import SENDING_FAILED, Http, issue_codes, origin, refused, retry_after, unreachable
from analytics.export.log import ExportLog
from analytics.export.manifest import Manifest, next_page
from analytics.export.options import ExportOptions
from analytics.progress import Step

BUSY = {429, 502, 503, 504}  # for a kick-off: 500 may have started a job, so it is not sent twice
KICKOFF_ATTEMPTS = 30
TROUBLES_IN_A_ROW = 10  # broken connections or transient errors while polling
RUN_AGAIN = "Run the same command again; it goes on where this one ended."


class JobGone(Exception):
    """The EHR no longer knows the job: 404 or 410 at its status URL."""


class Job:
    """One export job of an EHR, known by its status URL."""

    def __init__(self, http: Http, log: ExportLog) -> None:
        self._http, self._log = http, log

    def kick_off(self, options: ExportOptions) -> str:
        """Start the job; its status URL comes back. Raises EhrError."""
        answer = self._start(options)
        location = answer.headers.get("Content-Location", "")
        self._log.event("kickoff", exportUrl=answer.request.url, logVersion="2", softwareName=None,
                        errorCode=None if answer.status_code == 202 else answer.status_code,
                        errorBody=", ".join(issue_codes(answer)) or None,  # codes only: the text may hold patient data
                        requestParameters=dict(options.query()))
        if answer.status_code != 202:
            raise refused(answer, "the export", "Check that this client may export, and the group and types asked.")
        if not location:
            raise EhrError("The EHR accepted the export without saying where its status is.", "Report it to the EHR.")
        return self._own(urljoin(f"{self._http.base}/", location), "status")

    def _start(self, options: ExportOptions) -> requests.Response:
        url = f"{self._http.base}/{options.path}"
        prefer = "respond-async" + (", handling=lenient" if options.lenient else "")
        headers = {"Accept": "application/fhir+json", "Prefer": prefer}
        patiently: dict[str, Any] = {"doing": "the kick-off", "again": BUSY, "attempts": KICKOFF_ATTEMPTS}
        if options.method != "POST" and not options.patients:
            answer = self._http.send_patiently("GET", url, headers=headers, params=options.query(), **patiently)
            if answer.status_code != 405 or options.method == "GET":
                return answer
        headers["Content-Type"] = "application/fhir+json"
        return self._http.send_patiently("POST", url, headers=headers, json=options.parameters(), **patiently)

    def manifest(self, status_url: str, step: Step) -> Manifest:
        """Wait for the job to end and read all pages of its manifest. Raises JobGone, EhrError, ExportError."""
        pages: list[dict[str, Any]] = []
        url: str | None = status_url
        seen: set[str] = set()
        while url is not None:
            if url in seen:
                raise ExportError("The EHR's manifest pages go round in a circle.", "Report it to the EHR.")
            seen.add(url)
            page = self._wait(url, step)
            pages.append(page)
            self._log.event("status_page_complete", transactionTime=page.get("transactionTime"),
                            outputFileCount=len(page.get("output") or []),
                            deletedFileCount=len(page.get("deleted") or []),
                            errorFileCount=len(page.get("error") or page.get("outcome") or []))
            following = next_page(page)
            url = self._own(urljoin(url, following), "next page") if following else None
        manifest = Manifest.from_pages(pages)
        self._log.event("status_complete", transactionTime=manifest.transaction_time)
        return manifest

    def delete(self, status_url: str) -> None:
        """Free the job's files at the EHR; that it will not is worth a line in the log, no more."""
        try:
            answer = self._http.send_patiently("DELETE", status_url, doing="the clean-up", attempts=3)
            self._log.event("job_deleted", code=answer.status_code)
        except EhrError as error:
            self._log.event("job_deleted", message=error.message)

    def _wait(self, url: str, step: Step) -> dict[str, Any]:
        """Poll until 200; 202 waits, and so does what the EHR calls transient, up to ten times in a row."""
        polls = troubles = 0
        while True:
            try:
                answer = self._http.send("GET", url, headers={"Accept": "application/json"})
            except SENDING_FAILED as error:
                if (troubles := troubles + 1) > TROUBLES_IN_A_ROW:
                    raise unreachable(url, "the export's status", error) from None
                self._http.sleep(self._http.pace.pause(troubles))
                continue
            if answer.status_code == 200:
                return _page(answer)
            if answer.status_code == 202:
                troubles = 0
                self._log_progress(answer, step)
            elif (troubles := troubles + 1) > TROUBLES_IN_A_ROW or not self._transient(answer):
                raise self._failed(answer)
            self._http.sleep(self._http.pace.pause(polls, retry_after(answer.headers.get("Retry-After"))))
            polls += 1

    def _log_progress(self, answer: requests.Response, step: Step) -> None:
        """X-Progress is free text of the server; the log and the terminal get its first 100 printable letters."""
        text = "".join(c for c in answer.headers.get("X-Progress", "") if c.isprintable())[:100]
        step.update(note=f"EHR: {text}" if text else "")
        self._log.event("status_progress", xProgress=text, retryAfter=answer.headers.get("Retry-After"))

    def _transient(self, answer: requests.Response) -> bool:
        return answer.status_code in BUSY or (answer.status_code >= 400 and "transient" in issue_codes(answer))

    def _failed(self, answer: requests.Response) -> Exception:
        self._log.event("status_error", code=answer.status_code, message=", ".join(issue_codes(answer)))
        if answer.status_code in (404, 410):
            return JobGone()
        if answer.status_code in BUSY:
            return refused(answer, "the export's status", RUN_AGAIN)
        if answer.status_code in (401, 403):
            return refused(answer, "the export's status", "Check that this client may still export.")
        codes = ", ".join(issue_codes(answer))
        return ExportError(f"The EHR ended the export: HTTP {answer.status_code}{codes and f' ({codes})'}.",
                           "Run the command again to start a new export; if it fails again, ask the EHR's operator.")

    def _own(self, url: str, what: str) -> str:
        """The token goes to this URL, so it must lie on the EHR's own origin or a listed one."""
        if not self._http.may_have_token(url):
            host = ":".join(map(str, origin(url)[1:]))
            raise EhrError(f"The EHR's {what} address lies on {host}, which is not registered.",
                           "If that host is the EHR's, add its origin to hosts in the bulk table of the registry.")
        return url


def _page(answer: requests.Response) -> dict[str, Any]:
    try:
        page = answer.json()
    except ValueError:
        page = None
    if not isinstance(page, dict):
        raise ExportError("The EHR's manifest is not a JSON object.", "Run the command again; then ask the EHR.")
    return page
