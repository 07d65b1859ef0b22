"""A token reply: what of it is believed, what is left out and counted, and what ends the launch."""

import json
import time
from typing import Any

import pytest

from app.problems import Problem
from app.smart.context import ContextItem, context_from
from app.smart.token_reply import DEFAULT_SECONDS, LONGEST_SECONDS, MOST_ITEMS, context_of, token_of

BASE = "https://ehr.example/fhir"
LAUNCH = {"access_token": "t"}


def context(**members: Any) -> Any:
    return context_of(members, "launch openid patient/*.rs", BASE)


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (300, 300), ("300", 300), (0.5, 0.5), (10**9, LONGEST_SECONDS),
        *[(odd, DEFAULT_SECONDS) for odd in (None, 0, -1, True, "soon", "", [], {}, float("nan"), "nan")],
    ],
)  # fmt: skip
def test_a_token_ends_when_the_ehr_says_or_by_default_in_an_hour(expires_in: Any, seconds: float) -> None:
    reply = LAUNCH if expires_in is None else {**LAUNCH, "expires_in": expires_in}
    assert token_of(reply).expires_at == pytest.approx(time.time() + seconds, abs=2)


@pytest.mark.parametrize(("sent", "kept"), [("new", "new"), (None, "old"), ("", "old"), (7, "old")])
def test_a_refresh_token_is_kept_until_another_comes(sent: Any, kept: str) -> None:
    assert token_of({**LAUNCH, "refresh_token": sent}, "old").refresh == kept


@pytest.mark.parametrize("key", ["patient", "encounter"])
class TestPatientAndEncounter:
    def test_are_taken_as_they_are(self, key: str) -> None:
        assert getattr(context(**{key: "A-1.b"}), key) == "A-1.b"

    def test_that_are_left_out_or_null_are_none(self, key: str) -> None:
        assert getattr(context(), key) is getattr(context(**{key: None}), key) is None

    @pytest.mark.parametrize("odd", ["", "a/b", "a?b", "é", "x" * 65, 7, ["a"], {"id": "a"}, ".", "..", "a\n"])
    def test_that_are_no_fhir_ids_end_the_launch(self, key: str, odd: Any) -> None:
        with pytest.raises(Problem, match="token_invalid"):
            context(**{key: odd})


@pytest.mark.parametrize(("sent", "shown"), [(False, False), (True, True), (None, True), (0, True), ("false", True)])
def test_only_an_explicit_false_leaves_the_banner_out(sent: Any, shown: bool) -> None:
    assert context(need_patient_banner=sent).need_patient_banner is shown


@pytest.mark.parametrize("key", ["intent", "tenant"])
@pytest.mark.parametrize(
    ("sent", "kept"), [("x y", "x y"), ("", None), (None, None), (7, None), ("a\nb", None), ("x" * 3000, None)]
)
def test_intent_and_tenant_are_texts_of_one_line_or_none(key: str, sent: Any, kept: Any) -> None:
    assert getattr(context(**{key: sent}), key) == kept


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"reference": "ImagingStudy/7"}, ContextItem("reference", "ImagingStudy/7", "ImagingStudy", "launch")),
        ({"reference": f"{BASE}/Task/7"}, ContextItem("reference", "Task/7", "Task", "launch")),
        ({"reference": "Task/7", "type": "Task", "role": "urn:r"}, ContextItem("reference", "Task/7", "Task", "urn:r")),
        ({"canonical": "https://x.example/q|1", "type": "Questionnaire"},
         ContextItem("canonical", "https://x.example/q|1", "Questionnaire")),
        ({"canonical": "urn:oid:1.2"}, ContextItem("canonical", "urn:oid:1.2", None)),
        ({"identifier": {"system": "urn:s", "value": "v"}, "type": "Task"},
         ContextItem("identifier", "urn:s|v", "Task")),
        ({"identifier": {"value": "v"}}, ContextItem("identifier", "|v", None)),
        ({"reference": "Task/7", "__odd": 1, "https://x.example/y": 2}, ContextItem("reference", "Task/7", "Task")),
        *[(odd, None) for odd in (
            {}, "Task/7", None, 7, [], {"reference": "https://elsewhere.example/Task/7"}, {"reference": "Task"},
            {"reference": "Task/7/_history/1"}, {"reference": ["Task/7"]}, {"reference": "Task/7", "type": "Patient"},
            {"reference": "Task/7", "role": ""}, {"reference": "Task/7", "role": 7},
            {"reference": "Task/7", "type": "x y"}, {"reference": "Task/7", "role": None},
            {"canonical": "javascript:alert(1)"}, {"canonical": "https://x y"}, {"identifier": "v"},
            {"identifier": {"system": "urn:s"}}, {"type": "Task"},
        )],
    ],
)  # fmt: skip
def test_an_entry_of_fhir_context_is_kept_by_its_rules_or_counted(sent: Any, kept: ContextItem | None) -> None:
    whole = context(fhirContext=[sent, {"reference": "Task/1"}])
    assert whole.items[:-1] == ((kept,) if kept else ())
    assert whole.items_dropped == (kept is None)


@pytest.mark.parametrize(("sent", "dropped"), [(None, 0), ([], 0), ({"reference": "Task/1"}, 1), ("x", 1)])
def test_fhir_context_that_is_no_list_is_one_that_is_dropped(sent: Any, dropped: int) -> None:
    assert (context(fhirContext=sent).items, context(fhirContext=sent).items_dropped) == ((), dropped)


def test_fhir_context_without_end_is_cut_and_counted() -> None:
    many = context(fhirContext=[{"reference": "Task/1"}] * (MOST_ITEMS + 7))
    assert (len(many.items), many.items_dropped) == (MOST_ITEMS, 7)


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [("a b", ("a", "b")), ("", ()), *[(odd, ("launch", "openid", "patient/*.rs")) for odd in (None, ["a"], 7)]],
)
def test_a_reply_without_scope_grants_what_was_asked(scope: Any, scopes: tuple[str, ...]) -> None:
    assert context(scope=scope).scopes == scopes


def test_a_context_survives_its_way_through_json() -> None:
    whole = context(
        patient="p", encounter="e", intent="i", tenant="t", smart_style_url="https://ehr.example/s", scope="a b",
        fhirContext=[{"reference": "Task/1"}, 7],
    )  # fmt: skip
    assert context_from(json.loads(json.dumps(whole.as_json()))) == whole
