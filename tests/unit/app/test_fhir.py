"""Reading the chart from servers that err, mislead or answer with somebody else."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from app.fhir import SEARCHED, Chart, Unread, queries, read_chart
from app.problems import Problem
from app.searches import ChartServer, Unreadable, is_of_another, search
from app.smart.scopes import Granted
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

    def ask(
        answers: dict[str, Any], scopes: tuple[str, ...] = ALL, patient: str | None = "p1", **changes: Any
    ) -> tuple[Chart, Any]:
        def answer(path: str) -> Any:
            given = {"/fhir/Patient/p1": MINE, **answers}.get(path.replace("&_count=200", "").split("&_include")[0])
            if callable(given):
                given = given()
            if isinstance(given, tuple):
                return given
            if isinstance(given, int):
                return given, {}, b"an error that quotes MRN-1"
            if isinstance(given, bytes):
                return 200, {"Content-Type": "text/html"}, given
            return 200, {}, json.dumps(given if given is not None else bundle()).encode()

        here = serve(answer)
        with ThreadPoolExecutor(8) as pool:
            server = ChartServer(ehr_at(here.url, **changes), NoToken())
            return read_chart(server, Context(patient, scopes=scopes), pool), here

    return ask


def bundle(*resources: Any, following: str | None = None) -> dict[str, Any]:
    links = [{"relation": "next", "url": following}] if following else []
    return {"resourceType": "Bundle", "link": links, "entry": [{"resource": one} for one in resources]}


def condition(number: int, patient: str = "Patient/p1") -> dict[str, Any]:
    return {"resourceType": "Condition", "id": str(number), "subject": {"reference": patient}}


CONDITIONS = "/fhir/Condition?patient=p1"
OUTCOME = b'{"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-supported"}]}'


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


def test_a_next_link_to_a_registered_host_is_followed(read, serve) -> None:
    there = serve(lambda _: (200, {}, json.dumps(bundle(condition(2))).encode()))
    chart, _ = read({CONDITIONS: bundle(condition(1), following=f"{there.url}/page2")}, hosts=(there.url,))
    assert chart.unread == [] and len(chart.lines) == 3
    assert there.requests[0][2]["Authorization"] == "Bearer word"


@pytest.mark.parametrize(
    "link", ["/other/Condition?page=2", "/fhir2/Condition", "../x", "/fhir/%2e%2e/x", "javascript:1", "http://[x",
             "http://a:b@127.0.0.1/fhir/x", "file:///etc/passwd"],
)  # fmt: skip
def test_a_next_link_beside_the_fhir_base_is_not_followed(read, link: str) -> None:
    chart, here = read({CONDITIONS: bundle(condition(1), following=link)})
    assert whys(chart) == {"Condition": "refused"}
    assert len(here.requests) == 1 + len(SEARCHED)


@pytest.mark.parametrize(("limit", "value"), [("MAX_PAGES", 3), ("MAX_SEARCH_BYTES", 500)])
def test_pages_without_an_end_have_one(read, monkeypatch, limit: str, value: int) -> None:
    monkeypatch.setattr(f"app.searches.{limit}", value)
    endless = {f"/fhir/Condition?{page}": bundle(condition(1), following=f"/fhir/Condition?{page + 1}")
               for page in range(200)}  # fmt: skip
    chart, here = read(endless | {CONDITIONS: bundle(following="/fhir/Condition?0")})
    assert whys(chart) == {"Condition": "too_many_pages"}
    assert len(here.requests) < 2 * len(SEARCHED)


def test_nothing_is_asked_when_the_time_is_over(serve, ehr_at) -> None:
    here = serve(lambda _: (200, {}, json.dumps(bundle()).encode()))
    with pytest.raises(Unreadable, match="too_slow"):
        search(ChartServer(ehr_at(here.url), NoToken()), "Condition?patient=p1", "p1", time.monotonic() - 1)
    assert here.requests == []


def test_a_page_that_has_gone_is_an_error_not_a_type_that_is_not_offered(read) -> None:
    chart, _ = read({CONDITIONS: bundle(condition(1), following="/fhir/Condition?2"), "/fhir/Condition?2": 404})
    assert whys(chart) == {"Condition": "failed"}


def test_pages_that_lead_in_a_circle_end(read) -> None:
    chart, here = read({CONDITIONS: bundle(condition(1), following="/fhir/Condition?patient=p1&_count=200")})
    assert whys(chart) == {"Condition": "too_many_pages"}
    assert len(here.requests) < 12


@pytest.mark.parametrize("reference", [
    "Patient/p2", "https://elsewhere.example/Patient/p2", "Patient/p2/_history/1", "Patient/p11", "Patient/P1",
    "Patient/", "Patient/p1/../p2", "https://elsewhere.example/fhir/Patient/p1", "Patient/p1?x",
    "Patient/p2#Patient/p1",
])  # fmt: skip
def test_a_type_that_comes_with_somebody_elses_data_is_not_used(read, reference) -> None:
    chart, _ = read({CONDITIONS: bundle(condition(1), condition(2, reference))})
    assert whys(chart) == {"Condition": "other_patient"}
    assert len(chart.lines) == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (403, "forbidden"), (404, "not_offered"), (405, "not_offered"), (501, "not_offered"), (500, "failed"),
        (400, "failed"), (410, "failed"), (422, "failed"), (429, "busy"), (503, "busy"), (302, "refused"),
        ((400, {}, OUTCOME), "not_offered"), ((404, {}, OUTCOME), "not_offered"), (OUTCOME, "not_offered"),
        ({"resourceType": "OperationOutcome", "issue": [{"code": "exception"}]}, "failed"),
        ({"resourceType": "OperationOutcome", "issue": "none"}, "failed"),
        ({"resourceType": "X"}, "malformed"), ([], "malformed"), ({}, "malformed"), (b"", "malformed"),
        (b"<html>Please sign in</html>", "malformed"), (b"<Bundle xmlns='http://hl7.org/fhir'/>", "malformed"),
        (b"{" * 5000, "malformed"), (b'{"resourceType": "Bundle"', "malformed"), (b"\xff\xfe", "malformed"),
        ({"resourceType": "Bundle", "type": "transaction"}, "malformed"),
        ({"resourceType": "Bundle", "type": "collection"}, "malformed"),
        ({"resourceType": "Bundle", "entry": {"resource": condition(2)}}, "malformed"),  # as XML turned to JSON has it
        ({"resourceType": "Bundle", "entry": [None]}, "malformed"),
        ({"resourceType": "Bundle", "entry": [{"fullUrl": "https://ehr.example/fhir/Observation/2"}]}, "malformed"),
        ({"resourceType": "Bundle", "entry": [{"resource": 7}]}, "malformed"),
        ({"resourceType": "Bundle", "link": "no"}, "malformed"),
        ({"resourceType": "Bundle", "link": [{"relation": "next"}]}, "malformed"),
        ({"resourceType": "Bundle", "total": 1}, "cut"),
        ((200, {"X-Hang-Up": "1"}, b""), "no_answer"),
        ((200, {"Content-Length": "50", "Connection": "close"}, b"{}"), "no_answer"),
    ],
)  # fmt: skip
def test_a_type_that_fails_is_named_and_the_rest_is_read(read, monkeypatch, answer, why) -> None:
    monkeypatch.setattr("app.outgoing.PAUSE_SECONDS", 0.0)
    chart, _ = read({"/fhir/Observation?patient=p1": answer, CONDITIONS: bundle(condition(1))})
    assert whys(chart) == {"Observation": why}
    assert len(chart.lines) == 2


@pytest.mark.parametrize(
    "page",
    [
        {"resourceType": "Bundle", "type": "searchset"},
        {"resourceType": "Bundle", "type": "searchset", "entry": None, "total": 0},
        {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Basic"}}]},
        {"resourceType": "Bundle", "link": [{"relation": "self", "url": "/x"}]},
    ],
)
def test_a_page_without_anything_of_use_is_an_empty_one(read, page) -> None:
    chart, _ = read({CONDITIONS: page})
    assert chart.unread == [] and len(chart.lines) == 1


def test_json_is_read_whatever_it_is_called(read) -> None:
    chart, _ = read({CONDITIONS: json.dumps(bundle(condition(1))).encode()})  # as text/html
    assert chart.unread == [] and len(chart.lines) == 2


def test_the_record_of_another_person_among_the_results_ends_the_page(read) -> None:
    with pytest.raises(Problem) as caught:
        read({CONDITIONS: bundle(condition(1), {"resourceType": "Patient", "id": "p2"})})
    assert (caught.value.code, caught.value.cause) == ("patient_mismatch", "search")


@pytest.mark.parametrize("mode", ["match", "include", "outcome", None])
def test_what_is_told_as_found_is_of_the_type_asked_for(read, mode) -> None:
    """Else it answers another question, and what was asked for is not known to be none."""
    page = bundle({"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/p1"}})
    page["entry"][0] |= {"search": {"mode": mode}} if mode else {}
    chart, _ = read({CONDITIONS: page})
    assert chart.unread == ([Unread("Condition", "malformed")] if mode == "match" else [])


@pytest.mark.parametrize("base", ["https://ehr.example/fhir/tenant-2", "https://ehr.example/fhir2",
                                  "https://ehr.example", "https://ehr.example:8443/fhir"])  # fmt: skip
def test_the_same_id_under_another_base_of_the_same_host_is_another_person(ehr_at, base: str) -> None:
    assert is_of_another({"subject": {"reference": f"{base}/Patient/p1"}}, "p1", ehr_at("https://ehr.example"))


@pytest.mark.parametrize(
    ("totals", "whys_"),
    [((3, 3), {"Condition": "cut"}), ((2, 2), {}), ((3, 2), {}), ((2, None), {}), ((3, None), {"Condition": "cut"})],
)
def test_fewer_results_than_the_ehr_says_there_are_is_not_all_of_them(read, totals, whys_) -> None:
    first, second = ({"total": total} if total is not None else {} for total in totals)
    answers = {CONDITIONS: bundle(condition(1), following="/fhir/Condition?2") | first,
               "/fhir/Condition?2": bundle(condition(2)) | second}  # fmt: skip
    assert whys(read(answers)[0]) == whys_


@pytest.mark.parametrize("key", ["subject", "patient"])
def test_both_ways_of_naming_a_patient_are_looked_at(ehr_at, key: str) -> None:
    resource = {"subject": {"reference": "Patient/p1"}, "patient": {"reference": "Patient/p1"}}
    resource[key] = {"reference": "Patient/p2"}
    assert is_of_another(resource, "p1", ehr_at("https://ehr.example"))


@pytest.mark.parametrize(
    "about",
    [
        {"reference": "Patient/p1"}, {"reference": "https://ehr.example/fhir/Patient/p1"},
        {"reference": "Patient/p1/_history/3"}, {"reference": "http://ehr.example/fhir/Patient/p1"},
        {"reference": "urn:uuid:1"}, {"reference": "Group/g1"}, {"reference": 7}, {"display": "Ana"}, "Patient/p2",
        None,
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["subject", "patient"])
def test_what_is_about_the_patient_or_does_not_say_is_used(ehr_at, key: str, about: Any) -> None:
    ehr = ehr_at("https://ehr.example", hosts=("https://files.example",))
    assert not is_of_another({"resourceType": "Condition", key: about}, "p1", ehr)


def outcome(severity: str, code: str) -> dict[str, Any]:
    issue = {"severity": severity, "code": code, "diagnostics": "about MRN-1"}
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "processing"}, issue]}


@pytest.mark.parametrize(
    ("severity", "code", "why", "lines"),
    [
        ("warning", "processing", None, 2),
        ("warning", "suppressed", "narrowed", 2),  # withheld: what there is is used, and that there is more is said
        ("warning", "forbidden", "narrowed", 2),
        ("information", "security", "narrowed", 2),
        ("warning", "incomplete", "failed", 1),
        ("warning", "too-costly", "failed", 1),
        ("warning", "timeout", "failed", 1),
        ("warning", "throttled", "failed", 1),
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
    asked = {path for _, path, *_ in here.requests}
    assert asked == {"/fhir/Patient/p1", "/fhir/Condition?patient=p1&_count=200&category=problem-list-item"}


def test_each_granted_part_is_searched_for_and_what_stands_in_two_counts_once(read) -> None:
    one, two = "patient/Condition.rs?category=problem-list-item", "patient/Condition.rs?category=encounter-diagnosis"
    answers = {f"{CONDITIONS}&category=problem-list-item": bundle(condition(1), condition(2)),
               f"{CONDITIONS}&category=encounter-diagnosis": bundle(condition(2), condition(3))}  # fmt: skip
    chart, _ = read(answers, scopes=("patient/Patient.r", one, two))
    assert [json.loads(line)["id"] for line in chart.lines] == ["p1", "1", "2", "3"]
    assert chart.unread[0] == Unread("Condition", "narrowed", ("problem-list-item", "encounter-diagnosis"))


def test_a_part_that_fails_takes_the_type_with_it(read) -> None:
    one, two = "patient/Condition.rs?category=a", "patient/Condition.rs?category=b"
    chart, _ = read({f"{CONDITIONS}&category=b": 403}, scopes=("patient/Patient.r", one, two))
    assert whys(chart)["Condition"] == "forbidden" and len(chart.lines) == 1


def test_a_type_in_more_parts_than_can_be_asked_for_is_read_in_part_and_said(read) -> None:
    scopes = ("patient/Patient.r", *(f"patient/Condition.rs?category={number}" for number in range(25)))
    chart, here = read({f"{CONDITIONS}&category=19": bundle(condition(19))}, scopes=scopes)
    asked = [path.rpartition("=")[2] for _, path, *_ in here.requests if "/Condition" in path]
    assert sorted(asked, key=int) == [str(number) for number in range(20)]
    assert chart.unread[0] == Unread("Condition", "too_many_parts", count=5) and len(chart.lines) == 2


@pytest.mark.parametrize(
    ("granted", "asked"),
    [
        ("patient/MedicationRequest.rs", ["MedicationRequest?patient=p1&_count=200"]),
        (
            "patient/MedicationRequest.rs patient/Medication.r",
            ["MedicationRequest?patient=p1&_count=200&_include=MedicationRequest:medication"],
        ),
        ("patient/MedicationRequest.r", []),
        ("patient/MedicationRequest.rs?status=active", ["MedicationRequest?patient=p1&_count=200&status=active"]),
        ("patient/MedicationRequest.rs?patient=p2", []),
    ],
)
def test_the_grant_decides_what_is_asked(granted: str, asked: list[str]) -> None:
    assert queries("MedicationRequest", "p1", Granted(tuple(granted.split()))) == asked


def test_headers_that_the_registry_asks_for_are_sent(read) -> None:
    _, here = read({}, headers={"Epic-Client-ID": "abc"})
    assert {headers["Epic-Client-ID"] for _, _, headers, _ in here.requests} == {"abc"}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({**MINE, "id": "p2"}, "patient_mismatch"), ({"resourceType": "Patient"}, "patient_mismatch"),
        (404, "patient_unreadable"), (410, "patient_unreadable"), (403, "patient_unreadable"),
        (500, "patient_unreadable"), (b"", "patient_unreadable"), (b"<html>", "patient_unreadable"),
        (OUTCOME, "patient_unreadable"), ([MINE], "patient_unreadable"), (302, "patient_unreadable"),
        ({"resourceType": "Group", "id": "p1"}, "patient_unreadable"),
        ({**MINE, "link": [{"other": {"reference": "Patient/p2"}, "type": "replaced-by"}]}, "patient_replaced"),
        (503, "ehr_unreachable"), ((200, {"X-Hang-Up": "1"}, b""), "ehr_unreachable"),
        (401, "session_ended"), ((401, {"Content-Type": "text/plain"}, b"no MRN-1"), "session_ended"),
    ],
)  # fmt: skip
def test_without_the_patient_of_the_launch_there_is_no_chart(read, monkeypatch, answer, code) -> None:
    monkeypatch.setattr("app.outgoing.PAUSE_SECONDS", 0.0)
    with pytest.raises(Problem) as caught:
        read({"/fhir/Patient/p1": answer})
    assert caught.value.code == code
    assert "MRN" not in str(caught.value) + caught.value.cause


def test_without_a_patient_in_the_launch_nothing_is_asked(read) -> None:
    with pytest.raises(Problem, match="no_patient"):
        read({}, patient=None)


def test_an_id_that_is_no_text_ends_nothing() -> None:
    from app.fhir import each_once

    odd = [{"resourceType": "Observation", "id": ["x"]}, {"resourceType": ["y"], "id": "1"}, {"id": {}}]
    assert list(each_once([*odd, odd[1]])) == odd
