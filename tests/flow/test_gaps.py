"""Care gaps on the chart page, and what was done elsewhere: who may report it and where it is kept."""

import re
import sqlite3

import pytest
import requests

from tests.flow.people import ANA, BEN, EVA
from tests.flow.published import RELEASE_ID
from tests.flow.test_launch import assert_problem, faulty, get
from tests.flow.world import SECONDS, World

FAULTS = {
    "no_observations": "search-500=Observation",
    "no_procedures": "search-500=Procedure",
    "other": "fhir-401-once",
}
SAFE = {"Sec-Fetch-Site": "same-origin"}


def item(page: requests.Response | str, gap: str) -> str:
    """What the page says of one gap, without tags."""
    text = page if isinstance(page, str) else page.text
    found = re.search(rf'<li id="gap-{gap}">(.*?)</li>', text, re.DOTALL)
    assert found, gap
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


def state(page: requests.Response, gap: str) -> str:
    """The list in which a gap stands."""
    lists = re.findall(r'<details class="gap-list ([a-z-]+)"[^>]*>(.*?)</ul>', page.text, re.DOTALL)
    (found,) = [name for name, body in lists if f'id="gap-{gap}"' in body]
    return found


def fields(page: requests.Response, gap: str, **changes: str) -> dict[str, str]:
    """The form of a gap, filled in."""
    hidden = dict(re.findall(r'<input type="hidden" name="(form_token|patient)" value="([^"]+)">', page.text))
    return {**hidden, "gap": gap, "date": "2026-03-12", "where": "City Clinic", **changes}


def post(browser: requests.Session, page: requests.Response, sent: dict[str, str], **more: object) -> requests.Response:
    address = page.url.partition("#")[0].partition("?")[0] + "done-elsewhere"
    return browser.post(address, data=sent, timeout=SECONDS, headers=SAFE, **more)  # type: ignore[arg-type]


def audited(world: World, action: str) -> list[tuple[str, str]]:
    with sqlite3.connect(world.home / "app.db") as db:
        return db.execute("SELECT patient, release FROM audit WHERE action = ? ORDER BY id", (action,)).fetchall()


class TestThePage:
    def test_shows_what_is_open_with_its_record_and_what_does_not_apply_with_the_reason(self, world, browser) -> None:
        page = get(browser, world.launch_url(ANA))
        assert state(page, "cms122") == "open" and state(page, "cms124") == "not-applicable"
        said = item(page, "cms122")
        assert "HbA1c 9.4 % on 4 May 2026: above 9 %." in said and "Due now" in said
        assert "Record behind Blood sugar control in diabetes" in said and "CMS122v14" in said and "Weight 5" in said
        assert re.search(rf'id="gap-cms122">.*?href="[^"]+/source/Observation/{ANA}-', page.text, re.DOTALL)
        assert "Met when" in said and "Not known from the records" in said
        assert "Outside ages 24 to 64." in item(page, "cms124")

    def test_says_the_rule_of_the_order_and_keeps_to_it(self, world, browser) -> None:
        page = get(browser, world.launch_url(ANA))
        assert "Order: open gaps first; within each list by the weight of the rule" in page.text
        lists = re.findall(r'<details class="gap-list ([a-z-]+)"[^>]*>(.*?)</ul>', page.text, re.DOTALL)
        assert [name for name, _ in lists] == ["open", "not-applicable"]  # nothing is met
        for _, body in lists:
            weights = [float(weight) for weight in re.findall(r"Weight ([\d.]+)\.", body)]
            assert weights == sorted(weights, reverse=True) and weights

    def test_leads_to_the_whole_rule_with_its_codes_for_which_no_chart_is_read(self, world, browser) -> None:
        page = get(browser, world.launch_url(ANA))
        (link,) = re.findall(r'id="gap-cms122">.*?href="([^"]+/rule/cms122)"', page.text, re.DOTALL)
        world.requests_seen.clear()
        rule = browser.get(f"{world.app_url}{link}", timeout=SECONDS)
        assert rule.status_code == 200 and "SNOMED CT</strong> " in rule.text and "44054006" in rule.text
        assert "Kindred-Patient" in rule.headers and f'href="{link.replace("rule/cms122", "#gap-cms122")}"' in rule.text
        assert not [path for path in world.requests_seen if path.startswith("/fhir/")]
        assert browser.get(f"{world.app_url}{link}0", timeout=SECONDS).status_code == 404

    def test_without_a_birth_date_and_a_sex_says_so(self, world, browser) -> None:
        page = get(browser, world.launch_url(EVA))
        assert "Age not known." in item(page, "cms139") and state(page, "cms139") == "not-applicable"
        assert "Sex not known." in item(page, "cms125")

    @pytest.mark.parametrize("fault", ["no_observations", "no_procedures"])
    def test_claims_no_state_that_rests_on_what_could_not_be_read(self, world, browser, fault) -> None:
        page = get(browser, faulty(world, fault))
        what = {"no_observations": "measurements and laboratory results", "no_procedures": "procedures"}[fault]
        assert state(page, "cms122") == "unjudged"
        said = item(page, "cms122")
        assert f"Not all {what} could be read, on which this rests." in said and "9.4 %" not in said
        assert "Due" not in said.partition("Rule")[0]
        assert state(page, "cms124") == "not-applicable"  # her age decides, which was read


class TestDoneElsewhere:
    def test_is_shown_as_reported_and_never_as_met_until_it_is_undone(self, world, browser) -> None:
        page = get(browser, world.launch_url(ANA))
        world.requests_seen.clear()
        answer = post(browser, page, fields(page, "cms131"), allow_redirects=False)
        assert answer.status_code == 303 and answer.headers["Location"].endswith("/#gap-cms131")
        assert "Kindred-Patient" in answer.headers and world.requests_seen == []  # the EHR is not asked for anything
        page = get(browser, page.url)
        assert state(page, "cms131") == "reported"
        said = item(page, "cms131")
        assert "Reported done elsewhere on 12-Mar-2026 (4 months earlier), at City Clinic; told here " in said
        assert "In the records: no eye exam on record." in said and "Kept in Kindred only, not in the chart." in said
        assert audited(world, "done_elsewhere")[-1] == (ANA, RELEASE_ID)
        page = post(browser, page, fields(page, "cms131", undo="1"))
        assert state(page, "cms131") == "open" and "City Clinic" not in page.text
        assert audited(world, "done_elsewhere_undone")[-1] == (ANA, RELEASE_ID)

    def test_is_there_for_the_next_launch_of_this_patient_and_for_nobody_else(self, world, browser) -> None:
        page = get(browser, world.launch_url(ANA))
        post(browser, page, fields(page, "ais_tetanus", where="Zanzibar"))
        with requests.Session() as other:
            assert state(get(other, world.launch_url(ANA)), "ais_tetanus") == "reported"
            assert "Zanzibar" not in get(other, world.launch_url(BEN)).text
            assert state(get(other, faulty(world, "other")), "ais_tetanus") == "open"  # the same id at another EHR
        post(browser, page, fields(page, "ais_tetanus", undo="1"))

    def test_lies_in_the_file_without_date_place_or_patient_in_clear(self, world, browser) -> None:
        page = get(browser, world.launch_url(ANA))
        post(browser, page, fields(page, "ais_zoster", where="Quarantine Harbour"))
        with sqlite3.connect(world.home / "app.db") as db:
            rows = db.execute("SELECT patient_hash, gap, sealed FROM done_elsewhere").fetchall()
        assert rows and all(ANA not in whose and ANA.encode() not in sealed for whose, _, sealed in rows)
        files = b"".join(path.read_bytes() for path in world.home.iterdir())
        assert b"Quarantine" not in files and b"2026-03-12" not in files
        post(browser, page, fields(page, "ais_zoster", undo="1"))

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"date": "2026-07-01"}, "That date lies after the as-of date, so nothing was kept."),
            ({"date": "12.3.2026"}, "That is not a date, so nothing was kept."),
            ({"date": ""}, "That is not a date, so nothing was kept."),
            ({"date": "1850-01-01"}, "That is not a date, so nothing was kept."),
            ({"date": "20260312"}, "That is not a date, so nothing was kept."),
            ({"where": "x" * 81}, "The place is longer than 80 characters or cannot be read, so nothing was kept."),
            ({"where": "a\x07b"}, "The place is longer than 80 characters or cannot be read, so nothing was kept."),
        ],
    )
    def test_that_cannot_be_kept_is_told_and_not_kept(self, world, browser, changes, said) -> None:
        page = get(browser, world.launch_url(ANA))
        page = post(browser, page, fields(page, "cms130", **changes))
        assert said in page.text and state(page, "cms130") != "reported"
        assert "gap=" not in page.url and "date=" not in page.url

    def test_a_place_with_a_script_in_it_stays_a_place(self, world, browser) -> None:
        page = get(browser, world.launch_url(ANA))
        page = post(browser, page, fields(page, "cms139", where="<script>alert(1)</script>"))
        assert "<script>alert" not in page.text and "&lt;script&gt;alert(1)" in page.text
        post(browser, page, fields(page, "cms139", undo="1"))


class TestNobodyElse:
    """Neither another browser nor the page of another patient can report or undo anything."""

    @pytest.fixture
    def page(self, world, browser) -> requests.Response:
        return get(browser, world.launch_url(ANA))

    def test_another_browser(self, world, page) -> None:
        with requests.Session() as other:
            assert_problem(post(other, page, fields(page, "cms131")), "session_unknown")
            get(other, world.launch_url(BEN))
            assert_problem(post(other, page, fields(page, "cms131")), "session_unknown")
        self._nothing_was_kept(world)

    def test_another_patients_page_of_the_same_browser(self, world, browser, page) -> None:
        bens = get(browser, world.launch_url(BEN))
        assert_problem(post(browser, page, fields(bens, "cms131")), "cross_site")
        of_both = fields(page, "cms131") | {"patient": fields(bens, "cms131")["patient"]}
        assert_problem(post(browser, page, of_both), "patient_mismatch")
        self._nothing_was_kept(world)

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"form_token": ""}, "cross_site"),
            ({"patient": ""}, "patient_mismatch"),
            ({"gap": "cms999"}, "bad_request"),
            ({"gap": ""}, "bad_request"),
        ],
    )
    def test_a_form_that_is_none_of_ours(self, world, browser, page, changes, code) -> None:
        assert_problem(post(browser, page, fields(page, "cms131") | changes), code)
        self._nothing_was_kept(world)

    def test_another_site(self, world, browser, page) -> None:
        address = page.url + "done-elsewhere"
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        sent = browser.post(address, data=fields(page, "cms131"), headers=headers, timeout=SECONDS)
        assert_problem(sent, "cross_site")
        assert get(browser, address).status_code == 405
        self._nothing_was_kept(world)

    @staticmethod
    def _nothing_was_kept(world: World) -> None:
        with sqlite3.connect(world.home / "app.db") as db:
            assert db.execute("SELECT count(*) FROM done_elsewhere WHERE gap = 'cms131'").fetchone() == (0,)
