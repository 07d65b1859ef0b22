"""The cohort pages under `/s/<sid>/cohorts`: aggregates for every launch, lists of patients where it may have them."""

from flask import Blueprint, Response, make_response, request

from app import audit, metrics
from app.chart import repeat_patient
from app.chart.mark import check_form, check_mark
from app.cohorts import csv_files, group_resource
from app.cohorts.card import card as card_of
from app.cohorts.drill import drill as drill_of
from app.cohorts.evidence import evidence as evidence_of
from app.cohorts.opening import Opening, opening_of, page
from app.cohorts.overview import overview as overview_of
from app.cohorts.patients import HEAD, OPEN_IN_EHR, Listing, asked_of, listing, placed_as_of
from app.cohorts.profile import profile as profile_of
from app.cohorts.run import run as run_of
from app.problems import Problem

BLUEPRINT = Blueprint("cohorts", __name__, url_prefix="/s/<sid>/cohorts")
BLUEPRINT.after_request(repeat_patient)


@BLUEPRINT.get("/", endpoint="overview")
def show_overview(sid: str) -> str:
    """Map, groups, outcomes, and in which group the open patient is."""
    opening = opening_of(sid)
    view = overview_of(opening)
    if opening.rank_here() is not None and opening.release:
        audit.record(opening.smart.engine, "view", opening.launch, opening.release.release_id)
    return page(opening, "overview.html", view)


@BLUEPRINT.get("/profile", endpoint="profile")
def show_profile(sid: str) -> str:
    """What is usual in each group, outcomes, gaps, treatments."""
    opening = opening_of(sid)
    return page(opening, "profile.html", profile_of(opening))


@BLUEPRINT.get("/drill", endpoint="drill")
def show_drill(sid: str) -> tuple[str, int]:
    """The groups by sex, age band and condition."""
    opening = opening_of(sid)
    view = drill_of(opening, request.args)
    return page(opening, "drill.html", view), 400 if view and view.is_wrong else 200


@BLUEPRINT.get("/evidence", endpoint="evidence")
def show_evidence(sid: str) -> str:
    """Discrimination, calibration, screening, subgroups, earlier dates."""
    opening = opening_of(sid)
    return page(opening, "evidence.html", evidence_of(opening))


@BLUEPRINT.get("/run", endpoint="run")
def show_run(sid: str) -> str:
    """What was read, kept and dropped; what moved."""
    opening = opening_of(sid)
    return page(opening, "run.html", run_of(opening))


@BLUEPRINT.get("/card", endpoint="card")
def show_card(sid: str) -> str:
    """The model card."""
    opening = opening_of(sid)
    return page(opening, "card.html", card_of(opening))


@BLUEPRINT.get("/patients", endpoint="patients")
def show_patients(sid: str) -> str:
    """The clinician's own patients, or a group's members whom the EHR gives; or why there is no list."""
    opening = opening_of(sid)
    check_mark(opening.launch)
    view = listing(opening, asked_of(request.args), "list")
    metrics.count("patient_lists")
    return page(opening, "patients.html", view, head=HEAD, open_in_ehr=OPEN_IN_EHR, placed_as_of=placed_as_of(opening))


@BLUEPRINT.get("/csv/<name>")
def csv_file(sid: str, name: str) -> Response:
    """The numbers of a table."""
    opening = opening_of(sid)
    check_mark(opening.launch)
    lines = csv_files.lines_of(opening, name)
    if lines is None:
        raise Problem("not_found", "table")
    return _file(csv_files.written(lines), "text/csv; charset=utf-8", f"{_stem(opening)}-{name}.csv")


@BLUEPRINT.get("/group/<int:rank>")
def group_file(sid: str, rank: int) -> Response:
    """The definition of a group as FHIR Group."""
    opening = opening_of(sid)
    check_mark(opening.launch)
    group, release = opening.group(rank), opening.release
    if release is None:
        raise Problem("not_found", "release")
    body = group_resource.definition(release, group)
    return _file(body, "application/fhir+json", f"{_stem(opening)}-group-{rank}.json")


@BLUEPRINT.post("/patients/csv")
def patients_csv(sid: str) -> Response:
    """The patients of one page of a list, read again, under the same right."""
    opening, found = _listed_again(sid, "export")
    return _file(csv_files.written([HEAD, *found.rows]), "text/csv; charset=utf-8", f"{_stem(opening)}-patients.csv")


@BLUEPRINT.post("/patients/group")
def patients_group(sid: str) -> Response:
    """The patients of one page of a group's list as FHIR Group with members, on the click that asks for just that."""
    opening, found = _listed_again(sid, "export")
    release, rank = opening.release, found.asked.rank
    if release is None or rank is None or not found.identities:
        raise Problem("not_found", "nobody_listed")
    body = group_resource.members(release, opening.group(rank), opening.ehr, found.identities)
    return _file(body, "application/fhir+json", f"{_stem(opening)}-group-{rank}-members.json")


def _listed_again(sid: str, action: str) -> tuple[Opening, Listing]:
    """The list that a form names. Raises Problem where this launch may not have it, or it cannot be read."""
    opening = opening_of(sid)
    check_form(opening.launch)
    if opening.against is not None:
        raise Problem("not_found", opening.against)
    found = listing(opening, asked_of(request.form), action)
    if found.problem is not None:
        raise Problem("ehr_unreachable", "list")
    return opening, found


def _stem(opening: Opening) -> str:
    return f"kindred-{opening.release.release_id}" if opening.release else "kindred"


def _file(body: bytes, kind: str, name: str) -> Response:
    """A download that no cache keeps."""
    response = make_response(body)
    response.headers["Content-Type"] = kind
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response
