"""The page of a rule: complete by itself, with every code that the rule counts."""

import pytest

from analytics.definitions import catalogue, gaps
from analytics.definitions.catalogue import Concept
from app.chart import rule
from app.problems import Problem


@pytest.mark.parametrize("name", gaps.rules())
def test_every_code_of_the_rule_is_told_with_what_it_stands_for(name: str) -> None:
    rows = {row.label: row for row in rule.rule_page(name).rows}
    for concept in gaps.rules()[name].concepts:
        row = rows[rule.capital(concept.label)]
        told = {part.split(" ")[0] for _, codes in row.codes for part in codes.split(", ")}
        of_members = {code for member in concept.members for code in catalogue.concepts()[member].codes}
        own = {*concept.codes} - of_members | {code for _, codes in concept.answers for code in codes}
        assert {code.rpartition("|")[2].removesuffix("*") for code in own} <= told
        assert all(catalogue.concepts()[member].label in (row.members or "") for member in concept.members)
        assert row.read_in and "[" not in row.read_in and not any("://" in system for system, _ in row.codes)


@pytest.mark.parametrize("name", gaps.rules())
def test_a_rule_sends_nobody_to_a_file(name: str) -> None:
    assert "docs/" not in gaps.rules()[name].text and ".md" not in gaps.rules()[name].text


def test_beginnings_and_codes_that_nobody_checked_are_told_as_such() -> None:
    codes = ("http://snomed.info/sct|1", "http://snomed.info/sct|2", "http://hl7.org/fhir/sid/icd-10-cm|E11*")
    made = rule._codes(Concept("x", "condition", "x", codes, "here", unverified=codes[1:2]))
    assert made.codes == (("SNOMED CT", "1, 2 (not checked)"), ("ICD-10-CM", "E11 and all below"))


def test_an_unknown_rule_is_not_found() -> None:
    with pytest.raises(Problem) as raised:
        rule.rule_page("cms0")
    assert raised.value.code == "not_found"
