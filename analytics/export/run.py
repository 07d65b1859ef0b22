"""One export from kick-off to `_SUCCESS`; read this file first.

Whatever interrupts it, the same call again goes on: each step looks first at what the staging folder already holds.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from analytics.config import BulkClient
from analytics.errors import EhrError, ExportError, KindredError
from analytics.export.auth import Authorization
from analytics.export.download import Downloads
from analytics.export.http import LOOPBACK, Http, LinkExpired, origin
from analytics.export.job import RUN_AGAIN, Job, JobGone
from analytics.export.log import ExportLog
from analytics.export.manifest import Manifest, ServerFile
from analytics.export.options import ExportOptions, ExportResult
from analytics.export.outcome import deletions_of, errors_of, status_of
from analytics.export.roll import roll_type
from analytics.export.staging import Part, Staging
from analytics.lake import Lake
from analytics.progress import Step
from analytics.progress import progress as show_progress

Progress = Callable[..., AbstractContextManager[Step]]
NEW_LINKS = 3  # how often expired links are asked for anew


def export(bulk: BulkClient, lake: Lake, options: ExportOptions | None = None,
           progress: Progress = show_progress) -> ExportResult:
    """Bring an EHR's bulk export into the lake, or go on with the unfinished one of the same request.

    Raises EhrError (out of reach, refused: run it again), ExportError (the job failed), LakeError (no room, ...).
    """
    options = _with_since(_with_group(options or ExportOptions(), bulk), lake, bulk.ehr)
    fingerprint = options.fingerprint(bulk.issuer)
    with lake.alone(lake.exports(bulk.ehr), f"Another export of {bulk.ehr} is running."):
        staging = Staging.unfinished(lake, bulk.ehr, fingerprint) or Staging.new(lake, bulk.ehr)
        try:
            return _Run(bulk, staging, options, progress).go(fingerprint)
        except JobGone:  # the EHR has forgotten the job that we come back to: begin anew, once
            staging.discard()
        try:
            return _Run(bulk, Staging.new(lake, bulk.ehr), options, progress).go(fingerprint)
        except JobGone:
            raise ExportError("The EHR forgot the export's job while it ran.", "Ask the EHR's operator.") from None


def _with_group(options: ExportOptions, bulk: BulkClient) -> ExportOptions:
    """The registry's default group, where no level is asked for."""
    return options if options.group or options.patient_level else replace(options, group=bulk.group)


def _with_since(options: ExportOptions, lake: Lake, ehr: str) -> ExportOptions:
    """`auto` becomes the transactionTime of the newest export, and a full export where there is none."""
    if options.since != "auto":
        return options
    newest = lake.newest_export(ehr)
    since = lake.read_json(f"{lake.export(ehr, newest)}/manifest.json")["transactionTime"] if newest else None
    return replace(options, since=since)


class _Run:
    """One attempt at one export."""

    def __init__(self, bulk: BulkClient, staging: Staging, options: ExportOptions, progress: Progress) -> None:
        self._staging, self._options, self._progress = staging, options, progress
        self._bulk, self._lake = bulk, staging.lake
        self._http = Http(bulk.issuer, bulk.hosts)
        self._http.token = Authorization(bulk, self._http).token
        self._log = ExportLog(self._lake, f"{staging.folder}/log.ndjson", staging.export_id)
        self._job = Job(self._http, self._log)
        self._started = time.monotonic()
        self._fetched = 0

    def go(self, fingerprint: str) -> ExportResult:
        try:
            state = self._staging.state() or self._begin(fingerprint)
            if not self._staging.finished():
                self._fill(state)
            return self._publish(state["status_url"])
        except ExportError:
            self._log.flush()
            self._staging.discard()  # the job is dead; the same command again must not wait for it
            raise
        finally:
            if self._lake.exists(self._staging.folder):
                self._log.flush()

    def _begin(self, fingerprint: str) -> dict[str, Any]:
        """Kick off. The status URL is on disk before anything else happens."""
        try:
            url = self._job.kick_off(self._options)
        except KindredError:
            self._log.flush()
            self._staging.discard()  # nothing has begun, so there is nothing to go on with
            raise
        state = {"version": 1, "fingerprint": fingerprint, "status_url": url}
        self._staging.save(state)
        return state

    def _fill(self, state: dict[str, Any]) -> None:
        """Fetch, roll, and write manifest.json and `_SUCCESS`."""
        manifest = self._manifest(state)
        for _ in range(NEW_LINKS):
            try:
                self._download(manifest, state)
                break
            except LinkExpired:
                manifest = self._new_links(manifest)
        else:
            raise EhrError("The export's links expire before their files are fetched.", RUN_AGAIN)
        self._describe(manifest)

    def _manifest(self, state: dict[str, Any]) -> Manifest:
        if "manifest" in state:
            return Manifest.from_state(state["manifest"])
        with self._progress("Waiting for the EHR's export") as step:
            manifest = self._job.manifest(state["status_url"], step)
        self._save_manifest(manifest)
        return manifest

    def _save_manifest(self, manifest: Manifest) -> None:
        self._staging.save({**self._staging.state(), "manifest": manifest.to_state()})

    def _new_links(self, old: Manifest) -> Manifest:
        """Ask for the manifest again; its files must be the same. Raises ExportError where they are not."""
        with self._progress("Asking the EHR for new links") as step:
            new = self._job.manifest(self._staging.state()["status_url"], step)
        if not new.same_files(old):
            raise ExportError("The export's links expired and the EHR now offers other files.",
                              "Run the command again.")
        self._save_manifest(new)
        return new

    def _download(self, manifest: Manifest, state: dict[str, Any]) -> None:
        rolled = self._staging.state().get("rolled", {})
        have = self._staging.parts()
        missing = [file for file in manifest.files if file.index not in have
                   and not (file.kind == "output" and file.type in rolled)]
        if not missing:
            return
        plain = origin(self._bulk.issuer)[1] in LOOPBACK
        gzip = self._options.gzip if self._options.gzip is not None else not plain
        downloads = Downloads(self._http, self._staging, self._log, parallel=self._options.parallel, gzip=gzip)
        with self._progress(f"Downloading {len(missing)} files", unit="bytes") as step:
            try:
                downloads.fetch(missing, step)
            finally:
                self._fetched += len(self._staging.parts().keys() - have.keys())

    def _describe(self, manifest: Manifest) -> None:
        """Roll every type, then write what the export is, then `_SUCCESS`."""
        parts = self._staging.parts()
        state = self._staging.state()
        if "errors" not in state:  # before rolling, which deletes the parts
            state["errors"] = errors_of(self._staging, manifest, parts)
            state["deleted"] = deletions_of(self._staging, manifest, parts)
            self._staging.save(state)
        files = self._roll(manifest.files, parts)
        self._lake.write_json(f"{self._staging.folder}/manifest.json", {
            "export_id": self._staging.export_id, "ehr": self._bulk.ehr, "status": status_of(state["errors"]),
            "transactionTime": manifest.transaction_time, "request": manifest.request, "files": files,
            "counts": _counts(files), "deleted": state["deleted"], "errors": state["errors"],
            "since": self._options.since,
        })
        self._lake.delete(f"{self._staging.folder}/parts")
        self._log.event("export_complete", files=len(manifest.files), resources=sum(_counts(files).values()),
                        bytes=sum(file["bytes"] for file in files), attachments=None,
                        duration=round((time.monotonic() - self._started) * 1000))
        self._log.flush()
        self._lake.finish(self._staging.folder)

    def _roll(self, files: list[ServerFile], parts: dict[int, Part]) -> list[dict[str, Any]]:
        by_type: dict[str, list[Part]] = {}
        for file in files:
            if file.kind == "output":
                by_type.setdefault(file.type, [])
                if file.index in parts:
                    by_type[file.type].append(parts[file.index])
        rolled: list[dict[str, Any]] = []
        with self._progress("Rolling files", total=len(by_type), unit="types") as step:
            for type_name in sorted(by_type):
                rolled += roll_type(self._staging, type_name, by_type[type_name], self._options.file_target_bytes)
                step.advance()
        return rolled

    def _publish(self, status_url: str) -> ExportResult:
        """All is safe in the lake: free the EHR's files, give the folder its name, forget the state."""
        self._job.delete(status_url)
        self._log.flush()
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
