"""Bulk Data `$export` at system, Patient and Group level (Bulk Data Access IG 3.0, asynchronous request pattern)."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import IO, Any, cast

import orjson
from flask import Blueprint, Response, current_app, request
from werkzeug.wsgi import wrap_file

from fhir_fixtures.ehr.bulk.files import Slice, gzipped
from fhir_fixtures.ehr.bulk.job import SHORTEST_RUN, Job
from fhir_fixtures.ehr.bulk.manifest import file_named, manifest
from fhir_fixtures.ehr.bulk.request import preferences, read_parameters, select
from fhir_fixtures.ehr.guard import rights
from fhir_fixtures.ehr.outcome import FhirError
from fhir_fixtures.ehr.sandbox import fhir_base, sandbox

blueprint = Blueprint("bulk", __name__, url_prefix="/fhir")

RUNNING_JOBS = 5  # per client, before 429
KEPT = timedelta(hours=1)  # how long a job and its files stay
LINES_PER_FILE = 20_000  # unless app.config["BULK_LINES_PER_FILE"] or the address says otherwise
PIECE = 256 * 1024  # bytes of a file that are read at once


@blueprint.route("/$export", methods=["GET", "POST"])
@blueprint.route("/Patient/$export", methods=["GET", "POST"], defaults={"compartment": True})
@blueprint.route("/Group/<group>/$export", methods=["GET", "POST"], defaults={"compartment": True})
def kick_off(group: str | None = None, compartment: bool = False) -> Response:
    """202 with the job's status address, or an OperationOutcome."""
    may = rights(sandbox(), request)
    prefer = preferences(request)
    if "respond-async" not in prefer:
        raise FhirError(400, "Prefer: respond-async is required.")
    if group is not None and not sandbox().store.has_group(group):
        raise FhirError(404, "There is no such Group.")
    if sum(job.client_id == may.client_id and not job.ready for job in _jobs().values()) >= RUNNING_JOBS:
        raise FhirError(429, "This client has too many exports running.", headers={"Retry-After": "1"})
    parameters, passed_over = read_parameters(request, compartment)
    wanted = select(sandbox().store, parameters, may, group, compartment, _by_address("group-since-new-members") != "")
    lines = current_app.config.get("BULK_LINES_PER_FILE", LINES_PER_FILE)
    job = Job(may.client_id, _request_url(), wanted, passed_over,
              lines_per_file=int(_by_address("lines-per-file") or lines),
              partial="true" in parameters.get("allowPartialManifests", ()),
              organized_by=next(iter(parameters.get("organizeOutputBy", ())), None),
              separate_status="separate-export-status" in prefer, deletions="_since" in parameters,
              shortest=float(_by_address("job-slow") or SHORTEST_RUN))
    _forget_old_jobs()
    job.start(sandbox().store)
    _jobs()[job.id] = job
    applied = "respond-async, separate-export-status" if job.separate_status else "respond-async"
    return Response(status=202, headers={"Content-Location": _status_url(job), "Preference-Applied": applied})


@blueprint.get("/bulk/status/<job_id>")
def status(job_id: str) -> Response:
    """202 while it runs, perhaps with a first part of the manifest; then the manifest (or one page of it)."""
    job = _job(job_id)
    if job.problem:
        failed = FhirError(500, "The export failed.").response()
        return _separated(job, failed)
    ready = job.ready
    page = max(request.args.get("page", 1, int), 1)
    found = manifest(job, ready, page, f"{fhir_base(request)}/bulk/file/{job.id}", _status_url(job))
    response = Response(status=202) if found is None else _json(found, 200 if ready else 202)
    if ready:
        response.headers["Expires"] = format_datetime(datetime.now(UTC) + KEPT, usegmt=True)
    else:
        response.headers["X-Progress"] = job.progress
        response.headers["Retry-After"] = "1"
    return _separated(job, response)


def _separated(job: Job, response: Response) -> Response:
    """`Prefer: separate-export-status`: 200, and the job's own status in a header."""
    if job.separate_status:
        response.headers["X-Export-Status"] = f"{response.status_code} {HTTPStatus(response.status_code).phrase}"
        response.status_code = 200
    return response


@blueprint.delete("/bulk/status/<job_id>")
def delete(job_id: str) -> Response:
    """Cancel the job, or free its files; from then on its status address is 404."""
    _jobs().pop(_job(job_id).id)
    return Response(status=202)


@blueprint.get("/bulk/file/<job_id>/<name>")
def file(job_id: str, name: str) -> Response:
    """One file, streamed; gzipped where the client takes that."""
    job = _job(job_id)
    found = file_named(job, name)
    if found is None or not (job.ready or job.partial):
        raise FhirError(404, "There is no such file.")
    pieces = wrap_file(request.environ, cast(IO[bytes], Slice(job.spool, found)), PIECE)
    headers = {"Content-Type": "application/fhir+ndjson", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return Response(gzipped(pieces), headers={**headers, "Content-Encoding": "gzip"})
    return Response(pieces, headers={**headers, "Content-Length": str(found.size)}, direct_passthrough=True)


def _by_address(name: str) -> str:
    """The argument of a setting that stands among the faults of the address (faults/README.md).

    1 for none; empty when it is not there.
    """
    named: dict[str, str] = request.environ.get("kindred.faults", {})
    return (named[name] or "1") if name in named else ""


def _job(job_id: str) -> Job:
    """The job, to its own client only; a link that a fault made free of tokens (faults/) needs none."""
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
