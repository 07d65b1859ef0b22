"""SMART scopes: what is asked of which server, and what a grant lets us do."""

import pytest

from app.smart.scopes import Granted, to_request

LAB = "category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
VITAL = "category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs"
ENCODED = "category=http%3A%2F%2Fterminology.hl7.org%2FCodeSystem%2Fobservation-category%7C"


@pytest.mark.parametrize(
    ("granted", "read", "search"),
    [
        ("patient/Observation.rs", True, True),
        ("patient/Observation.read", True, True),  # version 1 though version 2 was asked
        ("patient/*.rs", True, True),
        ("patient/*.*", True, True),
        ("patient/*.cruds", True, True),
        ("user/Observation.rs", True, True),  # with a patient in context
        ("user/*.read", True, True),
        ("patient/Observation.r", True, False),
        ("patient/Observation.s", False, True),
        ("patient/Observation.r patient/Observation.s", True, True),
        ("patient/Observation.sr", True, True),  # out of order, and clear
        (f"patient/Observation.rs?{LAB}", True, True),
        ("patient/Observation.write", False, False),
        ("patient/Observation.cud", False, False),
        ("patient/Condition.rs", False, False),
        ("system/Observation.rs", False, False),  # not a right of this user or patient
        ("patient/Observation.reads", False, False),  # no scope at all
        ("patient/Observation.search", False, False),
        ("patient/Observation.rrs", False, False),
        ("patient/Observation", False, False),
        ("patient/Observations.rs", False, False),
        ("xpatient/Observation.rs", False, False),
        ("launch openid fhirUser", False, False),
        ("", False, False),
    ],
)
def test_which_grant_lets_us_read_and_search(granted: str, read: bool, search: bool) -> None:
    mine = Granted(tuple(granted.split()))
    assert (mine.may_read("Observation"), mine.may_search("Observation")) == (read, search)


@pytest.mark.parametrize(
    ("granted", "whole", "user_level"),
    [
        ("user/Patient.rs", True, True),
        ("user/Patient.s", True, True),
        ("user/Patient.read", True, True),
        ("user/*.rs", True, True),
        ("user/*.*", True, True),
        ("patient/Patient.rs user/Patient.rs", True, True),
        ("user/Patient.r", False, True),
        ("user/Patient.cud", False, True),
        ("user/Patient.write", False, True),
        ("user/Patient.rs?general-practitioner=p1", False, True),  # a part, and a list would claim the whole
        ("user/Observation.rs", False, True),
        ("patient/Patient.rs", False, False),
        ("patient/*.cruds", False, False),
        ("system/Patient.rs", False, False),
        ("user/Patients.rs", False, True),
        ("users/Patient.rs", False, False),
        ("user/Patient", False, False),
        ("launch openid fhirUser", False, False),
        ("", False, False),
    ],
)
def test_which_grant_lets_the_user_search_beyond_the_open_chart(granted: str, whole: bool, user_level: bool) -> None:
    mine = Granted(tuple(granted.split()))
    assert (mine.may_search_for_user("Patient"), mine.has_user_level) == (whole, user_level)


@pytest.mark.parametrize(
    ("granted", "searches", "parts"),
    [
        ("patient/Observation.rs", (), ()),
        (f"patient/Observation.rs?{LAB}", (f"{ENCODED}laboratory",), ("laboratory",)),
        (
            f"patient/Observation.rs?{LAB} patient/Observation.rs?{VITAL} user/Observation.rs?{LAB}",
            (f"{ENCODED}laboratory", f"{ENCODED}vital-signs"), ("laboratory", "vital-signs"),
        ),
        (f"patient/Observation.rs?{ENCODED}laboratory", (f"{ENCODED}laboratory",), ("laboratory",)),
        ("patient/Observation.rs?category=laboratory", ("category=laboratory",), ("laboratory",)),
        (f"patient/Observation.rs?{LAB} patient/*.rs", (), ()),  # the whole is granted too
        (f"patient/Observation.rs?{LAB} patient/Observation.r", (f"{ENCODED}laboratory",), ("laboratory",)),
        (f"patient/Observation.r?{LAB}", (), ()),
        ("patient/Observation.rs?status=final", ("status=final",), ()),
        ("patient/Observation.rs?category=a&status=final", ("category=a&status=final",), ()),
        ("patient/Observation.rs?patient=p2", (), ()),
        ("patient/Observation.rs?category=a&subject:Patient=p2", (), ()),
        ("patient/Observation.rs?_include=*", (), ()),
        ("patient/Observation.rs?category=", (), ()),
        ("patient/Observation.read?category=a", (), ()),  # version 1 has no parts
    ],
)  # fmt: skip
def test_a_part_that_is_granted_is_searched_for_by_itself(
    granted: str, searches: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    mine = Granted(tuple(granted.split()))
    assert mine.narrowings("Observation") == searches
    assert mine.is_narrowed("Observation") is bool(searches)
    assert mine.parts("Observation") == parts


REGISTERED = (
    "launch", "openid", "patient/Patient.r", "patient/Condition.rs",
    f"patient/Observation.rs?{LAB}", f"patient/Observation.rs?{VITAL}",
)  # fmt: skip
AS_REGISTERED = " ".join(REGISTERED)
V1 = "launch openid patient/Patient.read patient/Condition.read patient/Observation.read"


@pytest.mark.parametrize(
    ("capabilities", "supported", "asked"),
    [
        ([], [], AS_REGISTERED),
        (["permission-v1", "permission-v2"], [], AS_REGISTERED),
        (["permission-v2"], [], AS_REGISTERED),
        (["permission-v1"], [], V1),
        ([], ["openid", "patient/*.read"], V1),  # an older server that says nothing of versions
        ([], ["patient/*.*"], V1),
        ([], ["patient/*.cruds"], AS_REGISTERED),
        ([], ["patient/*.read", "patient/*.rs"], AS_REGISTERED),
        (["permission-v2"], ["patient/Observation.rs", REGISTERED[-2], REGISTERED[-1]], AS_REGISTERED),
        (
            ["permission-v2"], ["patient/Observation.rs", "patient/Condition.rs"],
            "launch openid patient/Patient.r patient/Condition.rs patient/Observation.rs",
        ),
        (
            ["permission-v2"], ["patient/Observation.rs", REGISTERED[-2]],
            "launch openid patient/Patient.r patient/Condition.rs patient/Observation.rs",
        ),
    ],
)  # fmt: skip
def test_scopes_are_asked_in_the_words_that_the_server_knows(
    capabilities: list[str], supported: list[str], asked: str
) -> None:
    assert to_request(REGISTERED, True, capabilities, supported) == asked


@pytest.mark.parametrize(
    ("registered", "capability", "asked"),
    [
        ("patient/Condition.read", "permission-v2", "patient/Condition.rs"),
        ("patient/*.*", "permission-v2", "patient/*.cruds"),
        ("patient/Condition.write", "permission-v2", "patient/Condition.cud"),
        ("patient/Condition.s", "permission-v1", "patient/Condition.read"),
        ("patient/Condition.c", "permission-v1", "patient/Condition.write"),
        ("user/Condition.cruds", "permission-v1", "user/Condition.*"),
    ],
)
def test_each_right_has_its_word_in_the_other_version(registered: str, capability: str, asked: str) -> None:
    assert to_request([registered], True, [capability]) == f"launch {asked}"


def test_the_launch_scope_follows_the_kind_of_launch() -> None:
    registered = ("launch", "openid", "patient/*.rs")
    assert to_request(registered, ehr_launch=True) == "launch openid patient/*.rs"
    assert to_request(registered, ehr_launch=False) == "launch/patient openid patient/*.rs"


@pytest.mark.parametrize(("granted", "create"), [
    ("patient/RiskAssessment.cs", True), ("patient/*.cruds", True), ("user/RiskAssessment.write", True),
    ("patient/RiskAssessment.*", True), ("patient/RiskAssessment.c?status=final", True),
    ("patient/RiskAssessment.rs", False), ("patient/RiskAssessment.read", False), ("patient/Provenance.c", False),
    ("patient/RiskAssessment.u", False), ("system/RiskAssessment.c", False), ("launch openid", False),
])  # fmt: skip
def test_which_grant_lets_us_create(granted: str, create: bool) -> None:
    assert Granted(tuple(granted.split())).may_create("RiskAssessment") is create
