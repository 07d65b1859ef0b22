"""Faults in what reads and searches say: another patient's resources, paging that leads astray, parameters refused."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
from werkzeug.wrappers import Response

from fhir_fixtures.ehr.faults.fault import Answer, Call, Fault, outcome
from fhir_fixtures.ehr.faults.fhir import is_resource, kind_of

OTHER_PATIENT = "somebody-else"
PAGE = "fault-page"

Json = dict[str, Any]


def _is_search(call: Call) -> bool:
    parts = call.path.strip("/").split("/")
    return is_resource(call) and (len(parts) < 3 or parts[2] == "_search")


def _body(response: Response) -> Json:
    found = orjson.loads(response.get_data()) if response.status_code == 200 else {}
    return found if isinstance(found, dict) else {}


def _but(change: Callable[[Call, Json], None], when: Callable[[Call], bool] = _is_search) -> Fault:
    """The fault that changes a good answer; of the type that the argument names, where it names one."""
    def fault(call: Call, answer: Answer) -> Response:
        response = answer()
        body = _body(response) if when(call) and call.argument in ("", kind_of(call)) else {}
        if body:
            change(call, body)
            response.set_data(orjson.dumps(body))
        return response

    return fault


def _search_500(call: Call, answer: Answer) -> Response:
    return outcome(500, "exception") if call.path.rstrip("/") == f"/fhir/{call.argument}" else answer()


# -- whose is it?


def _wrong_patient(call: Call, body: Json) -> None:
    """Patient/{id}, read or found, is somebody else."""
    for resource in [body, *(entry["resource"] for entry in body.get("entry", []))]:
        if resource["resourceType"] == "Patient":
            resource.update(id=OTHER_PATIENT, name=[{"family": "Else", "given": ["Somebody"]}])


def _other_patient(call: Call, body: Json) -> None:
    """The Bundle has one resource more than it should: somebody else's."""
    kind = kind_of(call)
    if kind and kind != "Patient":
        first = body.get("entry", [{"resource": {"resourceType": kind, "status": "final"}}])[0]["resource"]
        stranger = {**first, "id": "of-somebody-else"}
        stranger["patient" if "patient" in first else "subject"] = {"reference": f"Patient/{OTHER_PATIENT}"}
        entry = {"resource": stranger, "search": {"mode": "match"}}
        body["entry"] = [*body.get("entry", []), entry]


def _outcome_entry(call: Call, body: Json) -> None:
    """The Bundle says that something was withheld (FHIR R4 3.1.1.2)."""
    issue = {"severity": "warning", "code": "suppressed", "diagnostics": "A fault that was switched on."}
    entry = {"resource": {"resourceType": "OperationOutcome", "issue": [issue]}, "search": {"mode": "outcome"}}
    body["entry"] = [*body.get("entry", []), entry]


# -- where does it go on?


def _next(where: Callable[[Call, int], str]) -> Fault:
    """The fault that adds a next link to every Bundle (`where` gets the number of the page)."""
    def change(call: Call, body: Json) -> None:
        number = int(call.request.args.get(PAGE, 0))
        links = [link for link in body.get("link", []) if link["relation"] != "next"]
        body["link"] = [*links, {"relation": "next", "url": where(call, number)}]
        for entry in body.get("entry", []) if number else []:
            entry["resource"]["id"] += f"-{number}"  # so that pages do not look alike

    return _but(change)


def _same(call: Call, number: int) -> str:
    """This very search, marked as page `number`."""
    query = urlencode([*((k, v) for k, v in call.request.args.items(multi=True) if k != PAGE), (PAGE, number)])
    return f"{call.base}{call.path}?{query}"


def _foreign(call: Call, number: int) -> str:
    return _same(call, number + 1).replace(call.base, call.foreign)


def _disguised(call: Call, number: int) -> str:
    """Begins as the EHR's address does, yet everything before the @ is a user name."""
    ehr, foreign = urlsplit(call.base), urlsplit(call.foreign)
    return _foreign(call, number).replace(foreign.netloc, f"{ehr.netloc}@{foreign.netloc}", 1)


# -- what may be asked?


def _refuses(call: Call, answer: Answer) -> Response:
    """400 for a search that has this parameter."""
    asked = call.request.args if call.request.method == "GET" else call.form()
    return outcome(400, "not-supported") if _is_search(call) and call.argument in asked else answer()


def _ignores(call: Call, answer: Answer) -> Response:
    """The parameter has no effect and is missing in the self link, as FHIR allows."""
    if _is_search(call):
        kept = [(name, value) for name, value in call.request.args.items(multi=True) if name != call.argument]
        call.request.environ["QUERY_STRING"] = urlencode(kept)
    return answer()


SEARCH_FAULTS: dict[str, Fault] = {
    "search-500": _search_500,
    "search-refuses": _refuses,
    "search-ignores": _ignores,
    "search-other-patient": _but(_other_patient),
    "search-withheld": _but(_outcome_entry),
    "fhir-wrong-patient": _but(_wrong_patient, is_resource),
    "next-foreign": _next(_foreign),
    "next-disguised": _next(_disguised),
    "next-cycle": _next(lambda call, number: _same(call, 1 - min(number, 1))),
    "next-endless": _next(lambda call, number: _same(call, number + 1)),
    "next-relative": _next(lambda call, number: _same(call, number + 1).removeprefix(f"{call.base}/fhir/")),
    "next-nonsense": _next(lambda call, number: "http://["),
}
