"""What the pages of a launch share: address, style, and a reply that repeats its patient."""

from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass

from flask import Blueprint, Response, g, make_response, render_template

from app.chart.mark import HEADER
from app.chart.palette import stylesheet
from app.chart.reading import Reading, launch_of, read
from app.problems import Problem
from app.registry import Ehr
from app.security import form_token
from app.smart import Smart
from app.smart.style import Style
from app.smart.tokens import Launch
from app.turns import turns

BLUEPRINT = Blueprint("chart", __name__, url_prefix="/s/<sid>")
STYLE_SECONDS = 0.5  # that a page which is ready otherwise waits for the EHR's style


@BLUEPRINT.after_request
def repeat_patient(response: Response) -> Response:
    """Every reply of a launch repeats whose it is."""
    if "patient_mark" in g:
        response.headers[HEADER] = g.patient_mark
    return response


@dataclass(frozen=True)
class LaunchPage:
    """A page of a launch that is being made, while the EHR's style is asked for."""

    smart: Smart
    ehr: Ehr
    launch: Launch
    style: "Future[Style | None]"

    def read(self) -> Reading:
        """The launch's patient, read and scored now. Raises Problem, `no_patient` among them."""
        if self.launch.context.patient is None:
            raise Problem("no_patient", "page")
        return read(self.smart, self.ehr, self.launch)

    def show(self, template: str, *, status: int = 200, **parts: object) -> Response:
        """The page, in the frame that all pages of a launch have."""
        return make_response(render_template(template, **parts, **frame(self.launch, self.style)), status)


def launch_page(sid: str) -> LaunchPage:
    """For the launch of this path, with a turn at its EHR. Raises Problem `session_unknown`, `ehr_unreachable`."""
    smart, ehr, launch = launch_of(sid)
    return LaunchPage(smart, ehr, launch, asked_style(smart, ehr, launch))


def asked_style(smart: Smart, ehr: Ehr, launch: Launch) -> "Future[Style | None]":
    """The EHR's style, asked for in one of its threads. Raises Problem `ehr_unreachable` where too many wait for it."""
    turns().take(ehr)
    return turns().readers(ehr).submit(smart.styles.of, ehr, launch.context.style_url)


def frame(launch: Launch, style: "Future[Style | None] | None") -> dict[str, object]:
    """What each page of a launch holds: its id, form token, mark, and whether it has the EHR's style."""
    return {"sid": launch.sid, "form_token": form_token(launch.sid), "mark": g.patient_mark,
            "styled": style is not None and _is_usable(style)}  # fmt: skip


def _is_usable(style: "Future[Style | None]") -> bool:
    """Has the EHR a style of its own that can be used, and is it here already? Else the page keeps ours."""
    try:
        found = style.result(STYLE_SECONDS)
    except FutureTimeout:
        return False
    return found is not None and stylesheet(found) != ""
