"""The patient sheet's words: there for every input of the grouping, short, and easy to read."""

import re

import pytest

from analytics.definitions import catalogue
from app.chart import plain, sheet

WORDS = {name: words for part in ("conditions", "medicines", "counts", "tests", "answers")
         for name, words in plain.table()[part].items()}  # fmt: skip


def test_every_input_of_the_grouping_has_plain_words_and_nothing_else_has() -> None:
    features = catalogue.features()
    grouped = {name for name, feature in features.items() if feature.grouped}
    assert grouped - set(WORDS) == set()
    assert {name for name in WORDS if name not in features} == set()


@pytest.mark.parametrize(
    ("feature", "value", "time", "said"),
    [
        ("diabetes", 1.0, "2015-02-01", "Your record shows diabetes since 1 Feb 2015."),
        ("diabetes", 0.0, None, "Your record does not show diabetes."),
        ("insulin_in_use", 1.0, "2026-04-01", "You take insulin, last ordered 1 Apr 2026."),
        ("insulin_in_use", 0.0, None, "Your record does not show that you take insulin."),
        ("smoker", 1.0, "2026-04-01", "Your record says that you smoke."),
        ("smoker", 0.0, None, None),
        ("age", 66.0, None, "Your age: 66 years."),
        ("systolic", 148.0, "2026-05-04", "Blood pressure, upper number: 148 mmHg on 4 May 2026."),
        ("systolic", None, None, None),
        ("lupus", 1.0, None, None),
    ],
)  # fmt: skip
def test_a_reason_as_a_sentence_to_the_patient(feature, value, time, said) -> None:
    assert plain.reason(feature, value, time) == said


def test_general_questions_come_first_and_fitting_ones_follow() -> None:
    assert plain.questions([]) == [one["text"] for one in plain.table()["questions"] if "features" not in one]
    assert plain.questions(["smoker"])[-1] == "Who can help me to stop smoking?"
    assert len(plain.questions(list(WORDS))) == plain.QUESTIONS


def syllables(word: str) -> int:
    groups = len(re.findall(r"[aeiouy]+", word.lower()))
    return max(1, groups - (word.lower().endswith("e") and not word.lower().endswith("le")))


def grade(text: str) -> float:
    """Flesch-Kincaid grade (Kincaid 1975): 0.39 words/sentences + 11.8 syllables/words - 15.59."""
    sentences = [one for one in re.split(r"[.!?]+\s", text + " ") if re.search("[A-Za-z]", one)]
    words = re.findall(r"[A-Za-z’]+", text)
    return 0.39 * len(words) / len(sentences) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


def test_the_sheet_reads_at_grade_eight_or_below() -> None:
    assert grade("The cat sat on the mat.") < 1 < 12 < grade("Multifactorial cardiovascular comorbidity necessitates.")
    sentences = [plain.reason(name, 1.0, "2026-02-02") for name in WORDS]
    what = catalogue.group_rules()["outcome"]["plain"]
    prose = [*sheet.MEANS, *sheet.MEANS_NOT, *(one["text"] for one in plain.table()["questions"]),
             f"In that group, about 46 in 100 people {what}.", *filter(None, sentences)]  # fmt: skip
    assert grade(" ".join(prose)) <= 8


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ({"n": 431, "followed": 412, "events": 128, "rate": 0.31}, "about 31 in 100"),
        ({"n": 431, "followed": 412, "events": None, "rate": None, "rate_below": 0.027}, "fewer than 3 in 100"),
        ({"n": 431, "followed": 412, "events": 5, "rate": 0.012}, None),
        ({"n": 8, "followed": 8, "events": 0, "rate": 0.0}, None),
    ],
)
def test_no_number_of_one_to_ten_people_is_told(group, said) -> None:
    outcome = sheet._outcome(group | {"rate_above": None} | group)
    assert outcome is None if said is None else said in (outcome or "")
