"""One export from kick-off to `_SUCCESS`; read this file first.

Whatever interrupts it, the same call again goes on: each step looks first at what the staging folder already holds.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import orjson

from analytics.config import BulkClient
from analytics.errors import EhrError, ExportError, KindredError
from analytics.export.auth import Authorization
from analytics.export.download import Downloads
from analytics.export.http import LOOPBACK, Http, LinkExpired, origin
from analytics.export.increment import with_base
from analytics.export.job import RUN_AGAIN, JobGone
from analytics.export.jobs import Jobs
from analytics.export.log import ExportLog
from analytics.export.manifest import Manifest, counted
from analytics.export.options import ExportOptions, ExportResult
from analytics.export.outcome import deletions_of, errors_of, status_of
from analytics.export.roll import Rolling
from analytics.export.staging import Rolled, Staging
from analytics.lake import Lake
from analytics.progress import Step
from analytics.progress import progress as show_progress

Progress = Callable[..., AbstractContextManager[Step]]
NEW_LINKS = 3  # how often expired links are asked for anew without a file being fetched in between
AHEAD = 2  # lake files' worth of a type that may lie in the spool


def export(bulk: BulkClient, lake: Lake, options: ExportOptions | None = None,
           progress: Progress = show_progress) -> ExportResult:
    """Bring an EHR's bulk export into the lake, or go on with the unfinished one of the same request.

    Raises EhrError (out of reach, refused: run it again), ExportError (the job failed), LakeError (no room, ...).
    """
    options, base = with_base(_with_group(options or ExportOptions(), bulk), bulk, lake)
    fingerprint = options.fingerprint(bulk.issuer)
    with lake.alone(lake.exports(bulk.ehr), f"Another export of {bulk.ehr} is running."):
        staging = Staging.unfinished(lake, bulk.ehr, fingerprint) or Staging.new(lake, bulk.ehr)
        try:
            return _Run(bulk, staging, options, progress).go(fingerprint, base)
        except JobGone:  # the EHR has forgotten the job that we come back to: begin anew, once
            staging.discard()
        try:
            return _Run(bulk, Staging.new(lake, bulk.ehr), options, progress).go(fingerprint, base)
        except JobGone:
            raise ExportError("The EHR forgot the export's job while it ran.", "Ask the EHR's operator.") from None


def _with_group(options: ExportOptions, bulk: BulkClient) -> ExportOptions:
    """The registry's default group, where no level is asked for."""
    return options if options.group or options.patient_level or options.system_level \
        else replace(options, group=bulk.group)


class _Run:
    """One attempt at one export."""

    def __init__(self, bulk: BulkClient, staging: Staging, options: ExportOptions, progress: Progress) -> None:
        self._staging, self._options, self._progress = staging, options, progress
        self._bulk, self._lake = bulk, staging.lake
        self._http = Http(bulk.issuer, bulk.hosts)
        self._http.token = Authorization(bulk, self._http).token
        self._log = ExportLog(self._lake, f"{staging.folder}/log.ndjson", staging.export_id)
        self._jobs = Jobs(bulk, self._http, self._log, staging, options)
        self._started = time.monotonic()
        self._fetched = 0

    def go(self, fingerprint: str, base: str | None) -> ExportResult:
        try:
            if not self._staging.state():
                self._begin(fingerprint, base)
            if not self._staging.finished():
                self._fill()
            return self._publish()
        except ExportError:
            self._jobs.delete()
            self._log.flush()
            self._staging.discard()  # the job is dead; the same command again must not wait for it
            raise
        finally:
            if self._lake.exists(self._staging.folder):
                self._log.flush()

    def _begin(self, fingerprint: str, base: str | None) -> None:
        """Kick off. The status URL is on disk before anything else happens."""
        try:
            self._jobs.kick_off(fingerprint, base)
        except KindredError:
            self._log.flush()
            self._staging.discard()  # nothing has begun, so there is nothing to go on with
            raise

    def _fill(self) -> None:
        """Fetch and roll, then write files.ndjson, manifest.json and `_SUCCESS`."""
        manifest = self._manifest()
        self._staging.sweep()
        rolling = Rolling(self._staging, manifest.files, self._options.file_target_bytes)
        vain = 0
        while True:
            before = self._fetched
            try:
                self._download(manifest, rolling)
                break
            except LinkExpired:
                vain = 0 if self._fetched > before else vain + 1
            if vain == NEW_LINKS:
                raise EhrError("The export's links expire before their files are fetched.", RUN_AGAIN)
            manifest = self._new_links(manifest)
        self._describe(manifest, rolling, rolling.roll_all())

    def _manifest(self) -> Manifest:
        state = self._staging.state()
        if "manifest" in state:
            return Manifest.from_state(state["manifest"])
        with self._progress("Waiting for the EHR's export") as step:
            manifest = self._jobs.manifest(step)
        self._save_manifest(manifest)
        return manifest

    def _save_manifest(self, manifest: Manifest) -> None:
        self._staging.save({**self._staging.state(), "manifest": manifest.to_state()})

    def _new_links(self, old: Manifest) -> Manifest:
        """Ask for the manifest again; its files must be the same. Raises ExportError where they are not."""
        with self._progress("Asking the EHR for new links") as step:
            new = self._jobs.manifest(step)
        linked = old.relinked(new)
        if linked is None:
            raise ExportError("The export's links expired and the EHR now offers other files.",
                              "Run the command again.")
        self._save_manifest(linked)
        return linked

    def _download(self, manifest: Manifest, rolling: Rolling) -> None:
        have = rolling.have()
        missing = [file for file in manifest.files if file.index not in have]
        if not missing:
            return
        plain = origin(self._bulk.issuer)[1] in LOOPBACK
        gzip = self._options.gzip if self._options.gzip is not None else not plain
        downloads = Downloads(self._http, self._staging.spool, self._log, parallel=self._options.parallel, gzip=gzip)
        with self._progress(f"Downloading {len(missing)} files", unit="bytes") as step:
            step.expect(len(missing), counted(missing))
            try:
                downloads.fetch(missing, rolling, step, AHEAD * self._options.file_target_bytes)
            finally:
                self._fetched += downloads.fetched

    def _describe(self, manifest: Manifest, rolling: Rolling, rolled: list[Rolled]) -> None:
        """Say what the export is: which server file went where, the lake's files, what is missing; then `_SUCCESS`."""
        parts = rolling.have()
        errors = errors_of(self._staging, manifest, parts)
        files = [entry.file for entry in rolled]
        self._lake.write_bytes(f"{self._staging.folder}/files.ndjson", _server_files(manifest, rolling))
        self._lake.write_json(f"{self._staging.folder}/manifest.json", {
            "export_id": self._staging.export_id, "ehr": self._bulk.ehr, "status": status_of(errors),
            "transactionTime": manifest.transaction_time, "request": manifest.request, "files": files,
            "counts": _counts(files), "deleted": deletions_of(self._staging, manifest, parts), "errors": errors,
            "since": self._options.since, "until": self._options.until, "base": self._staging.state()["base"],
            "series": self._options.series(self._bulk.issuer), "members": self._jobs.membership(),
        })
        self._log.event("export_complete", files=len(manifest.files), resources=sum(_counts(files).values()),
                        bytes=sum(file["bytes"] for file in files), attachments=None,
                        duration=round(self._jobs.seconds() * 1000))
        self._log.flush()
        self._lake.finish(self._staging.folder)

    def _publish(self) -> ExportResult:
        """All is safe in the lake: free the EHR's files, give the folder its name, forget the state."""
        self._jobs.delete()
        self._log.flush()
        self._staging.tidy()
        path = self._lake.export(self._bulk.ehr, self._staging.export_id)
        self._lake.rename(self._staging.folder, path)
        self._lake.delete(f"{path}/state.json")
        manifest = self._lake.read_json(f"{path}/manifest.json")
        return ExportResult(
            export_id=self._staging.export_id, status=manifest["status"], counts=manifest["counts"], path=path,
            bytes=sum(file["bytes"] for file in manifest["files"]), seconds=time.monotonic() - self._started,
            files_fetched=self._fetched, errors=tuple(manifest["errors"]),
        )


def _counts(files: list[dict[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for file in files:
        counts[file["type"]] = counts.get(file["type"], 0) + file["count"]
    return counts


def _server_files(manifest: Manifest, rolling: Rolling) -> bytes:
    """files.ndjson: what each server file was, and where in the lake its bytes lie (verify.py compares the two)."""
    parts, places = rolling.have(), rolling.places()
    lines = ({"file": file.index, "kind": file.kind, "type": file.type, "count": file.count,
              "lines": part.lines, "bytes": part.bytes, "sha256": part.sha256, "in": places.get(file.index, [])}
             for file in manifest.files if (part := parts.get(file.index)) is not None)
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)
