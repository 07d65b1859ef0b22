"""CDS Hooks 2.0, "Discovery", "Prefetch Template" and "Cross-Origin Resource Sharing"."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
import requests

from analytics.definitions import catalogue
from tests.conformance.hooks.caller import FEEDBACK, SERVICE, Caller
from tests.conformance.hooks.conftest import OTHER_PAGE, PAGE
from tests.conformance.hooks.orders import SELECT
from tests.flow.world import TODAY

READ = r"[A-Z][A-Za-z]+/\{\{context\.patientId\}\}"
DATE = r"&date=(eq|lt|gt|ge|le)\d{4}-\d\d-\d\d"
SEARCH = rf"[A-Z][A-Za-z]+\?patient=\{{\{{context\.patientId\}}\}}(&_count=\d+|{DATE}|&code=[^&]+)*"


def test_each_service_has_what_the_table_requires_and_no_empty_member(caller: Caller) -> None:
    services = caller.services()
    for service in services:
        assert set(service) == {"hook", "id", "title", "description", "usageRequirements", "prefetch"}
        assert all(service.values())
    named = {"patient-view": SERVICE.rsplit("/", 1)[1], "order-select": SELECT.rsplit("/", 1)[1]}
    assert {one["hook"]: one["id"] for one in services} == named


def test_the_services_ask_for_the_same_so_that_an_ehr_brings_it_once(caller: Caller) -> None:
    view, select = caller.services()
    assert view["prefetch"] == select["prefetch"]


def test_templates_use_the_recommended_subset_alone(caller: Caller) -> None:
    for template in caller.services()[0]["prefetch"].values():
        assert re.fullmatch(f"{READ}|{SEARCH}", template), template


def test_templates_are_dated_where_the_definitions_look_back_for_a_time_only(caller: Caller) -> None:
    templates = caller.services()[0]["prefetch"]
    dates = {key: date.fromisoformat(template.partition("&date=ge")[2]) for key, template in templates.items()
             if "&date=ge" in template}  # fmt: skip
    assert set(dates) == {"observations", "encounters"}
    longest = max(feature.window_days for feature in catalogue.features().values())
    assert {TODAY - day > timedelta(days=longest) for day in dates.values()} == {True}
    assert "http://loinc.org|72166-2" in templates["lasting-observations"]  # a smoking status holds until the next one


def test_discovery_needs_no_jwt_and_takes_one(caller: Caller) -> None:
    headers = {"Authorization": f"Bearer {caller.jwt('/cds-services')}"}
    assert requests.get(f"{caller.app_url}/cds-services", headers=headers, timeout=30).status_code == 200


@pytest.mark.parametrize("path", ["/cds-services", SERVICE, FEEDBACK])
def test_a_registered_page_may_ask_before_it_calls(caller: Caller, path: str) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "authorization, content-type"}  # fmt: skip
    reply = requests.options(f"{caller.app_url}{path}", headers=asked, timeout=30)
    assert reply.status_code == 200
    assert reply.headers["Access-Control-Allow-Origin"] == PAGE
    assert reply.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    assert "POST" in reply.headers["Access-Control-Allow-Methods"]
    assert "Origin" in reply.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in reply.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", PAGE + ".evil.example", PAGE.upper()])
def test_no_other_page_may_call(caller: Caller, origin: str) -> None:
    for method, path in (("OPTIONS", SERVICE), ("POST", SERVICE), ("GET", "/cds-services")):
        headers = {"Origin": origin, "Authorization": f"Bearer {caller.jwt()}"}
        reply = requests.request(method, f"{caller.app_url}{path}", headers=headers, timeout=30)
        assert reply.status_code == 403
        assert "Access-Control-Allow-Origin" not in reply.headers


def test_a_page_of_one_ehr_cannot_use_the_jwt_of_another(caller: Caller) -> None:
    assert caller.call(headers={"Origin": PAGE}).status_code == 200
    assert caller.call(headers={"Origin": OTHER_PAGE}).status_code == 403


def test_a_cookie_of_a_launch_counts_for_nothing(caller: Caller) -> None:
    reply = caller.call(token="", headers={"Cookie": "kindred=" + "b" * 43, "Authorization": ""})
    assert reply.status_code == 401


@pytest.mark.parametrize(("method", "path", "status"), [
    ("POST", "/cds-services/other", 404), ("POST", "/cds-services/other/feedback", 404), ("GET", SERVICE, 405),
    ("GET", "/cds-services/other/", 405),
])  # fmt: skip
def test_what_is_not_there_is_said(caller: Caller, method: str, path: str, status: int) -> None:
    headers: dict[str, Any] = {"Authorization": f"Bearer {caller.jwt(path)}", "Content-Type": "application/json"}
    reply = requests.request(method, f"{caller.app_url}{path}", headers=headers, data="{}", timeout=30)
    assert reply.status_code == status
