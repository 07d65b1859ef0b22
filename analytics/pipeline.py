"""The way through, step by step, for one EHR: what each command does and what ``kindred run`` skips."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analytics.config import BulkClient, Settings, fhir_base, registered_ehrs
from analytics.errors import ConfigError, DataError, ExportError, ReleaseError
from analytics.lake import Lake
from analytics.snapshot import exports_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from analytics.export import ExportOptions

BOOTSTRAPS = 100  # resamples for the choice of k (Hennig 2007)
DEMO_BOOTSTRAPS = 20
DEMO_EARLIER_DATES = 1  # the evidence says which test it lacks


@dataclass
class Pipeline:
    """The steps for one EHR. counts and seconds keep what each step that ran here did, notes what to know of it."""

    settings: Settings
    ehr: str
    bootstraps: int = BOOTSTRAPS
    counts: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @cached_property
    def lake(self) -> Lake:
        return Lake.of(self.settings)

    @cached_property
    def spark(self) -> SparkSession:
        from analytics.spark import session

        return session(self.settings)

    @cached_property
    def base(self) -> str:
        """The EHR's FHIR base, below which absolute references are its own."""
        return fhir_base(self.settings.ehrs, self.ehr)

    def export(self, options: ExportOptions | None = None) -> str:
        """Bulk export to the lake. Returns the export's id."""
        from analytics.export import ExportOptions, export

        started = time.monotonic()
        sized = replace(options or ExportOptions(), file_target_bytes=self.settings.file_target_bytes)
        result = export(BulkClient.from_registry(self.settings.ehrs, self.ehr), self.lake.patient(), sized)
        total = sum(result.counts.values())
        if result.status != "complete":
            self.notes.append(
                f"The export is {result.status}: the EHR reported or sent {len(result.errors)} kinds of faults; "
                f"see `kindred status` and {self.lake.url(result.path)}/manifest.json."
            )
        self._done("export", started, {"read": total, "kept": total, "dropped": {}})
        if total == 0 and sized.since is None:
            self.lake.delete(result.path)
            raise ExportError(
                f"The export of {self.ehr} brought no resource at all; it was not kept.",
                "Check the group and the types asked, and that this client may read them.",
            )
        return result.export_id

    def load(self) -> None:
        """The newest export to events."""
        from analytics.load import load, other_engine

        export_id, started = self.newest_export(), time.monotonic()
        for one in exports_of(self.lake, self.ehr, export_id):
            if engine := other_engine(self.lake, self.ehr, one):
                self.notes.append(
                    f"The events of the export {one} were made by DuckDB {engine}, and this is {version('duckdb')}: "
                    "they are made anew, for only one engine's versions of a resource can be compared."
                )
        counts = load(self.spark, self.lake, self.ehr, export_id, self.settings.max_line_bytes, self.base)
        self._done("load", started, counts)

    def build(self, as_of: date | None = None) -> date:
        """Events to features. Without a date, as of the newest encounter in the export."""
        from analytics.build import build, newest_care
        from analytics.load import loaded

        export_id, started = self.newest_export(), time.monotonic()
        if not all(loaded(self.lake, self.ehr, one, self.base) for one in exports_of(self.lake, self.ehr, export_id)):
            raise DataError(
                f"The export {export_id} is not loaded with these definitions and this DuckDB ({version('duckdb')}).",
                "Run `kindred load` first.",
            )
        day = as_of or newest_care(self.spark, self.lake, self.ehr, export_id)
        counts = build(self.spark, self.lake, self.ehr, export_id, day, self.settings.earlier_dates)
        self._done("build", started, counts)
        return day

    def fit(self, as_of: date | None = None) -> str:
        """Features to a release. Without a date, the newest that was built. Returns the release's id."""
        from analytics.build import built
        from analytics.risk_groups.fit import fit

        export_id, started = self.newest_export(), time.monotonic()
        day = as_of or self._newest_features(export_id)
        if not built(self.lake, self.ehr, export_id, day):
            raise DataError(
                f"Features as of {day} are not built from the export {export_id} with these definitions.",
                f"Run `kindred build --as-of {day}` first.",
            )
        fitted = fit(self.spark, self.lake, self.ehr, export_id, day, self.bootstraps)
        self._done("fit", started, fitted.counts)
        return fitted.release_id

    def publish(self, release_id: str | None = None) -> str:
        """A release (without an id, the newest) to the serving database, as the current one."""
        from analytics.publish import Keep, publish

        started = time.monotonic()
        release_id = release_id or self._newest_release()
        keep = Keep(self.settings.keep_releases, self.settings.keep_days)
        counts = publish(self.settings.database, self.lake, self.ehr, release_id, lambda: self.spark, keep)
        self._done("publish", started, counts)
        return release_id

    def report(self, release_id: str | None = None, out: Path | None = None) -> Path:
        """The report of a release (without an id, the newest) as a file, whose path is returned."""
        from analytics.report.page import report

        release_id = release_id or self._newest_release()
        path = out or self.settings.home / "reports" / f"{release_id}.html"
        page = report(self.lake, self.ehr, release_id)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(page, encoding="utf-8")
        except OSError as error:
            raise ReleaseError(f"The report cannot be written to {path} ({type(error).__name__}).",
                               "Name another file with --out.") from None
        return path

    def run(self, options: ExportOptions | None = None, as_of: date | None = None, fresh: bool = True) -> str:
        """All steps. An export that was not published yet is taken up again; otherwise a new one is made.

        fresh=False keeps to the newest export even when it was published: every step then finds its work done.
        """
        if self.lake.newest_export(self.ehr) is None or (fresh and self._newest_is_published()):
            self.export(options)
        self.load()
        day = self.build(as_of)
        return self.publish(self.fit(day))

    def newest_export(self) -> str:
        """Id of the newest finished export. Raises DataError where there is none."""
        export_id = self.lake.newest_export(self.ehr)
        if export_id is None:
            raise DataError(f"There is no finished export of {self.ehr}.", f"Run `kindred export {self.ehr}` first.")
        return export_id

    def _newest_features(self, export_id: str) -> date:
        days = self.lake.finished_folders(f"{self.ehr}/features/{export_id}")
        if not days:
            raise DataError(f"No features were built from the export {export_id}.", "Run `kindred build` first.")
        return date.fromisoformat(days[-1])

    def _newest_release(self) -> str:
        ids = self.lake.finished_folders(self.lake.releases(self.ehr))
        if not ids:
            raise ReleaseError(f"There is no release of {self.ehr} in the lake.", "Run `kindred fit` first.")
        made = {
            one: self.lake.read_json(f"{self.lake.release(self.ehr, one)}/release.json")["created_at"] for one in ids
        }
        return max(ids, key=lambda one: made[one])

    def _newest_is_published(self) -> bool:
        from analytics.publish import current

        model = current(self.settings.database, self.ehr)
        return model is not None and model["export_id"] == self.lake.newest_export(self.ehr)

    def _done(self, step: str, started: float, counts: dict[str, Any]) -> None:
        self.counts[step] = counts
        self.seconds[step] = round(time.monotonic() - started, 1)


def only_ehr(settings: Settings, named: str | None) -> str:
    """The named EHR, or the only registered one. Raises ConfigError when it is not clear which."""
    registered = registered_ehrs(settings.ehrs)
    if named is None and len(registered) == 1:
        return registered[0]
    if named not in registered:
        said = f"{named!r} is not a registered EHR" if named is not None else "It is not clear which EHR is meant"
        raise ConfigError(f"{said}; {settings.ehrs} has: {', '.join(registered) or 'none'}.", "Name one of them.")
    return named
