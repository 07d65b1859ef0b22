"""What every cohort page begins with: the launch, the release that is current for its EHR, and what it may list."""

from dataclasses import dataclass, field
from typing import Any

from flask import render_template

from analytics.definitions import catalogue
from app.chart.blueprint import asked_style, frame
from app.chart.cells import screened_paper
from app.chart.opened import FOR_PROFESSIONALS
from app.chart.reading import launch_of, serving
from app.chart.words import day
from app.cohorts.right import against_list
from app.cohorts.words import WHY_HIDDEN
from app.problems import Problem
from app.registry import Ehr
from app.serving import Release
from app.smart import Smart
from app.smart.tokens import Launch

NO_RELEASE = "No release yet: no risk groups have been published for this EHR."
NO_PAPER = "This release was published without these numbers, by an earlier Kindred. The next release will hold them."
OTHER_DEFINITIONS = (
    "This release was made with other definitions than this app uses: what is told here holds for the release, and "
    "charts show no group until the next one."
)


@dataclass(frozen=True)
class Opening:
    """One request: its launch and the release; `against` is the reason for which it lists no patients, None: it may."""

    smart: Smart
    ehr: Ehr
    launch: Launch = field(repr=False)
    release: Release | None
    against: str | None

    def paper(self, name: str) -> dict[str, Any] | None:
        """A document of the release (docs/release.md), looked through once more; None where there is none."""
        document = serving().document(self.release, name) if self.release else None
        return screened_paper(document) if document else None

    def groups(self) -> list[dict[str, Any]]:
        """The groups of the release by rank; none without a release."""
        return sorted(self.release.model["groups"], key=lambda one: one["rank"]) if self.release else []

    def group(self, rank: int) -> dict[str, Any]:
        """The group of this rank. Raises Problem `not_found`."""
        for one in self.groups():
            if one["rank"] == rank:
                return one
        raise Problem("not_found", "group")

    def rank_here(self) -> int | None:
        """Where the release's population run had the open patient; None without one, or where no group may be shown."""
        patient = self.launch.context.patient
        if self.release is None or patient is None or not self.has_our_definitions():
            return None
        found = serving().membership(self.release, patient)
        return found.rank if found else None

    def has_our_definitions(self) -> bool:
        """Was the release made by the definitions that this app scores with?"""
        return self.release is not None and self.release.model.get("definitions_hash") == catalogue.definitions_hash()


def opening_of(sid: str) -> Opening:
    """The launch of this path, if this browser owns it. Raises Problem `session_unknown`."""
    smart, ehr, launch = launch_of(sid)
    release = serving().current(ehr.name)
    return Opening(smart, ehr, launch, release, against_list(launch.context))


def page(opening: Opening, template: str, view: object, **more: Any) -> str:
    """A page of the room: `view` decides its words, the frame around it is the same for all."""
    release, context = opening.release, opening.launch.context
    notes = [NO_RELEASE] if release is None else [] if opening.has_our_definitions() else [OTHER_DEFINITIONS]
    notes += [NO_PAPER] if release is not None and view is None else []
    style = asked_style(opening.smart, opening.ehr, opening.launch) if context.style_url is not None else None
    return render_template(
        f"cohorts/{template}", view=view, notes=notes, release=release, as_of=day(release.as_of) if release else None,
        synthetic=opening.ehr.is_synthetic, patient=context.patient, why_hidden=WHY_HIDDEN,
        for_professionals=FOR_PROFESSIONALS if context.user_is_patients_side else None,
        **frame(opening.launch, style), **more,
    )  # fmt: skip
