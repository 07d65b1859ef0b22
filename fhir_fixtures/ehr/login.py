"""What a clinician sees when an app is started outside the chart: sign in, choose the patient, allow or deny."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from fhir_fixtures.ehr import scopes
from fhir_fixtures.ehr.authorize import back, error_page, grant_code
from fhir_fixtures.ehr.context import usual
from fhir_fixtures.ehr.sandbox import external_base, sandbox
from fhir_fixtures.ehr.vault import Launch

blueprint = Blueprint("login", __name__, url_prefix="/auth")

PAGE_ROWS = 20
PATIENT = "patient"  # signs in for themselves; which one, the next page asks
WORDS = {
    "launch/patient": "Know which patient you choose",
    "launch/encounter": "Know the patient's latest encounter",
    "openid": "Know who you are",
    "fhirUser": "Know your entry among the practitioners",
    "profile": "Know your profile",
    "offline_access": "Keep access when you are away",
    "online_access": "Keep access while you are signed in",
}
ACTIONS = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}

Answer = Response | str | tuple[str, int]


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Answer:
    """First page: which clinician, or is it a patient?"""
    key, login = _current()
    if login is None:
        return _over()
    chosen = request.form.get("clinician") if request.method == "POST" else None
    clinician = sandbox().clinician(chosen)
    if clinician is None and chosen != PATIENT:
        return render_template("sign_in.html", login=key, clinicians=sandbox().clinicians, app=_app_name(login))
    login["user"] = f"Practitioner/{clinician.id}" if clinician else PATIENT
    picker = clinician is None or _needs_patient(login)
    return redirect(url_for("login.choose_patient" if picker else "login.consent", login=key), 303)


@blueprint.route("/patient", methods=["GET", "POST"])
def choose_patient() -> Answer:
    """Second page, for `launch/patient` and for patients themselves: which patient?"""
    key, login = _current("user")
    if login is None:
        return _over()
    if request.method == "POST" and sandbox().store.person(request.form.get("patient", "")):
        login["patient"] = request.form["patient"]
        if login["user"] == PATIENT:
            login["user"] = f"Patient/{login['patient']}"
        return redirect(url_for("login.consent", login=key), 303)
    name = request.args.get("name", "")
    people = sandbox().store.people(name, limit=PAGE_ROWS)
    total = sandbox().store.count_people(name)
    return render_template("patient.html", login=key, people=people, name=name, total=total, app=_app_name(login))


@blueprint.route("/consent", methods=["GET", "POST"])
def consent() -> Answer:
    """Last page: which of the requested scopes does the clinician allow, if any?"""
    key, login = _current("user")
    if login is None or login["user"] == PATIENT or (_needs_patient(login) and "patient" not in login):
        return _over()
    if request.method == "GET":
        asked = [(word, in_words(word)) for word in login["words"]]
        return render_template("consent.html", login=key, asked=asked, app=_app_name(login))
    if sandbox().vault.logins.take(key) is None:  # a second click on the same page
        return _over()
    allowed = [word for word in login["words"] if word in request.form.getlist("scope")]
    if request.form.get("answer") != "allow" or not allowed:
        return back(login["asked"], error="access_denied", error_description="The clinician did not allow access.")
    patient = login.get("patient") if "launch/patient" in allowed else None
    encounter = sandbox().newest_encounter(patient) if patient else None
    launch = Launch(login["user"], patient, encounter, context=usual(external_base(request), patient, banner=True))
    return grant_code(sandbox().clients[login["client"]], login["asked"], allowed, launch)


def in_words(word: str) -> str:
    """A scope as a clinician would say it."""
    scope = scopes.parse(word)
    if scope is None:
        return WORDS.get(word, word)
    actions = " and ".join(ACTIONS[action] for action in scope.actions)
    what = "every kind of record" if scope.type == "*" else scope.type
    whose = "of the chosen patient" if scope.level == "patient" else "that you may see"
    category = f" (only {scope.category})" if scope.category else ""
    return f"{actions.capitalize()} {what} {whose}{category}"


def _current(*needed: str) -> tuple[str, dict[str, Any] | None]:
    """The login this browser began, with its key; None when it is over, another browser's, or a step was left out."""
    key = request.values.get("login", "")
    login = sandbox().vault.logins.get(key)
    if login is None or login["browser"] != session.get("browser") or not all(step in login for step in needed):
        return key, None
    return key, login


def _over() -> tuple[str, int]:
    return error_page("This sign-in is over or was begun in another window. Start the app again.")


def _needs_patient(login: dict[str, Any]) -> bool:
    return "launch/patient" in login["words"]


def _app_name(login: dict[str, Any]) -> str:
    return sandbox().clients[login["client"]].name
