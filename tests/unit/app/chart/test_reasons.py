"""A reason tells what is usual in the group, and in everyone beside it where the release tells that of enough."""

from typing import Any

import pytest
from flask import g

from app.api import twins
from app.chart import gaps, note
from app.chart.reading import Reading
from app.chart.view import Reason, view_of
from tests.flow.published import model
from tests.spec.live.fhir import condition, encounter, observation
from tests.unit.app.readings import reading_of, served

DIABETIC = (
    observation("a", "4548-4", 9.4, "%", "2026-05-04"),
    condition("c", "44054006", "2015-02-01"),
    condition("d", "59621000", "2015-02-01"),
    encounter("v", "AMB", "2026-05-04T09:00:00Z"),
)


def paper(n: int | None = 1000, **told: Any) -> dict[str, Any]:
    """The paper `cohorts` that tells of everyone: a list is a middle half, a number a share."""
    features = [
        {"feature": name, "everyone": {"usual": one if isinstance(one, list) else None,
                                       "share": None if isinstance(one, list) else one}} for name, one in told.items()
    ]  # fmt: skip
    return {"cohorts": {"people": {"n": n, "groups": []}, "features": features, "gaps": []}}


def reading() -> Reading:
    return reading_of(model(), *DIABETIC)


def reason(feature: str, papers: dict[str, Any]) -> Reason:
    with served(papers):
        return next(one for one in view_of(reading()).reasons if one.feature == feature)


HALF = "Middle half of the group: 7.1 to 8.6\u00a0%"
HAVE = "96 % of the group have it"


@pytest.mark.parametrize(
    ("feature", "papers", "said"),
    [
        ("hba1c", paper(hba1c=[5.2, 5.9]), "Middle half: group 7.1 to 8.6, everyone 5.2 to 5.9\u00a0%"),
        ("hba1c", paper(hba1c=[5.4, 5.4]), "Middle half: group 7.1 to 8.6, everyone 5.4\u00a0%"),
        ("hba1c", paper(hba1c=[7.1, 8.6]), HALF),  # the same twice tells nothing
        ("hba1c", paper(hba1c=[None, None]), HALF),
        ("hba1c", paper(diabetes=0.2), HALF),
        ("hba1c", {"cohorts": {}}, HALF),
        ("hba1c", {}, HALF),
        ("diabetes", paper(diabetes=0.25), f"{HAVE}, 25\u00a0% of everyone"),
        ("diabetes", paper(20_000, diabetes=0.0), f"{HAVE}, under 1\u00a0% of everyone"),
        ("diabetes", paper(20_000, diabetes=1.0), f"{HAVE}, over 99\u00a0% of everyone"),
        ("diabetes", paper(100, diabetes=0.1), HAVE),  # ten people have it
        ("diabetes", paper(100, diabetes=0.11), f"{HAVE}, 11\u00a0% of everyone"),
        ("diabetes", paper(100, diabetes=0.9), HAVE),  # ten people do not
        ("diabetes", paper(10, diabetes=0.5), HAVE),
        ("diabetes", paper(None, diabetes=0.5), HAVE),
        ("diabetes", paper(diabetes=None), HAVE),
    ],
)
def test_everyone_stands_beside_the_group(feature: str, papers: dict[str, Any], said: str) -> None:
    assert reason(feature, papers).usual_said == said


def test_the_table_has_everyone_even_where_the_sentence_leaves_it_out() -> None:
    assert reason("hba1c", paper(hba1c=[7.1, 8.6])).everyone == "7.1 to 8.6 %"
    assert reason("diabetes", paper(100, diabetes=0.1)).everyone is None


def test_what_is_hidden_of_the_group_has_nothing_beside_it() -> None:
    hidden = model()
    hidden["groups"][1]["share"]["diabetes"] = None
    with served(paper(diabetes=0.25)):
        found = next(one for one in view_of(reading_of(hidden, *DIABETIC)).reasons if one.feature == "diabetes")
    assert found.usual_said is None


def test_the_note_and_the_json_twin_tell_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaps, "judged", lambda reading: [])
    with served(paper(hba1c=[5.2, 5.9], diabetes=0.25)):
        g.patient_mark = "0" * 32
        one = reading()
        text, twin = note.note_of(one, view_of(one), [], []).text, twins.chart(one)
    assert "Middle half: group 7.1 to 8.6, everyone 5.2 to 5.9\u00a0%." in text
    assert f"{HAVE}, 25\u00a0% of everyone." in text
    told = {part["feature"]: (part["everyone"], part["everyone_share"], part["everyone_display"])
            for part in twin["reasons"]}  # fmt: skip
    assert told["hba1c"] == ((5.2, 5.9), None, "5.2 to 5.9 %")
    assert told["diabetes"] == (None, 0.25, "25\u00a0% of everyone")
    assert told["hypertension"] == (None, None, "")
