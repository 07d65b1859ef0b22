"""The API by example: the page's numbers, the page's refusals, one shape of error, and no small cell."""

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import requests

from analytics import suppression
from analytics.definitions import scores
from app import create_app
from app.problems import WORDS
from tests.flow.people import ANA, BEN, EVA
from tests.flow.published import RELEASE_ID, model, publish
from tests.flow.world import SECONDS, running

PREVENT = {"sex": "female", "age": 50, "tc": 200, "hdl": 45, "sbp": 160, "dm": True, "smoking": False, "bmi": 35,
           "egfr": 90, "bptx": True, "statin": False}  # fmt: skip


def assert_problem(answer: requests.Response, code: str) -> None:
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (body["code"], body["status"], answer.status_code) == (code, WORDS[code].status, WORDS[code].status)
    assert body["title"] == WORDS[code].title and body["next"]
    assert body["type"] == f"/api/v1/openapi.json#/x-problems/{code}"


class TestTheContract:
    def test_names_each_route_and_no_other(self, world: Any) -> None:
        document = requests.get(f"{world.app_url}/api/v1/openapi.json", timeout=SECONDS).json()
        told = {(path, method.upper()) for path, one in document["paths"].items() for method in one}
        rules = create_app(world.config).url_map.iter_rules()
        there = {
            (re.sub("<([a-z]+)>", r"{\1}", rule.rule), method)
            for rule in rules
            if rule.rule.startswith("/api/")
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }
        assert told == there

    def test_names_each_problem_and_each_input_of_each_score(self, world: Any) -> None:
        document = requests.get(f"{world.app_url}/api/v1/openapi.json", timeout=SECONDS).json()
        assert set(document["x-problems"]) == set(WORDS)
        bodies = document["components"]["schemas"]["WhatIf"]["oneOf"]
        named = {body["title"]: set(body["properties"]["inputs"]["properties"]) for body in bodies}
        assert named == {name: set(scores.declared_inputs(name)) for name in scores.NAMES}


class TestTheChart:
    def test_has_what_the_page_has_and_repeats_whose_it_is(self, program: Any) -> None:
        answer = program.ask("chart")
        chart = answer.json()
        page = program.http.get(f"{program.world.app_url}/s/{program.sid}/", timeout=SECONDS).text
        page = page.replace("\u00a0", " ")
        assert answer.headers["Kindred-Patient"] == chart["mark"] == program.mark
        assert (chart["patient"], chart["release"], chart["as_of"]) == (ANA, RELEASE_ID, "2026-06-30")
        assert chart["group"]["name"] in page and chart["group"]["outcome"].replace("\u00a0", " ") in page
        assert chart["reasons"][0]["sentence"] in page
        assert (chart["group"]["events"], chart["group"]["rate"]) == (128, pytest.approx(128 / 412))
        assert chart["scores"]["prevent"] and answer.headers["Cache-Control"] == "no-store"

    def test_of_another_patient_has_another_mark_and_none_takes_the_others(self, program: Any, launch: Any) -> None:
        ben = launch(program.world, program.http, BEN)
        assert ben.ask("chart").json()["patient"] == BEN
        for path in ("chart", "history", "cohorts", "cohorts/evidence"):
            assert_problem(ben.ask(path, headers={"Kindred-Patient": program.mark}), "mark_wrong")
        body = {"score": "prevent", "inputs": PREVENT}
        assert_problem(ben.ask("what-if", "POST", json=body, headers={"Kindred-Patient": program.mark}), "mark_wrong")

    def test_without_a_group_says_why(self, program: Any, launch: Any) -> None:
        chart = launch(program.world, program.http, EVA).ask("chart").json()
        assert chart["group"] is None and chart["hidden"] and chart["reasons"] == []

    def test_is_closed_to_another_browser_and_after_the_end(self, world: Any, launch: Any) -> None:
        with requests.Session() as http, requests.Session() as other:
            program = launch(world, http)
            for path in ("chart", "history", "cohorts", "cohorts/evidence"):
                assert_problem(other.get(f"{program.base}/{path}", timeout=SECONDS), "session_unknown")
            page = http.get(f"{world.app_url}/s/{program.sid}/", timeout=SECONDS).text
            form = dict(re.findall(r'name="(form_token|patient)" value="(\w+)"', page))
            close = f"{world.app_url}/s/{program.sid}/close"
            http.post(close, form, headers={"Origin": world.app_url}, timeout=SECONDS)
            assert_problem(program.ask("chart"), "session_unknown")

    def test_is_in_the_audit_trail(self, program: Any) -> None:
        program.ask("chart")
        with sqlite3.connect(program.world.home / "app.db") as db:
            row = db.execute("SELECT action, patient, release, detail FROM audit ORDER BY id DESC").fetchone()
        db.close()
        assert row == ("view", ANA, RELEASE_ID, "api chart")

    def test_of_a_launch_without_a_patient_is_a_problem(self, program: Any, launch: Any) -> None:
        nobody = launch(program.world, program.http, None)
        assert_problem(nobody.ask("chart"), "no_patient")
        assert_problem(nobody.ask("history"), "no_patient")
        assert nobody.ask("cohorts/evidence").status_code == 200


class TestSmallCells:
    @pytest.mark.parametrize("seen", [(431, 412, 7), (431, 412, 405), (9, 9, 3), (431, 425, 128), (431, 412, 0)])
    def test_never_leave_in_a_group(self, tmp_path: Path, launch: Any, seen: tuple[int, int, int]) -> None:
        release = model()
        release["groups"][1] |= suppression.rate(*seen)
        assert not _small_people(self.group(tmp_path, launch, release))

    def test_do_not_leave_where_the_release_forgot_to_hide_them(self, tmp_path: Path, launch: Any) -> None:
        release = model()
        release["groups"][1] |= {"n": 431, "followed": 412, "events": 7, "rate": 7 / 412, "low": 0.01, "high": 0.03,
                                 "rate_below": None, "rate_above": None}  # fmt: skip
        group = self.group(tmp_path, launch, release)
        assert [group[name] for name in ("n", "followed", "events", "rate", "low", "high")] == [None] * 6

    def group(self, folder: Path, launch: Any, release: dict[str, Any]) -> dict[str, Any]:
        publish(folder / "kindred.db", "sandbox", release)
        with running(folder) as world, requests.Session() as http:
            return launch(world, http).ask("chart").json()["group"]

    def test_do_not_leave_in_a_document_either(self, program: Any) -> None:
        answer = program.ask("cohorts/evidence").json()
        assert (answer["release"], answer["name"]) == (RELEASE_ID, "evidence")
        told, hidden = answer["document"]["groups"]
        assert told["events"] == 128
        assert {hidden[name] for name in ("n", "followed", "events", "rate")} == {None}


def _small_people(group: dict[str, Any]) -> list[str]:
    """Counts of 1 to 10 that the numbers tell, alone or by difference."""
    n, followed, events = (group[name] for name in ("n", "followed", "events"))
    told = {"n": n, "followed": followed, "events": events}
    if None not in (n, followed):
        told["not followed"] = n - followed
    if None not in (followed, events):
        told["without"] = followed - events
    return [name for name, count in told.items() if count is not None and 0 < count < 11]


class TestDocuments:
    def test_are_listed_and_the_others_not_found(self, program: Any) -> None:
        assert program.ask("cohorts").json()["documents"] == ["evidence"]
        for name in ("drift", "passwords", "model"):
            assert_problem(program.ask(f"cohorts/{name}"), "not_found")

    def test_history_says_where_each_release_had_the_patient(self, program: Any) -> None:
        (one,) = program.ask("history").json()["releases"]
        assert one == {"as_of": "2026-06-30", "current": True, "rank": 1, "of": 2, "name": "Few conditions, younger"}


class TestWhatIf:
    def test_gives_the_published_score_and_keeps_nothing(self, program: Any) -> None:
        before = len(program.world.requests_seen)
        answer = program.ask("what-if", "POST", json={"score": "prevent", "inputs": PREVENT}).json()
        assert answer["result"] == json.loads(json.dumps(scores.compute("prevent", PREVENT)))
        assert answer["result"]["values"]["10y_total_cvd"] > 0 and answer["mark"] == program.mark
        assert len(program.world.requests_seen) == before

    @pytest.mark.parametrize(("body", "named"), [
        ({"score": "nonsense", "inputs": {}}, "score: one of"),
        ({"score": "prevent"}, "the body"),
        ({"score": "prevent", "inputs": {}, "more": 1}, "the body"),
        ({"score": "prevent", "inputs": {"age": "Secretname"}}, "inputs.age: a number or null"),
        ({"score": "prevent", "inputs": {"age": True}}, "inputs.age: a number or null"),
        ({"score": "prevent", "inputs": {"dm": 1}}, "inputs.dm: true, false or null"),
        ({"score": "prevent", "inputs": {"sex": "Secretname"}}, "inputs.sex: one of female, male"),
        ({"score": "prevent", "inputs": {"Secretname": 1}}, "inputs: only sex, age"),
        ({"score": "charlson", "inputs": {"snomed": [1]}}, "inputs.snomed: a list of codes"),
        ([], "the body"),
    ])  # fmt: skip
    def test_names_what_cannot_be_used_and_repeats_none_of_it(self, program: Any, body: Any, named: str) -> None:
        answer = program.ask("what-if", "POST", json=body)
        assert_problem(answer, "input_unusable")
        assert any(one.startswith(named) for one in answer.json()["errors"])
        assert "Secretname" not in answer.text

    @pytest.mark.parametrize(("data", "kind", "code"), [
        ("{", "application/json", "bad_request"), ("[NaN]", "application/json", "bad_request"),
        ('"\\ud800"', "application/json", "bad_request"), ("a=1", "application/x-www-form-urlencoded", "media_type"),
        ("{}", "text/plain", "media_type"), ('"' + "x" * 70_000 + '"', "application/json", "too_large"),
    ])  # fmt: skip
    def test_takes_json_of_a_bounded_size_alone(self, program: Any, data: str, kind: str, code: str) -> None:
        assert_problem(program.ask("what-if", "POST", data=data, headers={"Content-Type": kind}), code)

    @pytest.mark.parametrize("headers", [
        {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
    ])  # fmt: skip
    def test_from_another_site_is_refused(self, program: Any, headers: dict[str, str]) -> None:
        answer = program.ask("what-if", "POST", json={"score": "prevent", "inputs": PREVENT}, headers=headers)
        assert_problem(answer, "cross_site")

    def test_without_a_mark_is_refused(self, program: Any) -> None:
        url, headers = f"{program.base}/what-if", {"Origin": program.world.app_url}
        answer = program.http.post(url, json={"score": "prevent", "inputs": PREVENT}, headers=headers, timeout=SECONDS)
        assert_problem(answer, "mark_wrong")


def test_what_is_not_there_is_a_problem_in_json_too(program: Any) -> None:
    assert_problem(program.http.get(f"{program.world.app_url}/api/v2/nothing", timeout=SECONDS), "not_found")
    refused = program.ask("chart", "DELETE")
    assert_problem(refused, "method")
    assert refused.headers["Allow"] == "GET, HEAD, OPTIONS"
