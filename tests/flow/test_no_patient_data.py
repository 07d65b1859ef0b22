"""Nothing of a patient outside of the pages, the audit trail's ids and what is encrypted: a whole launch, and a search.

The chart holds words and numbers that stand nowhere else in the world; whatever finds one has leaked.
"""

import json
import re
import sqlite3
from typing import Any

import pytest
import requests

from tests.flow.people import DIABETES, HYPERTENSION
from tests.flow.test_write_back import click, shown
from tests.flow.world import SECONDS, World

FAULTS: dict[str, str] = {}
WHO = "patient-qx7391"
SECRETS = ("Quixcanary", "Zedcanary", "MRN-QX99173", "1949-07-23", "23-Jul-1949", "9.87", "Notecanary", "qx7391-",
           "Amara", "sandbox-clinician")  # fmt: skip


@pytest.fixture(scope="module")
def canary(world: World) -> World:
    about = {"subject": {"reference": f"Patient/{WHO}"}}
    system = "http://snomed.info/sct"
    world.ehr.app.extensions["sandbox"].store.change([
        {"resourceType": "Patient", "id": WHO, "birthDate": "1949-07-23", "gender": "female",
         "name": [{"family": "Quixcanary", "given": ["Zedcanary"]}],
         "identifier": [{"system": "urn:example:mrn", "value": "MRN-QX99173"}]},
        *({"resourceType": "Condition", "id": f"qx7391-{code}", "onsetDateTime": "2015-02-01", **about,
           "recordedDate": "2015-02-01", "code": {"coding": [{"system": system, "code": code}], "text": "Notecanary"}}
          for code in (DIABETES, HYPERTENSION)),
        {"resourceType": "Encounter", "id": "qx7391-visit", "status": "finished", "class": {"code": "AMB"}, **about,
         "period": {"start": "2026-05-04T09:00:00Z", "end": "2026-05-04T09:30:00Z"}},
        {"resourceType": "Observation", "id": "qx7391-a1c", "status": "final", **about,
         "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]}, "note": [{"text": "Notecanary"}],
         "effectiveDateTime": "2026-05-04T08:00:00Z", "issued": "2026-05-04T12:00:00Z",
         "valueQuantity": {"value": 9.8731, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}},
    ])  # fmt: skip
    return world


def everything(world: World, browser: requests.Session) -> tuple[list[requests.Response], list[requests.Response]]:
    """A launch, each page and reply of it, one write, and every way of ours to err: pages, then errors."""
    chart = browser.get(world.launch_url(WHO), timeout=SECONDS)
    assert "Quixcanary" in chart.text and "9.87 %" in chart.text
    base, api = chart.url.split("#")[0], f"{world.app_url}/api/v1/launches/{chart.url.split('/')[-2]}"
    page = browser.get(f"{base}write-back", timeout=SECONDS)
    assert "9.87 %" in shown(page, "RiskAssessment")
    pages = [chart, page, click(browser, page), click(browser, page)]
    assert "Written to the chart" in pages[2].text
    pages += [browser.get(f"{api}/{path}", timeout=SECONDS) for path in ("chart", "history", "cohorts")]
    errors = [
        click(browser, page, patient="0" * 32), click(browser, page, form_token="x"), click(browser, page, shown="x"),
        requests.get(base, timeout=SECONDS), browser.get(f"{base}nothing/Quixcanary", timeout=SECONDS),
        browser.get(f"{api}/cohorts/Quixcanary", timeout=SECONDS), browser.get(f"{base}?patient=Quixcanary", timeout=9),
        browser.get(f"{api}/chart", headers={"Kindred-Patient": "Quixcanary"}, timeout=SECONDS),
        browser.post(f"{api}/what-if", data="Quixcanary", headers={"Origin": world.app_url}, timeout=SECONDS),
    ]  # fmt: skip
    form = dict(re.findall(r'name="(form_token|patient)" value="(\w+)"', chart.text))
    errors.append(browser.post(f"{base}close", form, headers={"Origin": world.app_url}, timeout=SECONDS))
    errors.append(browser.get(base, timeout=SECONDS))
    return pages, [one for one in errors if one.status_code >= 400 or "/closed" in one.url]


def found_in(text: str, *more: str) -> list[str]:
    return [secret for secret in (*SECRETS, *more) if secret in text]


def columns(world: World) -> dict[str, str]:
    """Each table's texts; what is sealed is bytes."""
    with sqlite3.connect(world.home / "app.db") as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        told: dict[str, list[Any]] = {}
        for name in names:
            cursor = db.execute(f"SELECT * FROM {name}")
            fields = [one[0] for one in cursor.description]
            for row in cursor.fetchall():
                for field, value in zip(fields, row, strict=True):
                    if isinstance(value, str):
                        told.setdefault(f"{name}.{field}", []).append(value)
    db.close()
    return {name: json.dumps(values) for name, values in told.items()}


def test_logs_metrics_errors_addresses_and_the_database_hold_nothing_of_the_patient(canary, browser, caplog) -> None:
    with caplog.at_level("DEBUG", "app"):
        pages, errors = everything(canary, browser)
    assert len(errors) == 10
    assert found_in(caplog.text, WHO) == []
    assert any("problem patient_mismatch" in line for line in caplog.messages)
    assert found_in(requests.get(f"{canary.app_url}/metrics", timeout=SECONDS).text, WHO) == []
    for error in errors:
        assert found_in(error.text + str(error.headers), WHO) == []
    for reply in (*pages, *errors):
        assert found_in(" ".join([*(one.url for one in reply.history), str(reply.headers)]), WHO) == []
    kept = columns(canary)
    ids = {name for name, text in kept.items() if WHO in text}
    assert ids == {"audit.patient"}
    assert {name for name, text in kept.items() if found_in(text)} == {"audit.who"}
    assert found_in(kept["audit.who"]) == ["sandbox-clinician"]


def test_files_hold_no_name_or_value_in_clear(canary, browser) -> None:
    everything_but_ids = ("Quixcanary", "Zedcanary", "MRN-QX99173", "1949-07-23", "9.87", "Notecanary", "qx7391-a1c")
    browser.get(canary.launch_url(WHO), timeout=SECONDS)
    files = b"".join(path.read_bytes() for path in canary.home.iterdir() if path.is_file())
    assert [secret for secret in everything_but_ids if secret.encode() in files] == []


def test_the_audit_trail_has_each_step_and_each_refusal(canary) -> None:
    with sqlite3.connect(canary.home / "app.db") as db:
        rows = db.execute("SELECT action, outcome, detail FROM audit WHERE patient = ? ORDER BY id", (WHO,)).fetchall()
        foreign = db.execute("SELECT detail, patient FROM audit WHERE detail LIKE 'session_unknown%'").fetchall()
    db.close()
    told = [(action, detail) for action, _, detail in rows]
    for step in [
        ("launch", None), ("view", None), ("view", "write-back"), ("write", "RiskAssessment sent"),
        ("write", "RiskAssessment written"), ("write", "Provenance written"), ("view", "api chart"),
        ("refused", "patient_mismatch other_page"), ("refused", "cross_site form_token"),
        ("refused", "cross_site seal"), ("refused", "mark_wrong other_page"), ("end", None),
    ]:  # fmt: skip
        assert step in told, step
    assert {outcome for action, outcome, _ in rows if action == "refused"} == {"4"}
    assert ("session_unknown other_browser_or_expired", None) in foreign
