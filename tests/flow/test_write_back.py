"""Write-back over real HTTP on both sides: what one click stores, and what no click can."""

import html
import json
import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from fhir.resources.R4B import get_fhir_model_class

from app import outgoing
from app.write_back import ledger
from app.write_back.writer import Writer
from fhir_fixtures.ehr.clients import APP_SCOPES
from tests.flow.people import ANA, BEN, EVA
from tests.flow.published import RELEASE_ID, model, publish
from tests.flow.world import SECONDS, World, parameter, running

REFUSALS = {
    "create-400=RiskAssessment": "This EHR does not accept it", "create-403": "The EHR did not allow it",
    "create-404": "This EHR does not accept it", "create-405": "This EHR does not accept it",
    "create-422": "The EHR refused its content", "create-429": "The EHR is too busy",
}  # fmt: skip
UNSAID = {  # the EHR has stored it, and does not say so: the search afterwards tells
    "create-500-stored", "create-outcome-201", "create-slow=2", "create-cut", "create-foreign-location",
    "create-no-location",
}  # fmt: skip
UNKNOWN = {"create-500", "create-redirect"}
OTHERS = {
    "create-412",
    "create-401-once", "create-other-patient", "create-unconditional,create-late=2",
    "case=both,create-unconditional", "create-403=Provenance",
    "create-cut=Provenance,case=named", "search-ignores=identifier", "fhir-404=RiskAssessment",
    "search-500=Observation", "search-500=Condition",
}  # fmt: skip
FAULTS = {re.sub("[^a-z0-9]", "_", fault.lower()): fault for fault in (*REFUSALS, *UNSAID, *UNKNOWN, *OTHERS)}
NAMES = {fault: name for name, fault in FAULTS.items()}
BUTTON = "Write this to the chart"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One EHR for each fault, and each with a release."""
    folder = tmp_path_factory.mktemp("world")
    publish(folder / "kindred.db", "sandbox", model())
    with sqlite3.connect(folder / "kindred.db") as db:
        (row,) = db.execute("SELECT * FROM release").fetchall()
        for name in FAULTS:
            db.execute(f"INSERT INTO release VALUES ({', '.join('?' * len(row))})", (f"for-{name}", name, *row[2:]))
            db.execute("INSERT INTO current_release VALUES (?, ?)", (name, f"for-{name}"))
    db.close()
    with running(folder, FAULTS) as both:
        yield both


def at(world: World, browser: requests.Session, fault: str, patient: str = ANA) -> requests.Response:
    """The write-back page after a launch from the EHR with this fault."""
    handle = parameter(world.launch_url(patient), "launch")
    issuer = world.config.ehrs[NAMES[fault]].issuer
    return _page(browser, f"{world.app_url}/launch?" + urlencode({"iss": issuer, "launch": handle}))


def opened(world: World, browser: requests.Session, patient: str = ANA, **context: Any) -> requests.Response:
    return _page(browser, world.launch_url(patient, **context))


def _page(browser: requests.Session, launch: str) -> requests.Response:
    chart = browser.get(launch, timeout=SECONDS).url.split("#")[0]
    return browser.get(f"{chart}write-back", timeout=SECONDS)


def fields_of(page: requests.Response) -> dict[str, str]:
    """The fields of the form that writes; without `shown` where there is none."""
    form = page.text.split("<footer>")[0]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))


def click(browser: requests.Session, page: requests.Response, **changes: str) -> requests.Response:
    headers = {"Origin": page.url.split("/s/")[0]}
    return browser.post(page.url, fields_of(page) | changes, headers=headers, allow_redirects=False, timeout=SECONDS)


def shown(page: requests.Response, kind: str) -> str:
    """The JSON on the page, as it stands there."""
    found = re.search(rf'aria-label="{kind} as JSON">(.*?)</pre>', page.text, re.S)
    assert found, page.text
    return html.unescape(found[1])


def stored(world: World, kind: str, patient: str = ANA) -> list[dict[str, Any]]:
    """What the EHR has of a type for a patient."""
    with sqlite3.connect(world.ehr.app.extensions["sandbox"].store.path) as db:
        rows = db.execute("SELECT body FROM resource WHERE type = ? AND patient = ? AND current", (kind, patient))
        found = [json.loads(row[0]) for row in rows]
    db.close()
    return found


def stored_under(world: World, page: requests.Response) -> list[dict[str, Any]]:
    """The RiskAssessments that the EHR has of the identifier on this page: faults share one store."""
    identifier = json.loads(shown(page, "RiskAssessment"))["identifier"]
    return [one for one in stored(world, "RiskAssessment") if one["identifier"] == identifier]


def audited(world: World) -> list[tuple[str, str, str]]:
    with sqlite3.connect(world.home / "app.db") as db:
        rows = db.execute("SELECT action, outcome, detail FROM audit WHERE action IN ('write', 'refused')").fetchall()
    db.close()
    return rows


class TestOneClick:
    def test_writes_what_was_shown_and_nothing_else(self, world, browser) -> None:
        page = opened(world, browser)
        before = json.loads(shown(page, "RiskAssessment"))
        about = json.loads(shown(page, "Provenance"))
        done = click(browser, page)
        assert (done.status_code, "Written to the chart" in done.text) == (200, True)
        (written,), (named,) = stored(world, "RiskAssessment"), stored(world, "Provenance")
        assert f"RiskAssessment/{written['id']}, version 1" in done.text
        assert f"Provenance/{named['id']}" in done.text
        assert {key: value for key, value in written.items() if key not in ("id", "meta")} == before
        assert named["target"] == [{"reference": f"RiskAssessment/{written['id']}"}]
        assert {**named, "target": about["target"], "recorded": about["recorded"]} == about | {
            "id": named["id"], "meta": named["meta"],
        }  # fmt: skip
        for resource in (written, named):
            get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        assert [row[2] for row in audited(world)] == [
            "RiskAssessment sent", "RiskAssessment written", "Provenance sent", "Provenance written",
        ]  # fmt: skip

    def test_a_second_click_window_and_launch_write_nothing_again_and_say_so(self, world, browser) -> None:
        first, second = opened(world, browser, BEN), opened(world, browser, BEN)
        assert "Written to the chart" in click(browser, first).text
        for page in (first, second):
            again = click(browser, page)
            assert (again.status_code, "It was in the chart already" in again.text) == (200, True)
        third = opened(world, browser, BEN)
        assert "It was in the chart already" in third.text and BUTTON not in third.text
        assert len(stored(world, "RiskAssessment", BEN)) == len(stored(world, "Provenance", BEN)) == 1

    def test_two_windows_at_the_same_time_write_once_at_an_ehr_without_conditional_create(self, world, browser) -> None:
        pages = [at(world, browser, "create-unconditional,create-late=2") for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            said = list(pool.map(lambda page: click(browser, page).text, pages))
        assert sum("Written to the chart" in text for text in said) == 1
        assert all(BUTTON not in text for text in said)
        assert len(stored_under(world, pages[0])) == 1

    def test_two_windows_that_both_found_nothing_write_once(self, world, browser, monkeypatch) -> None:
        pages = [at(world, browser, "case=both,create-unconditional") for _ in range(4)]
        monkeypatch.setattr(Writer, "there", lambda _: None)
        with ThreadPoolExecutor(4) as pool:
            said = list(pool.map(lambda page: click(browser, page).text, pages))
        assert sum("Written to the chart" in text for text in said) == 1
        assert sum("It is being written just now" in text for text in said) == 3
        assert len(stored_under(world, pages[0])) == 1

    def test_an_expired_token_is_refreshed_and_the_resource_sent_once_more(self, world, browser) -> None:
        page = at(world, browser, "create-401-once")
        assert "Written to the chart" in click(browser, page).text
        assert len(stored_under(world, page)) == 1


class TestAnEhrThat:
    @pytest.mark.parametrize("fault", REFUSALS)
    def test_refuses_is_told_in_words_and_can_be_asked_again(self, world, browser, fault) -> None:
        page = at(world, browser, fault)
        for _ in range(2):
            done = click(browser, page)
            assert REFUSALS[fault] in done.text and done.status_code >= 400
        assert stored_under(world, page) == []
        assert "A fault that was switched on" not in done.text

    @pytest.mark.parametrize("fault", sorted(UNSAID))
    def test_stored_it_without_saying_so_is_looked_at_and_not_asked_again(
        self, world, browser, monkeypatch, fault
    ) -> None:
        page = at(world, browser, fault)
        monkeypatch.setattr(outgoing, "READ_SECONDS", 0.5)
        creates = world.requests_seen.count("/fhir/RiskAssessment")
        done = click(browser, page)
        (written,) = stored_under(world, page)
        assert "Written to the chart" in done.text and f"RiskAssessment/{written['id']}" in done.text
        assert world.requests_seen.count("/fhir/RiskAssessment") - creates == 3  # looked, sent, looked
        assert "It was in the chart already" in click(browser, page).text
        assert len(stored_under(world, page)) == 1

    @pytest.mark.parametrize("fault", sorted(UNKNOWN))
    def test_leaves_open_if_it_stored_is_not_sent_another_one(self, world, browser, monkeypatch, fault) -> None:
        page = at(world, browser, fault)
        done = click(browser, page)
        assert (done.status_code, "It is not known whether it was written" in done.text) == (504, True)
        creates = len([row for row in audited(world) if row[2] == "RiskAssessment sent"])
        assert "It is being written just now" in click(browser, page).text
        assert BUTTON not in browser.get(page.url, timeout=SECONDS).text
        assert len([row for row in audited(world) if row[2] == "RiskAssessment sent"]) == creates
        monkeypatch.setattr(ledger, "OPEN_SECONDS", -1.0)  # three minutes later it may be tried again
        assert "It is not known" in click(browser, page).text

    def test_has_it_more_than_once_gets_no_further_one(self, world, browser) -> None:
        page = at(world, browser, "create-412")
        assert "It is in the chart more than once" in click(browser, page).text
        assert "It was in the chart already" in click(browser, page).text

    def test_redirects_gets_no_token_anywhere_else(self, world, browser) -> None:
        world.ehr.recorder.clear()
        click(browser, at(world, browser, "create-redirect"))
        assert world.ehr.recorder.all("RiskAssessment")
        assert world.ehr.recorder.all(host=world.ehr.foreign_url.removeprefix("http://")) == []

    def test_answers_about_somebody_else_ends_the_page(self, world, browser) -> None:
        done = click(browser, at(world, browser, "create-other-patient"))
        assert (done.status_code, "<code>patient_mismatch</code>" in done.text) == (502, True)

    def test_refuses_the_provenance_alone_keeps_the_assessment_and_says_so(self, world, browser) -> None:
        page = at(world, browser, "create-403=Provenance")
        done = click(browser, page)
        assert "Written to the chart" in done.text
        assert "The Provenance was not written: the EHR did not allow it." in done.text
        assert len(stored_under(world, page)) == 1

    def test_finds_everything_where_one_identifier_was_asked_for_is_not_believed(self, world, browser) -> None:
        click(browser, opened(world, browser))  # another assessment, which that EHR finds too
        page = at(world, browser, "search-ignores=identifier")
        assert BUTTON in page.text
        assert "Written to the chart" in click(browser, page).text

    def test_has_no_such_type_is_told_before_any_click(self, world, browser) -> None:
        page = at(world, browser, "fhir-404=RiskAssessment")
        assert "This EHR does not accept risk assessments." in page.text and BUTTON not in page.text


class TestNothingIsWritten:
    @pytest.mark.parametrize(("change", "code"), [
        ({"form_token": "0" * 64}, "cross_site"),
        ({"patient": "0" * 32}, "patient_mismatch"),
        ({"shown": ""}, "cross_site"),
        ({"shown": "9999999999." + "0" * 64 + "." + "0" * 64}, "cross_site"),
        ({"shown": "ü"}, "cross_site"),
    ])  # fmt: skip
    def test_by_a_form_that_is_not_ours(self, world, browser, change, code) -> None:
        page, before = at(world, browser, "create-403"), len(stored(world, "RiskAssessment"))
        done = click(browser, page, **change)
        assert f"<code>{code}</code>" in done.text
        assert len(stored(world, "RiskAssessment")) == before
        assert audited(world)[-1][:2] == ("refused", "4")

    def test_by_the_seal_of_another_launch_or_patient(self, tmp_path, browser) -> None:
        with fresh(tmp_path) as world:
            ana, other, ben = opened(world, browser), opened(world, browser), opened(world, browser, BEN)
            for foreign in (other, ben):
                done = click(browser, ana, shown=fields_of(foreign)["shown"])
                assert "<code>cross_site</code>" in done.text
            stretched = "9999999999" + fields_of(ana)["shown"][10:]
            assert "<code>cross_site</code>" in click(browser, ana, shown=stretched).text
            done = click(browser, ana, patient=fields_of(ben)["patient"], form_token=fields_of(ben)["form_token"])
            assert done.status_code == 403
            assert stored(world, "RiskAssessment") == stored(world, "RiskAssessment", BEN) == []

    def test_from_another_browser_or_origin(self, world, browser) -> None:
        page = opened(world, browser, BEN)
        fields, own = fields_of(page), page.url.split("/s/")[0]
        assert requests.post(page.url, fields, headers={"Origin": own}, timeout=SECONDS).status_code == 403
        assert browser.post(page.url, fields, headers={"Origin": "https://evil.example"}, timeout=9).status_code == 403
        assert browser.post(page.url, fields, headers={"Sec-Fetch-Site": "same-site"}, timeout=9).status_code == 403

    def test_when_the_chart_has_changed_since_it_was_shown(self, tmp_path, browser) -> None:
        with fresh(tmp_path) as world:
            page = opened(world, browser)
            change = json.loads(shown(page, "RiskAssessment"))["basis"][0]["reference"]
            store = world.ehr.app.extensions["sandbox"].store
            observation = json.loads(store.read(*change.split("/")))
            observation["valueQuantity"]["value"] = 8.1
            store.change([observation])
            done = click(browser, page)
            assert (done.status_code, "The chart has changed since" in done.text) == (409, True)
            assert "8.1" in shown(done, "RiskAssessment") and stored(world, "RiskAssessment") == []
            assert "Written to the chart" in click(browser, done).text

    def test_when_it_was_shown_too_long_ago(self, tmp_path, browser, monkeypatch) -> None:
        with fresh(tmp_path) as world:
            monkeypatch.setattr("app.write_back.offer.SEAL_SECONDS", -1.0)
            done = click(browser, opened(world, browser))
            assert "It was shown too long ago" in done.text and stored(world, "RiskAssessment") == []

    @pytest.mark.parametrize(("fault", "why"), [
        ("search-500=Observation", "could not be read completely (measurements"),
        ("search-500=Condition", "There is no risk group to write."),
    ])  # fmt: skip
    def test_of_a_chart_that_was_read_in_part(self, world, browser, fault, why) -> None:
        page = at(world, browser, fault)
        assert why in page.text and BUTTON not in page.text

    def test_of_a_patient_without_a_group(self, world, browser) -> None:
        page = opened(world, browser, EVA)
        assert "There is no risk group to write." in page.text and BUTTON not in page.text

    def test_for_a_patient_or_a_user_who_is_not_known(self, world, browser) -> None:
        patients = opened(world, browser, ANA, user=f"Patient/{ANA}")
        assert "Only health professionals write into the chart." in patients.text

    @pytest.mark.parametrize("change", [{"definitions_hash": "0" * 64}, {}])
    def test_without_a_release_that_fits(self, tmp_path, browser, change) -> None:
        with fresh(tmp_path, model() | change if change else None) as world:
            page = opened(world, browser)
            assert "There is no risk group to write." in page.text and BUTTON not in page.text


def fresh(folder: Path, release: dict[str, Any] | None = model(), **changes: Any) -> Any:  # noqa: B008 -- never changed
    """A world of its own."""
    if release:
        publish(folder / "kindred.db", "sandbox", release)
    return running(folder, **changes)


def scopes_without(*words: str) -> tuple[str, ...]:
    return tuple(one for one in APP_SCOPES.split() if one not in words)


class TestALaunchWithFewerRights:
    def test_without_create_says_so_and_shows_the_rest(self, tmp_path, browser) -> None:
        with fresh(tmp_path, scopes=scopes_without("patient/RiskAssessment.cs")) as world:
            page = opened(world, browser)
            assert "not given the right to write a risk assessment" in page.text and BUTTON not in page.text
            done = browser.post(page.url, fields_of(page), headers={"Origin": world.app_url}, timeout=SECONDS)
            assert done.status_code == 403

    def test_without_provenance_writes_none_and_says_so(self, tmp_path, browser) -> None:
        with fresh(tmp_path, scopes=scopes_without("patient/Provenance.c")) as world:
            page = opened(world, browser)
            assert "not given the right to write a Provenance" in page.text
            done = click(browser, page)
            assert "Written to the chart" in done.text and "not given the right to write a Provenance" in done.text
            assert len(stored(world, "RiskAssessment")) == 1 and stored(world, "Provenance") == []

    def test_without_search_still_writes_once(self, tmp_path, browser) -> None:
        scopes = (*scopes_without("patient/RiskAssessment.cs"), "patient/RiskAssessment.c")
        with fresh(tmp_path, scopes=scopes) as world:
            page = opened(world, browser)
            assert "Written to the chart" in click(browser, page).text
            assert "It was in the chart already" in click(browser, page).text
            assert len(stored(world, "RiskAssessment")) == 1

    def test_without_a_user_names_nobody_so_writes_nothing(self, tmp_path, browser) -> None:
        with fresh(tmp_path, scopes=scopes_without("openid", "fhirUser")) as world:
            page = opened(world, browser)
            assert "did not say which health professional is signed in" in page.text and BUTTON not in page.text


class TestSmallCells:
    @pytest.mark.parametrize(("seen", "told"), [
        ((431, 412, 128), 31.1), ((431, 412, 7), None), ((431, 412, 405), None), ((9, 9, 3), None),
        ((431, 425, 128), None),
    ])  # fmt: skip
    def test_no_percentage_is_written_that_tells_of_1_to_10_people(self, tmp_path, browser, seen, told) -> None:
        from analytics import suppression

        release = model()
        release["groups"][1] |= suppression.rate(*seen)
        with fresh(tmp_path, release) as world:
            click(browser, opened(world, browser))
            (written,) = stored(world, "RiskAssessment")
            (prediction,) = written["prediction"]
            assert prediction.get("probabilityDecimal") == told
            text = json.dumps(written)
            assert not re.search(rf"\b({seen[2]}|{seen[1] - seen[2]}) (of|people)", text) or told


def test_a_release_is_named_in_method_identifier_and_device(world, browser) -> None:
    resource = json.loads(shown(opened(world, browser, BEN), "RiskAssessment"))
    assert RELEASE_ID in resource["method"]["text"]
    assert resource["identifier"][0]["value"].startswith(f"{RELEASE_ID}.2026-06-30.")
    assert BEN not in resource["identifier"][0]["value"]
    assert f"release {RELEASE_ID}" in [one["value"] for one in resource["contained"][0]["version"]]
    assert resource["status"] == "final" and "qualitativeRisk" not in resource["prediction"][0]


