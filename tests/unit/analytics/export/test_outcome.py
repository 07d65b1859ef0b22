"""What error and deleted files say, line by line."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from analytics.export.manifest import Manifest, ServerFile
from analytics.export.outcome import deletions_of, errors_of, status_of
from analytics.export.spool import Part
from analytics.export.staging import Staging
from analytics.lake import Lake


def read(folder: Path, kind: str, *lines: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """errors_of and deletions_of an export with one file of these lines (text as it is, other values as JSON)."""
    body = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines).encode()
    staging = Staging(Lake(f"file://{folder}"), "ehr", "X")
    staging.spool.open()
    part = Part(0, len(lines), 0, len(body), hashlib.sha256(body).hexdigest())
    with staging.spool.receiving(0) as receiver:
        receiver.write(body)
        receiver.keep(part)
    manifest = Manifest("t", "r", [ServerFile(0, kind, "Bundle", "https://a/1", None, True)])
    return errors_of(staging, manifest, {0: part}), deletions_of(staging, manifest, {0: part})


def bundle(*requests: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": [{"request": one} for one in requests]}


@pytest.mark.parametrize(("url", "reference"), [
    ("Patient/1", "Patient/1"), ("/Patient/1", "Patient/1"), ("https://ehr.example/fhir/List/a.b-1", "List/a.b-1"),
    ("Patient/1/_history/3", "Patient/1"), ("Patient?identifier=7", None), ("Patient", None), (None, None)])
def test_a_deletion_names_a_resource_or_makes_the_export_partial(
    url: str | None, reference: str | None, tmp_path: Path
) -> None:
    errors, deleted = read(tmp_path, "deleted", bundle({"method": "DELETE", "url": url}))
    assert deleted == ([reference] if reference else [])
    assert status_of(errors) == ("complete" if reference else "partial")


def test_what_is_no_deletion_is_passed_over_and_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    put = {"method": "PUT", "url": "Patient/9"}
    lines = (bundle({"method": "DELETE", "url": "Patient/2"}, put), "{broken", [1], {"resourceType": "Patient"}, "")
    errors, deleted = read(tmp_path, "deleted", *lines)
    assert deleted == ["Patient/2"]
    assert [(error["code"], error["count"]) for error in errors] == [("deletion-unusable", 3)]


@pytest.mark.parametrize(("severity", "status"), [
    ("fatal", "partial"), ("error", "partial"), ("warning", "complete"), ("information", "complete"),
    ("odd", "partial"), (None, "partial")])
def test_errors_make_an_export_partial_and_warnings_do_not(severity: str | None, status: str, tmp_path: Path) -> None:
    issue = {"severity": severity, "code": "not-supported", "diagnostics": "Jane Doe"}
    errors, _ = read(tmp_path, "error", {"resourceType": "OperationOutcome", "issue": [issue]})
    assert status_of(errors) == status
    assert [error["code"] for error in errors] == ["not-supported"] and "Jane" not in str(errors)


def test_a_line_of_an_error_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    errors, _ = read(tmp_path, "error", "Service unavailable")
    assert [(error["severity"], error["code"]) for error in errors] == [("error", "unreadable")]
