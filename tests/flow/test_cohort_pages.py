"""The cohort pages over real HTTP: who sees aggregates and who patients, what is noted, what leaves as a file."""

import csv
import html
import io
import json
import logging
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from fhir.resources.R4B.group import Group

from app.cohorts.right import WHY_NOT
from app.problems import WORDS
from fhir_fixtures.ehr import search
from fhir_fixtures.ehr.store import Condition
from tests.flow import members
from tests.flow.people import ANA, BEN, DAN, EVA, SCRIPT
from tests.flow.published import RELEASE_ID, model, publish
from tests.flow.world import SECONDS, World, parameter, running
from tests.unit.analytics import papers
from tests.unit.app.cohorts.cohorts_paper import cohorts

ME = "sandbox-clinician-1"
PAGES = ("", "profile", "drill", "evidence", "run", "card")
FORMULA = '=HYPERLINK("http://evil.example","x")'
CROWD = 60
FAULTS = {
    "nobody": "token-no-id-token",
    "no_patients": "search-500=Patient",
    "v1_only": "fhir-403=Observation",
    "no_release": "fhir-401-once",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """ANA, BEN, DAN and a crowd are in the release; EVA is not, and of the crowd the EHR lacks every second one."""
    folder = tmp_path_factory.mktemp("cohorts")
    database = folder / "kindred.db"
    publish(database, "sandbox", model())
    written = {name: json.dumps(one) for name, one in (papers.of() | {"cohorts": cohorts()}).items()}
    members.documents(database, written)
    crowd = [(f"crowd-{number:02}", 1, 2, 0.5 - number / 1000) for number in range(CROWD)]
    members.place(database, [(ANA, 2, 1, 0.4), (BEN, 1, 2, 0.05), (DAN, 2, None, None), ("gone-9", 2, 1, 0.2), *crowd])
    scoped = {"scopes": ("launch", "openid", "fhirUser", "patient/*.rs", "user/Patient.rs")}
    with running(folder, FAULTS, **scoped) as both:
        for name in FAULTS:
            also_current(database, name) if name != "no_release" else None
        store = both.ehr.app.extensions["sandbox"].store
        store.change([patient(store, one) for one in (ANA, BEN, DAN)])
        store.change([{"resourceType": "Patient", "id": f"crowd-{number:02}", "name": [{"family": f"Crowd{number:02}"}]}
                      for number in range(0, CROWD, 2)])  # fmt: skip
        yield both


def also_current(database: Path, ehr: str) -> None:
    """The same numbers under another EHR: only the registration differs in what these tests ask."""
    with sqlite3.connect(database) as db:
        sql = "INSERT INTO release SELECT release_id || '-' || ?, ?, created_at, as_of, index_date, definitions_hash"
        db.execute(f"{sql}, model, published_at, '' FROM release WHERE ehr = 'sandbox'", (ehr, ehr))
        db.execute("INSERT INTO current_release VALUES (?, ?)", (ehr, f"{RELEASE_ID}-{ehr}"))
    db.close()


def patient(store: Any, identity: str) -> dict[str, Any]:
    """As in the store, with the clinician as general practitioner, and for BEN a name that a spreadsheet would run."""
    body = json.loads(store.read("Patient", identity))
    body["generalPractitioner"] = [{"reference": f"Practitioner/{ME}"}]
    return body | ({"name": [{"family": FORMULA}]} if identity == BEN else {})


class Visit:
    """A launch in a browser of its own, and its cohort pages."""

    def __init__(self, world: World, patient: str | None = None, ehr: str = "sandbox", **asked: Any) -> None:
        self.world, self.http = world, requests.Session()
        handle = parameter(world.launch_url(patient, **asked), "launch")
        query = {"iss": world.config.ehrs[ehr].issuer, "launch": handle}
        self.first = self.http.get(f"{world.app_url}/launch?{urlencode(query)}", timeout=SECONDS)
        self.base = f"{self.first.url.split('#')[0]}cohorts/"
        self.mark = re.search(r'data-mark="(\w+)"', self.first.text)[1]  # type: ignore[index]

    def get(self, path: str = "", **query: Any) -> requests.Response:
        return self.http.get(self.base + path, params={"patient": self.mark} | query, timeout=SECONDS)

    def post(self, path: str, **form: Any) -> requests.Response:
        token = re.search(r'name="form_token" value="(\w+)"', self.get("patients").text)[1]  # type: ignore[index]
        origin = {"Origin": self.world.app_url, "Sec-Fetch-Site": "same-origin"}
        sent = {"form_token": token, "patient": self.mark} | form
        return self.http.post(self.base + path, data=sent, headers=origin, timeout=SECONDS)


def problem(page: requests.Response, code: str) -> None:
    assert page.status_code == WORDS[code].status and f"<code>{code}</code>" in page.text


def rows(page: requests.Response) -> list[str]:
    """The first cells of the table of patients."""
    return re.findall(r'<th scope="row">([^<]*)</th>', page.text)


def audited(world: World, *actions: str) -> list[tuple[str, str, str | None]]:
    """(action, who, patient) of these actions, in the order in which they were noted."""
    with sqlite3.connect(world.home / "app.db") as db:
        found = db.execute("SELECT action, who, patient FROM audit ORDER BY id").fetchall()
    db.close()
    return [row for row in found if row[0] in actions]


@pytest.fixture
def clinician(world: World) -> Visit:
    """Signed in with user/Patient.rs, without a chart."""
    return Visit(world)


class TestAggregates:
    @pytest.mark.parametrize("path", PAGES)
    def test_every_launch_sees_them_and_every_reply_repeats_its_patient(self, world: World, path: str) -> None:
        visit = Visit(world, ANA)
        page = visit.get(path)
        assert page.status_code == 200 and page.headers["Kindred-Patient"] == visit.mark
        assert f'data-mark="{visit.mark}"' in page.text and "Ångström" not in page.text
        assert re.findall(f".{{14}}{ANA}", page.text) == [f'data-patient="{ANA}']
        assert page.headers["Cache-Control"] == "no-store" and len(page.content) < 150_000
        assert page.headers["Content-Security-Policy"].endswith(f"frame-ancestors {world.ehr.base_url}")
        assert "<script" not in page.text and " style=" not in page.text

    def test_the_open_patients_group_alone_is_told_and_noted(self, world: World) -> None:
        before = len(audited(world, "view"))
        visit = Visit(world, ANA)
        assert "in group 2, Diabetes with high HbA1c" in visit.get().text
        seen = audited(world, "view")[before:]
        assert [row[2] for row in seen] == [ANA, ANA]  # the chart, then the overview
        assert "chart is open" not in Visit(world).get().text

    def test_a_patient_outside_the_release_is_said_to_be_so(self, world: World) -> None:
        assert "does not place the patient" in Visit(world, EVA).get().text

    @pytest.mark.parametrize("path", [*PAGES, "patients", "csv/groups", "group/1"])
    def test_another_browser_sees_nothing(self, world: World, clinician: Visit, path: str) -> None:
        with requests.Session() as other:
            problem(
                other.get(clinician.base + path, params={"patient": clinician.mark}, timeout=SECONDS), "session_unknown"
            )

    @pytest.mark.parametrize("path", [*PAGES, "patients"])
    def test_an_ehr_without_a_release_shows_no_other_ones(self, world: World, path: str) -> None:
        page = Visit(world, ANA, "no_release").get(path)
        assert page.status_code == 200 and "No release yet" in page.text
        assert RELEASE_ID not in page.text and "Diabetes with high" not in page.text

    @pytest.mark.parametrize("path", ["profile", "drill", "evidence", "run", "card"])
    def test_a_release_of_an_earlier_kindred_says_what_it_lacks(self, world: World, path: str) -> None:
        page = Visit(world, ANA, "v1_only").get(path)
        assert page.status_code == 200 and "This release was published without these numbers" in page.text

    def test_a_choice_beyond_the_lists_is_refused_in_words(self, clinician: Visit) -> None:
        page = clinician.get("drill", sex="<b>none</b>")
        assert page.status_code == 400 and "not in the lists" in page.text and "none</b>" not in page.text
        assert "470" in clinician.get("drill", sex="Female").text


class TestWhoMayList:
    @pytest.mark.parametrize(("why", "asked"), [
        ("not_professional", {"user": f"Patient/{ANA}"}),
        ("not_professional", {"user": f"RelatedPerson/relative-{ANA}"}),
        ("not_professional", {"user": f"Person/person-{ANA}"}),
        ("no_user", {"ehr": "nobody"}),
    ])  # fmt: skip
    def test_a_launch_without_the_right_hears_why_and_gets_no_file(
        self, world: World, why: str, asked: dict[str, Any]
    ) -> None:
        visit, before = Visit(world, ANA, **asked), len(world.requests_seen)
        noted = len(audited(world, "list", "export"))
        page = visit.get("patients", rank=2)
        assert WHY_NOT[why] in page.text and rows(page) == []
        for path in ("patients/csv", "patients/group"):
            problem(visit.post(path, rank="2"), "not_found")
        assert [path for path in world.requests_seen[before:] if path.endswith("/Patient")] == []
        assert len(audited(world, "list", "export")) == noted

    @pytest.mark.parametrize("scopes", [
        "patient/*.rs", "patient/Patient.rs user/Patient.r", "user/Observation.rs patient/*.rs",
        "patient/*.rs user/Patient.rs?category=a", "patient/Patient.rs user/*.cud",
    ])  # fmt: skip
    def test_less_than_a_search_for_the_users_patients_is_no_right(self, tmp_path: Path, scopes: str) -> None:
        publish(tmp_path / "kindred.db", "sandbox", model())
        with running(tmp_path, scopes=("launch", "openid", "fhirUser", *scopes.split())) as world:
            visit = Visit(world, ANA)
            assert WHY_NOT["patient_scoped"] in visit.get("patients").text
            problem(visit.post("patients/csv"), "not_found")

    def test_a_launch_without_a_chart_leads_there_where_the_user_was_granted_something(self, world: World) -> None:
        first = Visit(world).first
        assert "<code>no_patient</code>" in first.text and "/cohorts/" in first.text

    def test_another_launchs_mark_or_none_gets_no_list_and_no_file(self, world: World, clinician: Visit) -> None:
        other = Visit(world, ANA)
        for mark in ("", other.mark):
            for path in ("patients", "csv/groups", "group/1"):
                problem(clinician.get(path, patient=mark), "patient_mismatch")
            problem(clinician.post("patients/csv", patient=mark), "patient_mismatch")
        problem(clinician.post("patients/csv", form_token="0" * 64), "cross_site")

    def test_a_grant_that_is_gone_when_the_answer_comes_shows_nobody(
        self, clinician: Visit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A token may be refreshed while the list is read, and the new one grant less."""
        answers = iter([None, "patient_scoped"])
        monkeypatch.setattr("app.cohorts.people.against_list", lambda context: next(answers))
        page = clinician.get("patients")
        problem(page, "not_found")
        assert "Ångström" not in page.text

    def test_a_list_that_cannot_be_noted_is_not_shown(self, clinician: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: Any) -> None:
            raise OSError("the disk is full")

        monkeypatch.setattr("app.cohorts.patients.audit.record_list", broken)
        page = clinician.get("patients")
        problem(page, "internal")
        assert "Ångström" not in page.text

    def test_a_list_beside_an_open_chart_opens_no_other_chart(self, world: World) -> None:
        page = Visit(world, EVA).get("patients")
        assert len(rows(page)) == 3 and "open it in the EHR" in page.text
        assert not [link for link in re.findall(r'href="([^"]*)"', page.text) if ANA in link or "launch" in link]


class TestMyPatients:
    def test_are_those_whose_practitioner_is_signed_in_with_their_groups(self, world: World, clinician: Visit) -> None:
        before = len(audited(world, "list"))
        page = clinician.get("patients")
        assert [re.sub("&#3[49];", "'", row)[:10] for row in rows(page)] == ["=HYPERLINK", "Dunn, &lt;", "Ångström-N"]
        assert SCRIPT not in page.text and "EVA" not in page.text
        assert "clearly (0.40)" in page.text and "only just (0.05)" in page.text and "by rule" in page.text
        assert "<td>MRN-0001</td>" in page.text
        noted = audited(world, "list")[before:]
        assert [(who, whom) for _, who, whom in noted] == [(f"Practitioner/{ME}", one) for one in (BEN, DAN, ANA)]

    @pytest.mark.parametrize(("order", "first"), [
        ("name", "=HYPER"), ("rank", "Dunn, "), ("firmest", "Ångstr"), ("loosest", "=HYPER")])  # fmt: skip
    def test_can_be_put_in_any_order_since_all_are_known(self, clinician: Visit, order: str, first: str) -> None:
        assert rows(clinician.get("patients", order=order))[0].startswith(first)

    def test_another_clinician_has_none(self, world: World) -> None:
        page = Visit(world, user="Practitioner/sandbox-clinician-2").get("patients")
        assert rows(page) == [] and "no patient with you as the general practitioner" in page.text

    def test_an_ehr_that_passes_over_the_search_lists_nobody(
        self, clinician: Visit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It would answer with everyone, whom this token may see: that makes nobody the clinician's own patient."""
        known = search.parameters
        everyone = search.Parameter("general-practitioner", "reference", lambda _: Condition("1"))
        monkeypatch.setattr(search, "parameters", lambda kind: {**known(kind), everyone.name: everyone})
        assert len(rows(clinician.get("patients"))) == 3
        other = Visit(clinician.world, user="Practitioner/sandbox-clinician-2").get("patients")
        assert rows(other) == [] and "the EHR does not offer it" in other.text

    def test_an_ehr_that_fails_is_said_and_nobody_is_listed(self, world: World) -> None:
        page = Visit(world, ehr="no_patients").get("patients")
        assert page.status_code == 200 and "the EHR reported an error" in page.text and rows(page) == []

    @pytest.mark.parametrize("query", [
        {"order": "id; DROP"}, {"page": "-1"}, {"page": "1" * 9}, {"rank": "x"}, {"rank": "1" * 9},
        {"rank": 1, "order": "name"}, {"rank": 1, "after": "AAAA"},
    ])  # fmt: skip
    def test_what_no_page_of_ours_asks_is_refused(self, clinician: Visit, query: dict[str, Any]) -> None:
        problem(clinician.get("patients", **query), "bad_request")

    def test_a_group_that_is_not_there_is_not_found(self, clinician: Visit) -> None:
        problem(clinician.get("patients", rank=9), "not_found")


class TestMembers:
    def test_are_those_whom_the_ehr_gives_and_no_others(self, world: World, clinician: Visit) -> None:
        noted, before = len(audited(world, "list")), len(world.requests_seen)
        page = clinician.get("patients", rank=2)
        assert [row[:4] for row in rows(page)] == ["Ångs", "Dunn"]
        assert "gone-9" not in page.text and "This is the last page." in page.text
        assert [row[2] for row in audited(world, "list")[noted:]] == [ANA, DAN]
        assert [path for path in world.requests_seen[before:] if path.endswith("/Patient")] == ["/fhir/Patient"]

    def test_an_ehr_that_answers_with_others_too_lists_none_of_them(
        self, clinician: Visit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known = search.parameters
        monkeypatch.setattr(search, "parameters", lambda kind: {n: p for n, p in known(kind).items() if n != "_id"})
        assert {row[:4] for row in rows(clinician.get("patients", rank=2))} <= {"Ångs", "Dunn"}

    def test_are_paged_without_a_patients_id_in_an_address(self, world: World, clinician: Visit, caplog: Any) -> None:
        found: list[str] = []
        page = clinician.get("patients", rank=1)
        with caplog.at_level(logging.DEBUG):
            for _ in range(3):
                found += rows(page)
                link = re.search(r'<a href="([^"]*after=[^"]*)">Next page', page.text)
                if link is None:
                    break
                assert "crowd" not in link[1] and ANA not in link[1]
                page = clinician.http.get(world.app_url + link[1].replace("&amp;", "&"), timeout=SECONDS)
        assert list(map(html.unescape, found)) == [*(f"Crowd{number:02}" for number in range(0, CROWD, 2)), FORMULA]
        assert "This is the last page." in page.text
        ours = [record.getMessage() for record in caplog.records if record.name.startswith("app")]
        assert not [line for line in ours if "crowd" in line.lower()]

    def test_a_place_in_one_list_is_none_in_another(self, world: World, clinician: Visit) -> None:
        link = re.search(r"after=([\w-]+)", clinician.get("patients", rank=1).text)[1]  # type: ignore[index]
        assert clinician.get("patients", rank=1, order="firmest", after=link).status_code == 200
        problem(clinician.get("patients", rank=1, order="loosest", after=link), "bad_request")
        problem(clinician.get("patients", rank=2, after=link), "bad_request")
        problem(Visit(world).get("patients", rank=1, after=link), "bad_request")


class TestFiles:
    @pytest.mark.parametrize("name", [
        "groups", "map", "ratios", "discrimination", "calibration", "screening", "temporal", "subgroups-sex",
        "subgroups-race", "funnel", "drift-groups", "drift-inputs", "model-card", "features", "treatments", "gaps",
        "drill",
    ])  # fmt: skip
    def test_each_table_comes_as_csv_of_whole_lines(self, clinician: Visit, name: str) -> None:
        reply = clinician.get(f"csv/{name}")
        assert reply.status_code == 200 and reply.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert reply.headers["Content-Disposition"] == f'attachment; filename="kindred-{RELEASE_ID}-{name}.csv"'
        assert reply.headers["Cache-Control"] == "no-store" and reply.headers["Kindred-Patient"] == clinician.mark
        lines = list(csv.reader(io.StringIO(reply.content.decode("utf-8-sig"))))
        assert len(lines) > 1 and len({len(line) for line in lines}) == 1

    @pytest.mark.parametrize("name", ["nothing", "../groups", "evidence"])
    def test_a_table_that_is_not_there_is_not_found(self, clinician: Visit, name: str) -> None:
        problem(clinician.get(f"csv/{name}"), "not_found")

    def test_every_csv_that_a_page_offers_is_there(self, clinician: Visit) -> None:
        names = {name for path in PAGES for name in re.findall(r"/csv/([\w-]+)\?", clinician.get(path).text)}
        assert names and all(clinician.get(f"csv/{name}").status_code == 200 for name in names)

    def test_the_listed_patients_as_csv_run_nothing_and_are_noted(self, world: World, clinician: Visit) -> None:
        noted = len(audited(world, "export"))
        reply = clinician.post("patients/csv")
        lines = list(csv.reader(io.StringIO(reply.content.decode("utf-8-sig"))))
        assert reply.headers["Content-Disposition"].startswith("attachment")
        assert lines[0][0] == "Patient" and [line[0] for line in lines[1:]] == [
            f"'{FORMULA}", f"Dunn, {SCRIPT}", "Ångström-Núñez, Ana"]  # fmt: skip
        assert [row[2] for row in audited(world, "export")[noted:]] == [BEN, DAN, ANA]

    def test_a_group_is_defined_without_anybody_in_it(self, world: World) -> None:
        reply = Visit(world, ANA).get("group/2")
        group = Group.model_validate_json(reply.content)
        assert reply.headers["Content-Type"] == "application/fhir+json"
        assert 'attachment; filename="kindred-' in reply.headers["Content-Disposition"]
        assert (group.type, group.actual, group.member, group.quantity) == ("person", False, None, 431)
        assert group.characteristic[0].valueCodeableConcept.coding[0].code == f"{RELEASE_ID}/2"
        problem(Visit(world, ANA).get("group/9"), "not_found")

    def test_the_listed_members_alone_are_in_the_group_that_one_asks_for(self, world: World, clinician: Visit) -> None:
        noted = len(audited(world, "export"))
        group = Group.model_validate_json(clinician.post("patients/group", rank="2").content)
        base = world.config.ehrs["sandbox"].issuer
        assert (group.actual, group.quantity) == (True, 2)
        assert [one.entity.reference for one in group.member] == [f"{base}/Patient/{ANA}", f"{base}/Patient/{DAN}"]
        assert [row[2] for row in audited(world, "export")[noted:]] == [ANA, DAN]

    def test_no_group_of_members_for_those_who_are_in_several(self, clinician: Visit) -> None:
        problem(clinician.post("patients/group"), "not_found")
