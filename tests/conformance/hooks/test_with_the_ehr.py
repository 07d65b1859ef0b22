"""The embedded EHR and the app together: its calls are answered, its faults refused, and its chart always stands."""

from typing import Any

import pytest
import requests

from tests.conformance.hooks.caller import Caller, but_gaps
from tests.conformance.smart.browser import Browser
from tests.flow.people import ANA
from tests.flow.world import World, parameter

GROUP = "Risk group 2 of 2: Diabetes with high HbA1c"
LISINOPRIL = "Lisinopril: blood pressure 148/86 mmHg on 04-May-2026"


def answer(world: World, fault: str = "", patient: str = ANA) -> dict[str, Any]:
    base = world.ehr.with_fault(fault) if fault else world.ehr.base_url
    (one,) = requests.post(f"{base}/cds-hooks/patient-view", json={"patient": patient}, timeout=30).json()
    return dict(one)


@pytest.mark.parametrize("fault", ["", "hook-no-prefetch", "hook-no-token", "hook-drop", "hook-null", "hook-outcome",
                                   "hook-next"])  # fmt: skip
def test_a_call_ends_with_the_same_card_however_the_data_come(world: World, fault: str) -> None:
    one = answer(world, fault)
    assert one["status"] == 200
    assert [card["summary"] for card in but_gaps(one["body"]["cards"])] == [GROUP]


@pytest.mark.parametrize(("fault", "status", "code"), [
    ("hook-other-patient", 422, "other_patient"), ("hook-deep", 400, "bad_json"),
    ("hook-wrong-aud", 401, "unauthorized"), ("hook-expired", 401, "unauthorized"),
    ("hook-alg-none", 401, "unauthorized"), ("hook-hs256", 401, "unauthorized"),
    ("hook-other-key", 401, "unauthorized"), ("hook-foreign-jku", 401, "unauthorized"),
    ("hook-jwks-500", 401, "unauthorized"), ("hook-no-prefetch,search-500", 200, ""),
])  # fmt: skip
def test_a_fault_is_refused_and_the_chart_stands(world: World, fault: str, status: int, code: str) -> None:
    one = answer(world, fault)
    assert (one["status"], one["body"].get("error", "")) == (status, code)
    page = requests.get(f"{world.ehr.with_fault(fault)}/chart/{ANA}", timeout=30)
    assert page.status_code == 200 and "<iframe" in page.text


def test_a_replay_is_refused(world: World) -> None:
    assert [answer(world, "hook-replay")["status"] for _ in range(3)] == [200, 401, 401]


def test_the_chart_shows_the_card_opens_its_link_and_takes_a_no(caller: Caller, world: World) -> None:
    browser = Browser()
    chart = f"{world.ehr.base_url}/chart/{ANA}?clinician=sandbox-clinician-2"
    page = browser.get(chart).text
    assert GROUP in page and "Why this group, and how others fared" in page
    card = page.partition(GROUP)[2]
    link = card.partition('<p><a href="')[2].partition('"')[0].replace("&amp;", "&")
    opened = browser.get(f"{world.ehr.base_url}{link}").text
    launch = opened.partition('<iframe class="app"')[2].partition('src="')[2].partition('"')[0].replace("&amp;", "&")
    reply = browser.get(browser.callback(launch))
    assert reply.headers["Location"].endswith("/#group-title") and parameter(launch, "iss") == world.ehr.fhir_base
    action = card.partition('action="/cards/')[2].partition('"')[0]
    browser.http.post(f"{world.ehr.base_url}/cards/{action}", data={"reason": "known"}, timeout=30)
    assert GROUP not in browser.get(chart).text
    assert GROUP in browser.get(f"{world.ehr.base_url}/chart/{ANA}").text  # the first clinician still gets it
    browser.http.close()


def test_charts_that_open_all_at_once_do_not_wait_for_each_other_for_ever(world: World) -> None:
    """As many as the EHR has threads: each call reads from the EHR while the chart waits for the call."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(12) as pool:
        pages = list(pool.map(lambda _: requests.get(f"{world.ehr.with_fault('hook-no-prefetch')}/chart/{ANA}",
                                                     timeout=30), range(12)))  # fmt: skip
    assert {page.status_code for page in pages} == {200}
    assert max(page.elapsed.total_seconds() for page in pages) < 20


@pytest.mark.parametrize("fault", ["", "hook-no-prefetch", "hook-no-token", "hook-drop", "hook-next"])
def test_a_selected_order_ends_with_the_same_cards_however_the_data_come(world: World, fault: str) -> None:
    base = world.ehr.with_fault(fault) if fault else world.ehr.base_url
    asked = {"patient": ANA, "medicine": "314076"}
    for _ in range(10):  # the EHR gives a service up after two seconds, and asks again when the order is selected again
        (one,) = requests.post(f"{base}/cds-hooks/order-select", json=asked, timeout=30).json()
        if one["status"]:
            break
    assert [card["summary"] for card in one["body"]["cards"]] == [LISINOPRIL]


def test_the_chart_shows_the_cards_of_a_selected_order_and_its_link_opens_the_scores(world: World) -> None:
    browser = Browser()
    pages = (browser.get(f"{world.ehr.base_url}/chart/{ANA}?order=314076").text for _ in range(10))
    card = next(page for page in pages if LISINOPRIL in page).partition(LISINOPRIL)[2]
    link = card.partition('<p><a href="')[2].partition('"')[0].replace("&amp;", "&")
    opened = browser.get(f"{world.ehr.base_url}{link}").text
    launch = opened.partition('<iframe class="app"')[2].partition('src="')[2].partition('"')[0].replace("&amp;", "&")
    assert browser.get(browser.callback(launch)).headers["Location"].endswith("/#scores-title")
    browser.http.close()
