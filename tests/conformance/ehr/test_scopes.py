"""SMART scope syntax and what of a request is granted."""

import pytest

from fhir_fixtures.ehr.scopes import granted, parse


@pytest.mark.parametrize(("text", "actions"), [
    ("patient/Observation.rs", "rs"), ("patient/*.cruds", "cruds"), ("user/Patient.r", "r"), ("system/*.read", "rs"),
    ("patient/Observation.write", "cud"), ("patient/Observation.*", "cruds"),
])  # fmt: skip
def test_a_scope_says_which_actions(text: str, actions: str) -> None:
    scope = parse(text)
    assert scope is not None
    assert scope.actions == actions


@pytest.mark.parametrize("text", [
    "patient/Observation", "patient/Observation.", "patient/Observation.sr", "patient/Observation.rx",
    "patient/observation.r",
    "nurse/Observation.r", "patient/Observation.rs?code=1", "patient/Observation.rs?category=a&code=b", "openid", "",
    "patient/Observation.read?category=a", "patient/Observation.rs?category=",
])  # fmt: skip
def test_what_is_no_scope(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(("asked", "allowed", "given"), [
    ("patient/Observation.rs", "patient/*.rs", "patient/Observation.rs"),
    ("patient/Observation.cruds", "patient/*.rs", "patient/Observation.rs"),
    ("patient/Observation.*", "patient/*.rs", "patient/Observation.rs"),
    ("patient/Observation.read", "patient/*.rs", "patient/Observation.read"),
    ("patient/*.rs", "patient/Observation.rs", ""),
    ("patient/Observation.rs", "patient/Observation.rs?category=a", ""),
    ("patient/Observation.cruds?category=a", "patient/Observation.rs", "patient/Observation.rs?category=a"),
    ("user/Observation.rs", "patient/*.cruds", ""),
    ("system/*.rs openid", "system/*.rs openid", "openid"),
    ("openid launch openid", "openid launch", "openid launch"),
])  # fmt: skip
def test_granted_is_the_part_of_the_request_that_is_registered(asked: str, allowed: str, given: str) -> None:
    assert " ".join(granted(asked, allowed, ("patient", "user"))) == given
