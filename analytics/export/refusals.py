"""Why an EHR refuses an export, in one sentence each and with what to do. The EHR's own words are never repeated."""

import re

import requests

from analytics.errors import EhrError, ExportError, KindredError
from analytics.export.http import issue_codes
from analytics.export.options import ExportOptions

RUN_AGAIN = "Run the same command again; it goes on where this one ended."
BUSY = {429, 502, 503, 504}  # for a kick-off: 500 may have started a job, so it is not sent twice
PARAMETERS = ("_typeFilter", "_type", "_since", "_until", "_elements", "patient", "includeAssociatedData",
              "organizeOutputBy", "allowPartialManifests", "_outputFormat")


def of_kick_off(answer: requests.Response, options: ExportOptions) -> EhrError:
    """The EHR took no order for an export."""
    status = answer.status_code
    said = _said(status, issue_codes(answer))
    if status == 401:
        return EhrError(f"The EHR does not take our token for an export: {said}.",
                        "Check that the EHR's administrator registered this client for bulk export.")
    if status == 403:
        return EhrError(f"This client may not export {_what(options)}: {said}.",
                        "Ask the EHR's administrator for the scopes, or leave types out with --types.")
    if status in (404, 410) and options.group:
        return EhrError(f"The EHR knows no group {options.group}: {said}.",
                        "Give the id of a Group with --group, or as group in the bulk table of the registry.")
    if status in (404, 405, 410, 501):
        return EhrError(f"The EHR offers no export of {_what(options)}: {said}.",
                        "Many EHRs export groups only: give one with --group, or try --level patient.")
    if status == 429:
        return EhrError(f"The EHR is still busy with other exports: {said}.",
                        "Run the same command again later; `kindred status` shows what of ours is unfinished there.")
    if status in (400, 406, 415, 422):
        return _parameters_refused(answer, options, said)
    return EhrError(f"The EHR failed at the kick-off: {said}.", "Run the same command again; then ask its operator.")


def _parameters_refused(answer: requests.Response, options: ExportOptions, said: str) -> EhrError:
    """Which of the parameters that we sent the EHR's answer names; those names only, nothing else of its text."""
    sent = [part["name"] for part in options.parameters()["parameter"]]
    sent = [name for name in PARAMETERS if name in sent]
    text = answer.text[:100_000]
    named = [name for name in sent if re.search(rf"(?<![A-Za-z_]){name}(?![A-Za-z])", text)]
    if named:
        return EhrError(f"The EHR does not take {', '.join(named)}: {said}.",
                        "Leave that out, or let the EHR pass over it with --lenient.")
    return EhrError(f"The EHR does not take this request: {said}; sent were {', '.join(sent) or 'no parameters'}.",
                    "Leave parameters out one by one, or try --lenient or --method POST.")


def of_status(answer: requests.Response, status: int) -> KindredError:
    """The job cannot be waited for any longer: EhrError where it may go on later, ExportError where it is dead."""
    codes = issue_codes(answer)
    said = _said(status, codes)
    if status in BUSY or "transient" in codes:
        return EhrError(f"The EHR answers the export's status with errors only: {said}.", RUN_AGAIN)
    if status in (401, 403):
        return EhrError(f"This client may not see the export's status: {said}.",
                        "Check that it may still export, and its scopes; then run the same command again.")
    return ExportError(f"The EHR ended the export: {said}.",
                       "Run the command again to start a new export; if it fails again, ask the EHR's operator.")


def _said(status: int, codes: list[str]) -> str:
    return f"HTTP {status}" + (f" ({', '.join(codes)})" if codes else "")


def _what(options: ExportOptions) -> str:
    of = f"the group {options.group}" if options.group else "all patients" if options.patient_level else "everything"
    return f"{', '.join(options.types)} of {of}" if options.types else of
