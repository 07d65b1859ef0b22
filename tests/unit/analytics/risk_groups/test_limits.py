"""What a release says it cannot support."""

from typing import Any

import pytest

from analytics.risk_groups.choice import Candidate, Choice
from analytics.risk_groups.limits import limits


def group(stability: str = "stable", rate: float | None = 0.2, rule: str | None = None, n: int | None = 60) -> Any:
    return {"name": "Older", "stability": stability, "rate": rate, "rule": rule, "n": n}


def said(people: int = 2_000, events: int = 300, verdict: str = "stable", *groups: dict[str, Any]) -> list[str]:
    choice = Choice(Candidate("k_means", 3, 60, verdict), 50, 20, 2_000, (), [])
    return limits(people, events, choice, list(groups or (group(), group(), group("rule", None, "no_contact"))))


def test_of_many_people_in_stable_groups_with_rates_nothing() -> None:
    assert said() == []


@pytest.mark.parametrize(
    ("people", "words"),
    [(499, "499 people had contact"), (50, "50 people"), (11, "11 people"), (10, "Ten people or fewer")],
)
def test_few_people(people: int, words: str) -> None:
    (sentence,) = said(people)
    assert sentence.startswith(words) and "500" in sentence


def test_the_number_of_people_does_not_tell_a_group_that_is_hidden() -> None:
    (sentence,) = said(120, 300, "stable", group(), group(rule="no_contact", n=None))
    assert sentence.startswith("Fewer than 500 people had contact") and "120" not in sentence


def test_no_division() -> None:
    (sentence,) = said(2_000, 300, "single")
    assert "one group" in sentence and "nothing of a person's risk" in sentence


@pytest.mark.parametrize(("events", "told"), [(0, 1), (10, 1), (11, 0)])
def test_too_few_outcomes_without_their_number(events: int, told: int) -> None:
    sentences = said(2_000, events)
    assert len(sentences) == told
    assert all(sentence.startswith("Ten people or fewer had the later outcome") for sentence in sentences)


def test_groups_without_a_rate_and_doubtful_ones() -> None:
    assert said(2_000, 300, "stable", group(rate=None), group()) == [
        "In 1 of 2 groups the later outcome is too rare, or the group too small, for a rate: their place in the order "
        "rests on a bound."
    ]
    (sentence,) = said(2_000, 300, "doubtful", group("doubtful"), group())
    assert sentence == "1 of 2 groups came back only in part when people were drawn anew: Older."
