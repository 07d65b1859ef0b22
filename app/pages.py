"""Pages that belong to no patient: start, errors, health, metrics. Errors speak our own words alone."""

import logging
import traceback

from flask import Flask, Response, current_app, g, jsonify, make_response, render_template, request, url_for
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app import audit, metrics
from app.api.problem import problem_json
from app.chart.mark import PARAMETER
from app.config import Config
from app.problems import Problem
from app.serving import Serving

LOG = logging.getLogger(__name__)
_BY_STATUS = {404: "not_found", 405: "method", 413: "too_large"}
API = "/api/"  # below it a program is asking


def install(app: Flask, config: Config) -> None:
    """Add the pages and the error handlers to an app."""
    app.add_url_rule("/", "start", start)
    app.add_url_rule("/closed", "closed", closed)
    app.add_url_rule("/healthz", "healthz", healthz)
    app.add_url_rule("/readyz", "readyz", readyz)
    app.add_url_rule("/metrics", "metrics", show_metrics)
    app.register_error_handler(Problem, show_problem)
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(Exception, _fault)


def start() -> str:
    """What this is, for someone who opened its address by hand."""
    return render_template("start.html")


def closed() -> str:
    """Where "Close this view" leads; shown in the EHR's frame, and holds nothing of any patient."""
    config: Config = current_app.extensions["config"]
    g.frame_ancestors = config.frame_ancestors
    return render_template("closed.html")


def show_problem(problem: Problem) -> Response:
    """One plain page, or its JSON to a program; the log gets the code and its fixed cause."""
    LOG.warning("problem %s cause=%s route=%s", problem.code, problem.cause or "-", request.endpoint)
    metrics.count("problems", problem.code)
    audit.record_refusal(current_app.extensions["smart"].engine, problem)
    if request.path.startswith(API):
        return problem_json(problem)
    # The page holds nothing but our own words and no control, so any registered EHR may show it in its frame:
    # a clinician must not meet an empty frame when we do not know (any more) which EHR it was.
    if request.endpoint in ("smart.launch", "smart.callback") or "sid" in (request.view_args or {}):
        config: Config = current_app.extensions["config"]
        g.frame_ancestors = g.get("frame_ancestors") or config.frame_ancestors
    if problem.code == "ehr_unreachable" and request.method == "GET" and "patient_mark" in g:
        # With the mark: without it some pages would take this link for another patient's.
        again = {**(request.view_args or {}), PARAMETER: g.patient_mark}
        g.again = url_for(request.endpoint or "chart.page", **again)
    return make_response(render_template("error.html", words=problem.words, code=problem.code), problem.words.status)


def _http_problem(error: HTTPException) -> Response:
    if error.code is not None and error.code >= 500:
        return _fault(error)
    code = _BY_STATUS.get(error.code or 400, "bad_request")
    response = show_problem(Problem(code, f"http_{error.code}"))
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))  # RFC 9110, 15.5.6
    return response


def _fault(error: Exception) -> Response:
    log_fault(error)
    return show_problem(Problem("internal", type(error).__name__))


def log_fault(error: Exception) -> None:
    """A fault of ours: the log gets the kind and the places of it, never its message, which may quote a patient."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    LOG.error("fault %s at %s", type(error).__name__, " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames)))


def healthz() -> Response:
    """This process answers."""
    return jsonify(status="ok")


def readyz() -> tuple[Response, int]:
    """Ready to show risk groups: the registry was checked at start, and the serving tables can be read."""
    serving: Serving = current_app.extensions["serving"]
    config: Config = current_app.extensions["config"]
    trouble = serving.trouble()
    state = {"registry": "ok", "ehrs": len(config.ehrs), "serving_database": trouble or "ok"}
    return jsonify(state), 503 if trouble else 200


def show_metrics() -> Response:
    """Counters in Prometheus' text format."""
    return Response(metrics.text(), content_type="text/plain; version=0.0.4; charset=utf-8")


