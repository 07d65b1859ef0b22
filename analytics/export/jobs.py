"""The jobs of one export at the EHR: one, and for changes of a group up to three (Bulk Data 3.0, "new members").

1. the export itself, or the changes since the base;
2. `members`: the ids of the group's members now; who is not among them has left;
3. `additions`: everything of those who were no members at the base.

Their files together are one manifest, so that they are fetched, resumed and rolled as one export. Each status URL is in
the state before anything depends on it.
"""

import time
from typing import Any

from analytics.config import BulkClient
from analytics.errors import EhrError
from analytics.export import members
from analytics.export.http import Http
from analytics.export.increment import needs_members, of_additions, of_members
from analytics.export.job import DAY, Job
from analytics.export.log import ExportLog
from analytics.export.manifest import Manifest
from analytics.export.options import ExportOptions
from analytics.export.staging import VERSION, Staging
from analytics.progress import Step

URLS = ("status_url", "members_url", "additions_url")


class Jobs:
    """What of one export runs at the EHR. The state is that of `staging`."""

    def __init__(self, bulk: BulkClient, http: Http, log: ExportLog, staging: Staging, options: ExportOptions) -> None:
        self._http, self._log, self._staging, self._options = http, log, staging, options
        self._ehr, self._patience = bulk.ehr, bulk.patience_days * DAY

    def kick_off(self, fingerprint: str, base: str | None) -> None:
        """Start the first one; the state begins with it. Raises EhrError."""
        url = self._job().kick_off(self._options)
        self._staging.save({"version": VERSION, "fingerprint": fingerprint, "base": base, "since": self._options.since,
                            "group": self._options.group, "status_url": url, "started": time.time()})

    def manifest(self, step: Step) -> Manifest:
        """Wait for all of them; what is over already is asked again for its links. Raises as Job.manifest does."""
        state = self._staging.state()
        manifest = self._job().manifest(state["status_url"], step, state.get("started"))
        if not needs_members(self._options, state.get("base")):
            return manifest
        joined = self._joined(step)
        return manifest.and_also(self._additions(joined, step)) if joined else manifest

    def membership(self) -> dict[str, int] | None:
        """For manifest.json: how many members there are, and how many joined and left since the base."""
        counts: dict[str, int] | None = self._staging.state().get("members")
        return counts

    def seconds(self) -> float:
        """Since the kick-off, over all runs."""
        return max(0.0, time.time() - float(self._staging.state().get("started", time.time())))

    def delete(self) -> None:
        """All is safe: the EHR may delete the files."""
        state = self._staging.state()
        for key in URLS:
            if key in state:
                self._job(key).delete(state[key])

    def _joined(self, step: Step) -> tuple[str, ...]:
        """Ids of those who are members now and were not at the base."""
        lake, folder = self._staging.lake, self._staging.folder
        if not lake.exists(f"{folder}/{members.NAME}"):
            url = self._begun("members_url", of_members(self._options))
            found = members.fetch(self._http, self._wait("members_url", url, step))
            members.save(lake, folder, found)
        now = members.of_export(lake, folder)
        then = members.of_export(lake, lake.export(self._ehr, self._staging.state()["base"]))
        self._note("members", {"count": len(now), "joined": len(now - then), "left": len(then - now)})
        return tuple(sorted(now - then))

    def _additions(self, joined: tuple[str, ...], step: Step) -> Manifest:
        try:
            url = self._begun("additions_url", of_additions(self._options, joined))
        except EhrError as error:
            raise EhrError(f"New members of the group cannot be exported by themselves. {error.message}",
                           "If this EHR does not take the parameter `patient`, export without --since.") from None
        return self._wait("additions_url", url, step)

    def _begun(self, key: str, options: ExportOptions) -> str:
        url: str | None = self._staging.state().get(key)
        if url is None:
            url = self._job(key).kick_off(options)
            self._note(key, url)
            self._note(f"{key}_started", time.time())
        return url

    def _wait(self, key: str, url: str, step: Step) -> Manifest:
        return self._job(key).manifest(url, step, self._staging.state().get(f"{key}_started"))

    def _note(self, key: str, value: Any) -> None:
        state = self._staging.state()
        if state.get(key) != value:
            self._staging.save({**state, key: value})

    def _job(self, key: str = "status_url") -> Job:
        part = "" if key == "status_url" else key.removesuffix("_url")
        return Job(self._http, self._log, patience=self._patience, part=part)
