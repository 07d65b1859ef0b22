"""People like this one: which words and bars the papers of a release give."""

import re
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, FileSystemLoader

import app
from app.chart import people as room
from app.chart.figures import share_bar, top_of
from app.chart.people import Figure, People, people
from tests.unit.analytics import papers
from tests.unit.analytics.cohorts_paper import cohorts

TEMPLATES = Path(app.__file__).parent / "templates"
ANA = {"female": 1.0, "age": 64.9}


def told(rank: int = 2, paper: dict[str, Any] | None = None, patient: Any = None, **evidence: Any) -> People:
    model = papers.release()
    group = model["groups"][rank - 1]
    return people(group, model, papers.evidence() | evidence, paper or cohorts(), ANA if patient is None else patient)


def words(figure: Figure | None) -> list[tuple[str, str, str | None]]:
    assert figure is not None
    return [(row.label, row.said, row.beside) for row in figure.all_rows]


def test_who_they_are_and_what_happened_to_them() -> None:
    found = told()
    assert found.who == ("431 people were in this group on 30-Jun-2025; of 412 it is known what happened in the year "
                         "after.")  # fmt: skip
    assert words(found.outcomes) == [
        ("1 Few conditions, younger", "5 % (4–7 %)", "of 820"),
        ("2 Diabetes with high HbA1c", "31 % (27–36 %)", "of 412"),
        ("3 No contact in two years", "not shown", None),  # 10 of them were not followed
    ]
    assert [row.here for row in found.outcomes.rows] == [False, True, False]
    assert found.outcomes.hidden == "Of 1 group no rate is shown: too few people or events."
    assert "12 months after 30-Jun-2025" in found.outcomes.about


@pytest.mark.parametrize(
    ("rank", "sentence"),
    [
        (1, "At the same age and sex, the other groups are compared with this one."),
        (2, "At the same age and sex this happened 4.1 times (3.0–5.6) as often as in group 1, the lowest whose "
            "numbers are shown."),
        (3, room.NO_RATIO),
    ],
)  # fmt: skip
def test_the_standardised_ratio(rank: int, sentence: str) -> None:
    assert told(rank).ratio == sentence


@pytest.mark.parametrize(
    ("patient", "sentence"),
    [
        (ANA, "Of the 110 women aged 45 to 64 in this group on 30-Jun-2025: 28 % (26–30 %)."),
        ({"female": 0.0, "age": 50.0}, None),  # the release tells nothing of them at all
        ({"female": 1.0, "age": 20.0}, None), ({"female": None, "age": 50.0}, None),
        ({"female": 1.0, "age": None}, None),
    ],
)  # fmt: skip
def test_those_of_the_same_sex_and_age(patient: dict[str, Any], sentence: str | None) -> None:
    assert told(patient=patient).alike == sentence


def test_those_of_the_same_sex_and_age_where_they_are_too_few() -> None:
    assert told(3).alike == ("Of the women aged 45 to 64 in this group alone the rate is not shown: they or their "
                             "events are too few.")  # fmt: skip


@pytest.mark.parametrize(
    ("age", "band"), [(17.9, None), (18.0, "18 to 44"), (44.99, "18 to 44"), (97.0, "75 and older")]
)
def test_the_band_of_an_age(age: float, band: str | None) -> None:
    assert room._band(age, ["18 to 44", "45 to 64", "75 and older", "Not recorded"]) == band


def test_treatments_of_the_group_beside_everyone() -> None:
    found = told().treatments
    assert words(found) == [("Statin", "78 %", "everyone 31 %"), ("Insulin", "26 %", "everyone 8 %"),
                            ("Opioid", "10 %", "everyone 7 %")]  # fmt: skip
    assert found and found.about == ("Medicines in use on 30-Jun-2026: the share of this group, and of everyone "
                                     "(line).")  # fmt: skip
    assert found.hidden == f"1 class of medicines is not shown for this group: {room.WHY}."
    assert found.rows[0].bar.value and found.rows[0].bar.mark and found.rows[0].bar.value > found.rows[0].bar.mark


def test_a_rate_that_is_hidden_has_its_bound() -> None:
    model = papers.release()
    model["groups"][2]["followed"] = 120
    found = people(model["groups"][1], model, None, None, ANA)
    assert words(found.outcomes)[2] == ("3 No contact in two years", "fewer than 10 %", "of 120")
    assert people(model["groups"][2], model, None, None, ANA).who.startswith("120 people were in this group on")


def test_a_rate_of_a_few_events_is_not_shown_even_where_a_release_tells_it() -> None:
    model = papers.release()
    model["groups"][0] |= {"events": 8, "rate": 8 / 820, "low": 0.005, "high": 0.02}
    row = people(model["groups"][1], model, None, None, ANA).outcomes.rows[0]
    assert (row.said, row.bar.value) == ("not shown", None)


def test_care_gaps_are_in_the_order_of_their_weight() -> None:
    paper = cohorts()
    paper["gaps"] = [one | {"id": name} for one, name in zip(paper["gaps"], ("ais_zoster", "cms165", "x"), strict=True)]
    assert [row[0] for row in words(told(paper=paper).gaps)] == ["Blood pressure controlled",
                                                                "HbA1c controlled in diabetes"]  # fmt: skip


def test_the_figure_has_those_that_differ_most_and_the_table_all() -> None:
    paper = cohorts()
    paper["treatments"] = [{"feature": f"m{n}", "label": f"medicine {n}", "everyone": 0.5,
                            "groups": [{"rank": 2, "share": n / 100}]} for n in range(60, 20, -2)]  # fmt: skip
    found = told(paper=paper).treatments
    assert found and len(found.all_rows) == 20
    assert [row.label for row in found.rows] == [f"Medicine {n}" for n in range(36, 20, -2)]


def test_a_share_of_nought_is_not_said_to_be_nobody() -> None:
    assert [row[1] for row in words(told(1).treatments)] == ["9 %", "6 %", "under 1 %"]


def test_care_gaps_closed_of_those_to_whom_they_apply() -> None:
    found = told().gaps
    assert words(found) == [("HbA1c controlled in diabetes", "62 % of 421", "everyone 61 %"),
                            ("Blood pressure controlled", "71 % of 340", "everyone 70 %")]  # fmt: skip
    assert found and found.hidden == f"1 care gap is not shown for this group: {room.WHY}."
    assert "of those to whom it applies" in found.about and "30-Jun-2026" in found.about


def test_of_a_group_of_which_nothing_may_be_told() -> None:
    found = told(3)
    assert words(found.treatments) == [("Insulin", "under 1 %", "everyone 8 %")] and found.gaps is None
    model = papers.release()
    group = model["groups"][2] | dict.fromkeys(("n", "followed", "rate_below"))
    few = people(group, model, None, None, {})
    assert few.who == "How many people are in this group is not shown: they are too few."


def test_a_release_of_an_earlier_kindred_says_that_it_lacks_them() -> None:
    model = papers.release()
    found = people(model["groups"][1], model, None, None, ANA)
    assert found.unread == room.OLDER_RELEASE and found.treatments is found.gaps is found.alike is None
    assert found.ratio == room.NO_RATIO and len(found.outcomes.rows) == 3


@pytest.mark.parametrize(("shares", "top"), [([], 0.1), ([0.04], 0.1), ([0.3, None], 0.3), ([0.31], 0.4), ([1.0], 1.0)])
def test_the_end_of_an_axis(shares: list[float | None], top: float) -> None:
    assert top_of(shares) == top


def test_the_places_on_a_bar() -> None:
    bar = share_bar(0.25, 0.5, (0.2, 0.3), 0.5)
    assert (bar.start, bar.value, bar.mark, bar.low, bar.high) == (3.0, 120.0, 237.0, 96.6, 143.4)
    assert share_bar(None).value is None


def printed(found: People | None) -> str:
    rooms = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return rooms.get_template("chart/people.html").render(people=found)


def test_every_bar_has_a_title_a_description_and_its_numbers_in_a_table() -> None:
    found = told()
    html = printed(found)
    bars = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert len(bars) == 3 + 3 + 2 and len(re.findall("<table>", html)) == 3
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    for bar in bars:
        named = re.search(r'aria-labelledby="(\S+) (\S+)"', bar)
        assert named and f'<title id="{named[1]}">' in bar and f'<desc id="{named[2]}">' in bar
    for figure in (found.outcomes, found.treatments, found.gaps):
        for label, said, _ in words(figure):
            assert f'<th scope="row">{label}' in html and f"<td>{said}</td>" in html
    assert "style=" not in html and "(this group)" in html


def test_what_cannot_be_told_is_a_sentence() -> None:
    assert "Not shown: each applies to too few people of this group" in printed(told(3))
    model = papers.release()
    older = printed(people(model["groups"][1], model, None, None, ANA))
    assert room.OLDER_RELEASE in older and "Treatments in use" not in older
    assert printed(None).strip() == ""


def test_a_name_from_a_release_is_text() -> None:
    model = papers.release()
    model["groups"][1]["name"] = "<b>x</b>"
    assert "<b>" not in printed(people(model["groups"][1], model, None, None, ANA))
