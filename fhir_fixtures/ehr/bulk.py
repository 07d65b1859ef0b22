"""Bulk Data `$export` at system, Patient and Group level (Bulk Data Access IG 3.0, asynchronous request pattern)."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson
from flask import Blueprint, Response, current_app, request

from fhir_fixtures.ehr.bulk_job import BulkFile, Job, gzipped, read_file
from fhir_fixtures.ehr.bulk_request import read_parameters, select
from fhir_fixtures.ehr.guard import rights
from fhir_fixtures.ehr.outcome import FhirError, operation_outcome
from fhir_fixtures.ehr.sandbox import fhir_base, sandbox

blueprint = Blueprint("bulk", __name__, url_prefix="/fhir")

FILES_PER_PAGE = 5  # of a partial manifest
RUNNING_JOBS = 5  # per client, before 429
KEPT = timedelta(hours=1)  # how long a job and its files stay
LINES_PER_FILE = 20_000  # unless app.config["BULK_LINES_PER_FILE"] says otherwise


@blueprint.route("/$export", methods=["GET", "POST"])
@blueprint.route("/Patient/$export", methods=["GET", "POST"], defaults={"compartment": True})
@blueprint.route("/Group/<group>/$export", methods=["GET", "POST"], defaults={"compartment": True})
def kick_off(group: str | None = None, compartment: bool = False) -> Response:
    """202 with the job's status address, or an OperationOutcome."""
    may = rights(sandbox(), request)
    if "respond-async" not in request.headers.get("Prefer", ""):
        raise FhirError(400, "Prefer: respond-async is required.")
    if group is not None and not sandbox().store.has_group(group):
        raise FhirError(404, "There is no such Group.")
    if sum(job.client_id == may.client_id and not job.ready for job in _jobs().values()) >= RUNNING_JOBS:
        raise FhirError(429, "This client has too many exports running.", headers={"Retry-After": "1"})
    parameters, passed_over = read_parameters(request, compartment)
    wanted = select(sandbox().store, parameters, may, group, compartment)
    job = Job(may.client_id, _request_url(), wanted, passed_over, partial="true" in parameters.get(
        "allowPartialManifests", ()), lines_per_file=current_app.config.get("BULK_LINES_PER_FILE", LINES_PER_FILE))
    _forget_old_jobs()
    _jobs()[job.id] = job
    job.start(sandbox().store)
    return Response(status=202, headers={"Content-Location": _status_url(job)})


@blueprint.get("/bulk/status/<job_id>")
def status(job_id: str) -> Response:
    """202 while it runs, then the manifest (or one page of it)."""
    job = _job(job_id)
    if job.problem:
        raise FhirError(500, "The export failed.")
    if not job.ready:
        return Response(status=202, headers={"X-Progress": job.progress, "Retry-After": "1"})
    response = _json(_manifest(job, request.args.get("page", 1, int)))
    response.headers["Expires"] = format_datetime(datetime.now(UTC) + KEPT, usegmt=True)
    return response


@blueprint.delete("/bulk/status/<job_id>")
def delete(job_id: str) -> Response:
    """Cancel the job, or free its files; from then on its status address is 404."""
    _jobs().pop(_job(job_id).id)
    return Response(status=202)


@blueprint.get("/bulk/file/<job_id>/<int:number>")
def file(job_id: str, number: int) -> Response:
    """One file, streamed; gzipped where the client takes that."""
    job = _job(job_id)
    files = [*job.files, *_error_files(job)]
    if not job.ready or number >= len(files):
        raise FhirError(404, "There is no such file.")
    pieces = read_file(sandbox().store, files[number])
    headers = {"Content-Type": "application/fhir+ndjson", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return Response(gzipped(pieces), headers={**headers, "Content-Encoding": "gzip"})
    if (size := files[number].size) is not None:
        headers["Content-Length"] = str(size)
    return Response(pieces, headers=headers)


def _manifest(job: Job, page: int) -> dict[str, Any]:
    first, last = (0, len(job.files))
    if job.partial:
        first, last = (page - 1) * FILES_PER_PAGE, page * FILES_PER_PAGE
    base = f"{fhir_base(request)}/bulk/file/{job.id}"
    output = [{"type": file.type, "url": f"{base}/{number}", "count": file.count}
              for number, file in enumerate(job.files)]
    errors = [{"type": "OperationOutcome", "url": f"{base}/{len(job.files) + number}", "count": file.count}
              for number, file in enumerate(_error_files(job))]
    manifest: dict[str, Any] = {"transactionTime": job.transaction_time, "request": job.request,
                                "requiresAccessToken": True, "output": output[first:last], "deleted": [],
                                "error": errors if first == 0 else []}
    if last < len(job.files):
        manifest["link"] = [{"relation": "next", "url": f"{_status_url(job)}?page={page + 1}"}]
    return manifest


def _error_files(job: Job) -> list[BulkFile]:
    """One file with a warning for each parameter that was passed over."""
    lines = tuple(orjson.dumps(operation_outcome(f"{name} was ignored.", "not-supported", "warning"))
                  for name in job.warnings)
    size = sum(len(line) + 1 for line in lines)
    return [BulkFile("OperationOutcome", len(lines), size, inline=lines)] if lines else []


def _job(job_id: str) -> Job:
    """The job, to its own client only; a link that a fault made free of tokens (faults.py) needs none."""
    client = None if request.environ.get("kindred.signed_link") else rights(sandbox(), request).client_id
    job = _jobs().get(job_id)
    if job is None or client not in (None, job.client_id):
        raise FhirError(404, "There is no such export.")
    return job


def _jobs() -> dict[str, Job]:
    jobs: dict[str, Job] = current_app.extensions.setdefault("bulk_jobs", {})
    return jobs


def _forget_old_jobs() -> None:
    for job in list(_jobs().values()):
        if time.time() - job.started > KEPT.total_seconds():
            _jobs().pop(job.id, None)


def _status_url(job: Job) -> str:
    return f"{fhir_base(request)}/bulk/status/{job.id}"


def _request_url() -> str:
    query = request.query_string.decode()
    path = request.path.removeprefix("/fhir")
    return fhir_base(request) + path + (f"?{query}" if query else "")


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, mimetype="application/json", headers={"Cache-Control": "no-store"})
