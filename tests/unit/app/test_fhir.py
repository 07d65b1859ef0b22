"""Reading the chart from servers that err, mislead or answer with somebody else."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from app.fhir import SEARCHED, Chart, ChartServer, read_chart
from app.problems import Problem
from app.smart.tokens import Context

MINE = {"resourceType": "Patient", "id": "p1"}
ALL = ("patient/*.rs",)


class NoToken(requests.auth.AuthBase):
    """Stands where the launch's Bearer stands; signs with a word that tests look for."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = "Bearer word"
        return request

    def renew_if_ending(self) -> None:
        return

    def used(self, _: requests.PreparedRequest) -> str:
        return "word"

    def refresh(self, _: str) -> None:
        raise Problem("session_ended", "no_refresh_token")


@pytest.fixture
def read(serve, ehr_at):
    """Read patient p1 from a server that answers by path; paths that are not given hold an empty Bundle."""

    def ask(answers: dict[str, Any], scopes: tuple[str, ...] = ALL, patient: str | None = "p1") -> tuple[Chart, Any]:
        def answer(path: str) -> Any:
            given = {"/fhir/Patient/p1": MINE, **answers}.get(path.replace("&_count=200", "").split("&_include")[0])
            if isinstance(given, int):
                return given, {}, b"an error that quotes MRN-1"
            return 200, {}, json.dumps(given if given is not None else bundle()).encode()

        here = serve(answer)
        with ThreadPoolExecutor(8) as pool:
            return read_chart(ChartServer(ehr_at(here.url), NoToken()), Context(patient, scopes=scopes), pool), here

    return ask


def bundle(*resources: Any, following: str | None = None) -> dict[str, Any]:
    links = [{"relation": "next", "url": following}] if following else []
    return {"resourceType": "Bundle", "link": links, "entry": [{"resource": one} for one in resources]}


def condition(number: int, patient: str = "Patient/p1") -> dict[str, Any]:
    return {"resourceType": "Condition", "id": str(number), "subject": {"reference": patient}}


CONDITIONS = "/fhir/Condition?patient=p1"


def whys(chart: Chart) -> dict[str, str]:
    return {one.resource_type: one.why for one in chart.unread}


def test_all_types_are_read_as_one_line_each(read) -> None:
    chart, here = read({CONDITIONS: bundle(condition(1), condition(2))})
    assert [json.loads(line)["resourceType"] for line in chart.lines] == ["Patient", "Condition", "Condition"]
    assert chart.unread == []
    asked = {path.split("?")[0].removeprefix("/fhir/") for _, path, *_ in here.requests}
    assert asked == {"Patient/p1", *SEARCHED}


def test_pages_are_followed_relative_or_absolute(read) -> None:
    chart, _ = read({CONDITIONS: bundle(condition(1), following="?page=2"), "/fhir/?page=2": bundle(condition(2))}
                    | {"/fhir/Condition?page=2": bundle(condition(2))})  # fmt: skip
    assert len(chart.lines) == 3 and chart.unread == []


def test_a_next_link_to_another_host_is_not_followed(read, serve) -> None:
    there = serve(lambda _: (200, {}, json.dumps(bundle(condition(2))).encode()))
    chart, _ = read({CONDITIONS: bundle(condition(1), following=f"{there.url}/fhir/page2")})
    assert whys(chart) == {"Condition": "refused"}
    assert there.requests == [] and len(chart.lines) == 1


def test_pages_that_lead_in_a_circle_end(read) -> None:
    chart, here = read({CONDITIONS: bundle(condition(1), following="/fhir/Condition?patient=p1&_count=200")})
    assert whys(chart) == {"Condition": "too_many_pages"}
    assert len(here.requests) < 12


@pytest.mark.parametrize("reference", ["Patient/p2", "https://elsewhere.example/Patient/p2", "Patient/p2/_history/1"])
def test_a_type_that_comes_with_somebody_elses_data_is_not_used(read, reference) -> None:
    chart, _ = read({CONDITIONS: bundle(condition(1), condition(2, reference))})
    assert whys(chart) == {"Condition": "other_patient"}
    assert len(chart.lines) == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [(403, "forbidden"), (404, "not_offered"), (500, "failed"), (400, "failed"), ({"resourceType": "X"}, "malformed"),
     ([], "malformed"), (302, "refused")],
)  # fmt: skip
def test_a_type_that_fails_is_named_and_the_rest_is_read(read, answer, why) -> None:
    chart, _ = read({"/fhir/Observation?patient=p1": answer, CONDITIONS: bundle(condition(1))})
    assert whys(chart) == {"Observation": why}
    assert len(chart.lines) == 2


def outcome(severity: str, code: str) -> dict[str, Any]:
    issue = {"severity": severity, "code": code, "diagnostics": "about MRN-1"}
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "processing"}, issue]}


@pytest.mark.parametrize(
    ("severity", "code", "why", "lines"),
    [
        ("warning", "processing", None, 2),
        ("warning", "suppressed", "narrowed", 2),  # withheld: what there is is used, and that there is more is said
        ("warning", "incomplete", "failed", 1),
        ("error", "exception", "failed", 1),
        ("fatal", "timeout", "failed", 1),
    ],
)
def test_an_ehr_that_says_that_results_are_missing_is_believed(
    read, severity: str, code: str, why: str | None, lines: int
) -> None:
    chart, _ = read({CONDITIONS: bundle(condition(1), outcome(severity, code))})
    assert (whys(chart).get("Condition"), len(chart.lines)) == (why, lines)


def test_what_was_not_granted_is_not_asked_for(read) -> None:
    chart, here = read({}, scopes=("patient/Patient.read", "patient/Condition.rs?category=problem-list-item"))
    assert whys(chart) == dict.fromkeys(SEARCHED, "not_granted") | {"Condition": "narrowed"}
    assert len(here.requests) == 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [({**MINE, "id": "p2"}, "patient_mismatch"), (404, "patient_unreadable"), (500, "patient_unreadable"),
     (401, "session_ended"), ({"resourceType": "Group", "id": "p1"}, "patient_unreadable")],
)  # fmt: skip
def test_without_the_patient_of_the_launch_there_is_no_chart(read, answer, code) -> None:
    with pytest.raises(Problem) as caught:
        read({"/fhir/Patient/p1": answer})
    assert caught.value.code == code
    assert "MRN" not in str(caught.value) + caught.value.cause


def test_without_a_patient_in_the_launch_nothing_is_asked(read) -> None:
    with pytest.raises(Problem, match="no_patient"):
        read({}, patient=None)
