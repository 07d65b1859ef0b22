"""What leaves as a file: CSV that runs nothing and hides what the pages hide, FHIR Groups, and sealed places."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fhir.resources.R4B.group import Group
from flask import Flask

from app.cohorts import cursor
from app.cohorts.csv_files import TABLES, lines_of, written
from app.cohorts.group_resource import definition, members
from app.cohorts.opening import Opening
from app.cohorts.right import against_list
from app.serving import Release
from app.smart.context import Context
from tests.unit.analytics import papers

Opened = Callable[..., Opening]


def read(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))


class TestCsv:
    @pytest.mark.parametrize("text", [
        "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", "＝1", "＋1", "－1", "＠x",
    ])  # fmt: skip
    def test_a_text_that_a_spreadsheet_would_run_is_made_a_text(self, text: str) -> None:
        assert read(written([[text]])) == [[f"'{text}"]]

    @pytest.mark.parametrize(("cell", "said"), [
        ("Núñez, Ana", "Núñez, Ana"), ("a-b=c", "a-b=c"), ('say "x"\nand y', 'say "x"\nand y'), (-1.5, "-1.5"),
        (0, "0"), (None, "hidden"), ("", ""),
    ])  # fmt: skip
    def test_everything_else_stays_as_it_is(self, cell: Any, said: str) -> None:
        assert read(written([[cell]])) == [[said]]

    def test_it_says_its_encoding_and_ends_lines_as_the_rfc_has_it(self) -> None:
        assert written([["a", 1], ["b", 2]]) == b"\xef\xbb\xbfa,1\r\nb,2\r\n"

    def test_groups_hide_what_the_page_hides(self, opened: Opened) -> None:
        """Ten of the third group were not followed: neither they nor a bound that rests on them."""
        lines = lines_of(opened(), "groups")
        assert lines and list(lines[0])[:5] == ["rank", "name", "n", "followed", "events"]
        assert list(lines[2])[2:6] == [431, 412, 128, 128 / 412]
        assert list(lines[3])[2:10] == [120, None, None, None, None, None, None, None]

    def test_the_drill_down_has_every_cell_and_hides_small_ones(self, opened: Opened) -> None:
        lines = lines_of(opened(), "drill")
        assert lines and len(lines) == 1 + 2 * 3
        assert list(lines[4])[:5] == ["Female", "all", "diabetes", 1, None]
        assert list(lines[5])[4:8] == [None] * 4  # nine of the 211 were not followed

    def test_everyone_is_rank_0(self, opened: Opened) -> None:
        lines = lines_of(opened(), "features")
        assert lines and [list(line) for line in lines[1:3]] == [
            ["age", "age", 0, 35.0, 60.0, None], ["age", "age", 1, 31.0, 48.0, None]]  # fmt: skip

    @pytest.mark.parametrize("name", TABLES)
    def test_no_table_without_its_paper(self, opened: Opened, name: str) -> None:
        paper = TABLES[name][0]
        found = lines_of(opened(paper), name)
        assert (found is None) is (paper != "release")
        assert lines_of(opened(has_release=False), name) is None
        assert lines_of(opened(), name)


class TestFhirGroup:
    release = Release("r1", "2026-06-30", papers.release())

    def test_a_definition_names_release_and_rank_and_nobody(self) -> None:
        found = Group.model_validate_json(definition(self.release, papers.release()["groups"][1]))
        assert (found.type, found.actual, found.member, found.quantity, found.active) == (
            "person",
            False,
            None,
            431,
            True,
        )
        assert found.identifier[0].value == "r1/2" and found.name == "Risk group 2: Diabetes with high HbA1c"
        assert all(one.exclude is False for one in found.characteristic)

    @pytest.mark.parametrize(("n", "quantity"), [(None, None), (3, None), (10, None), (11, 11)])
    def test_a_size_that_may_not_be_told_is_left_out(self, n: int | None, quantity: int | None) -> None:
        group = papers.release()["groups"][1] | {"n": n}
        assert json.loads(definition(self.release, group)).get("quantity") == quantity

    def test_a_group_by_rule_says_its_rule(self) -> None:
        found = Group.model_validate_json(definition(self.release, papers.release()["groups"][2]))
        assert found.characteristic[1].code.text == "Rule that decides"
        assert found.characteristic[1].valueCodeableConcept.text == "No encounter in two years."

    def test_members_are_those_of_this_ehr_that_were_listed(self, ehr_at: Any) -> None:
        body = members(self.release, papers.release()["groups"][1], ehr_at("https://ehr.example"), ["a", "b"])
        found = Group.model_validate_json(body)
        assert (found.actual, found.quantity) == (True, 2)
        assert [one.entity.reference for one in found.member] == [
            "https://ehr.example/fhir/Patient/a", "https://ehr.example/fhir/Patient/b"]  # fmt: skip

    def test_nobody_makes_no_group(self, ehr_at: Any) -> None:
        with pytest.raises(ValueError):
            members(self.release, papers.release()["groups"][1], ehr_at("https://ehr.example"), [])


class TestPlaces:
    @pytest.fixture(autouse=True)
    def app(self) -> Iterator[None]:
        app = Flask(__name__)
        app.extensions["secret_key"] = b"k" * 32
        with app.app_context():
            yield

    @pytest.mark.parametrize("place", [0, 1, 2**56 + 1, 2**63 - 1])
    def test_come_back_as_they_were_and_show_nothing(self, place: int) -> None:
        word = cursor.sealed(place, "list")
        assert cursor.opened(word, "list") == place and len(word) == len(cursor.sealed(0, "list"))
        assert word != cursor.sealed(place, "list")  # the same place twice tells nothing

    @pytest.mark.parametrize("word", ["", "x", "ä", "A" * 80, "////"])
    def test_any_other_word_is_none(self, word: str) -> None:
        assert cursor.opened(word, "list") is None

    def test_belong_to_one_list_alone(self) -> None:
        word = cursor.sealed(2**56, "list")
        changed = word[:-1] + ("A" if word[-1] != "A" else "B")
        assert (
            cursor.opened(word, "another") is None and cursor.opened(changed[:20] + "x" + changed[21:], "list") is None
        )


@pytest.mark.parametrize(("user", "scopes", "against"), [
    ("Practitioner/1", "user/Patient.rs", None),
    ("PractitionerRole/1", "user/*.rs", None),
    ("Practitioner/1", "patient/Patient.rs", "patient_scoped"),
    (None, "user/Patient.rs", "no_user"),
    ("Patient/1", "user/Patient.rs", "not_professional"),
    ("RelatedPerson/1", "user/Patient.rs", "not_professional"),
    ("Person/1", "user/Patient.rs", "not_professional"),
    ("Device/1", "user/Patient.rs", "not_professional"),
    ("Patient/1", "patient/Patient.rs", "patient_scoped"),
])  # fmt: skip
def test_a_list_needs_the_grant_and_a_professional(user: str | None, scopes: str, against: str | None) -> None:
    assert against_list(Context(fhir_user=user, scopes=tuple(scopes.split()))) == against


LEAKING: dict[str, dict[str, Any]] = {  # paper -> what an earlier or a broken release might have told
    "funnel": {"steps": [{"step": "build", "unit": "people", "read": 1507, "kept": 1500, "dropped": {"deceased": 7}}]},
    "evidence": {
        "calibration": [{"rank": 1, "n": 300, "expected": 0.1, "observed": 7 / 300, "low": 0.01, "high": 0.07}],
        "screening": [{"top": 0.01, "people": 107, "events": 100, "ppv": 100 / 107, "number_needed_to_review": 1.07}],
        "subgroups": [{"by": "sex", "value": "Male", "n": 207, "events": 7, "rate": 7 / 207, "groups": [], "c": None,
                       "observed_to_expected": None}],
        "temporal": [{"fitted_at": "2024", "tested_at": "2025", "people": 7, "c": None, "age_sex": None}],
    },
    "cohorts": {
        "gaps": [{"id": "g", "title": "G", "everyone": {"applicable": 207, "met": 0.5}, "groups": [
            {"rank": 1, "applicable": 200, "met": 0.5}, {"rank": 2, "applicable": None, "met": None}]}],
        "drill": {"cells": [{"sex": "Male", "age_band": None, "condition": None,
                             "groups": [{"rank": 1, "n": 207, "followed": 200, "events": 100, "rate": 0.5}]}]},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ["funnel", "calibration", "screening", "subgroups-sex", "temporal", "gaps", "drill"])
def test_each_file_looks_for_small_numbers_itself(opened: Opened, name: str) -> None:
    """Nothing of 7 or of what it follows from is left in a line, whatever the release tells."""
    lines = lines_of(opened(changed=LEAKING), name)
    assert lines and not {7, 207, 1507, 107, 7 / 207, 7 / 300, 100 / 107} & {cell for line in lines for cell in line}
