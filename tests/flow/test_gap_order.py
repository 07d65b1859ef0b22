"""Whatever tells of care gaps has one order: by weight, then by how often a gap is open in the patient's group."""

import html
import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from analytics.definitions import gaps
from app.chart import plain
from tests.conformance.hooks.caller import Caller
from tests.flow.people import ANA
from tests.flow.published import RELEASE_ID, model, publish
from tests.flow.test_launch import get
from tests.flow.world import SECONDS, World, running
from tests.unit.app.cohorts.cohorts_paper import cohorts

RULES = list(gaps.rules().values())
#: In group 2, the patient's, each rule is open more often than the one before it in the file; in group 1 the other way.
MET = {rule.id: round(0.9 - 0.03 * place, 2) for place, rule in enumerate(RULES)}
PAPER = cohorts() | {
    "gaps": [
        {"id": rule.id, "title": rule.title, "everyone": {"applicable": 2000, "met": 0.5},
         "groups": [{"rank": 1, "applicable": 1000, "met": round(1 - MET[rule.id], 2)},
                    {"rank": 2, "applicable": 1000, "met": MET[rule.id]}]}
        for rule in RULES
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("order")
    publish(folder / "kindred.db", "sandbox", model())
    with sqlite3.connect(folder / "kindred.db") as db:
        db.execute("INSERT INTO release_document VALUES (?, ?, ?)", (RELEASE_ID, "cohorts", json.dumps(PAPER)))
    db.close()
    with running(folder) as both:
        yield both


@pytest.fixture(scope="module")
def told(world: World) -> dict[str, list[str]]:
    """Titles of the open gaps of one patient, as each surface tells them."""
    with requests.Session() as browser:
        page = get(browser, world.launch_url(ANA))
        address = page.url.partition("#")[0]
        note, sheet = (browser.get(f"{address}{name}", timeout=SECONDS).text for name in ("note", "sheet"))
        twin = browser.get(address.replace("/s/", "/api/v1/launches/") + "chart", timeout=SECONDS).json()
    (body,) = re.findall(r'<details class="gap-list open"[^>]*>(.*?)<details class="gap-list', page.text, re.S)
    (listed,) = re.findall(r"Care gaps:\n(.*?)\n(?!- )", html.unescape(note), re.S)
    (card,) = [one for one in _cards(world) if one["source"]["topic"]["code"] == "gaps"]
    by_plain_words = {words: gaps.rules()[rule].title for rule, words in plain.table()["gaps"].items()}
    boxes = re.findall(r'<ul class="boxes">(.*?)</ul>', html.unescape(sheet), re.S)[0]
    return {
        "page": [html.unescape(one) for one in re.findall(r"</span> ([^<]+)</h4>", body)],
        "note": [rule.title for line in listed.splitlines() for rule in RULES if line.startswith(f"- {rule.title}: ")],
        "sheet": [by_plain_words[one] for one in re.findall(r"<li>(.*?)(?: \(due .*?\))?</li>", boxes)],
        "API": [one["title"] for one in twin["gaps"] if one["state"] == "gap"],
        "card": re.findall(r"^- \*\*(.*?)\*\*: ", card["detail"], re.M),
    }  # fmt: skip


def _cards(world: World) -> list[dict[str, Any]]:
    caller = Caller(world, world.ehr.base_url)
    with caller.http:
        cards: list[dict[str, Any]] = caller.call().json()["cards"]
    return cards


@pytest.mark.parametrize(("surface", "most"), [("page", None), ("API", None), ("note", 6), ("sheet", 6), ("card", 5)])
def test_the_order_is_that_of_the_group(told: dict[str, list[str]], surface: str, most: int | None) -> None:
    is_open = {rule.title for rule in RULES} & set(told["page"])
    ordered = sorted((rule for rule in RULES if rule.title in is_open), key=lambda rule: (-rule.weight, MET[rule.id]))
    expected = [rule.title for rule in ordered]
    assert expected != [rule.title for rule in sorted(ordered, key=lambda rule: (-rule.weight, RULES.index(rule)))]
    assert len(expected) > 6 and told[surface] == expected[:most]
