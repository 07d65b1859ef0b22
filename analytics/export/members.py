"""The members of a group at an export: `members.ndjson` beside its data, one `{"id": ...}` a line, sorted.

An increment of a group has it, a full export does not: there the members are its Patients.
"""

from collections.abc import Callable, Iterator

import orjson
import requests

from analytics.errors import ExportError
from analytics.export.http import ATTEMPTS, SENDING_FAILED, TRY_AGAIN, Http, LinkExpired, refused, retry_after
from analytics.export.manifest import MIXED, Manifest, ServerFile
from analytics.export.refusals import RUN_AGAIN
from analytics.lake import Lake

NAME = "members.ndjson"
LONGEST_LINE = 16 * 1024 * 1024  # bytes; a Patient that is more than its id may have a picture
FULL = "Run the command without --since for a full export."


def of_export(lake: Lake, folder: str) -> set[str]:
    """Ids of the members at an export that is in the lake."""
    path = f"{folder}/{NAME}"
    if lake.exists(path):
        return set(_ids(lake, path, _any_id))
    files = [file for kind in ("Patient", MIXED) for file in lake.files(f"{folder}/{kind}", ".ndjson")]
    return {one for file in files for one in _ids(lake, file, _patient_id)}


def save(lake: Lake, folder: str, ids: set[str]) -> None:
    with lake.writing(f"{folder}/{NAME}") as out:
        for one in sorted(ids):
            out.write(orjson.dumps({"id": one}) + b"\n")


def fetch(http: Http, manifest: Manifest) -> set[str]:
    """Ids of the Patients that a members job found.

    Raises ExportError where the list may not be whole: whoever were missing from it would be taken for gone.
    """
    found: set[str] = set()
    for file in manifest.files:
        if file.kind == "error" and _taken(http, file, _error):
            raise ExportError("The EHR could not list all members of the group.", FULL)
        if file.kind == "output":
            found |= _taken(http, file, _patient_id)
    if not found:
        raise ExportError("The EHR lists nobody in the group.", f"Check the group; if it is right: {FULL}")
    return found


def _taken(http: Http, file: ServerFile, take: Callable[[bytes], str | None]) -> set[str]:
    """What `take` makes of the lines of one file, which is streamed, and tried again as other files are."""
    for attempt in range(ATTEMPTS):
        pause = http.pace.pause(attempt)
        try:
            headers = {"Accept": "application/fhir+ndjson"}
            with http.open_file(file.url, with_token=file.needs_token, headers=headers) as answer:
                if answer.status_code == 200:
                    taken, lines = set[str](), 0
                    for line in _lines(answer):
                        lines += 1
                        taken.update(filter(None, [take(line)]))
                    if file.count in (None, lines):
                        return taken
                elif answer.status_code not in TRY_AGAIN:
                    raise refused(answer, "the list of the group's members", RUN_AGAIN)
                pause = http.pace.pause(attempt, retry_after(answer.headers.get("Retry-After")))
        except (*SENDING_FAILED, LinkExpired):
            pass
        http.sleep(pause)
    raise ExportError("The list of the group's members cannot be fetched whole.", "Run the command again.")


def _lines(answer: requests.Response) -> Iterator[bytes]:
    rest = b""
    for chunk in answer.iter_content(1024 * 1024):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line.strip())
        if len(rest) > LONGEST_LINE:
            raise ExportError("The EHR sent a list of members with a line that does not end.", FULL)
    if rest.strip():
        yield rest


def _patient_id(line: bytes) -> str | None:
    resource = _object(line)
    found = resource.get("id")
    return found if isinstance(found, str) and resource.get("resourceType") == "Patient" else None


def _any_id(line: bytes) -> str | None:
    found = _object(line).get("id")
    return found if isinstance(found, str) else None


def _error(line: bytes) -> str | None:
    """A word where an OperationOutcome is more than a warning, or is none."""
    issues = _object(line).get("issue")
    fine = isinstance(issues, list) and all(
        isinstance(issue, dict) and issue.get("severity") in ("warning", "information") for issue in issues)
    return None if fine else "error"


def _ids(lake: Lake, path: str, take: Callable[[bytes], str | None]) -> Iterator[str]:
    with lake.reading(path) as file:
        yield from filter(None, map(take, file))


def _object(line: bytes) -> dict[str, object]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
