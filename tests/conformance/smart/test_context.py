"""Launch context: taken where it is given, said where it is missing, never guessed; odd forms harm nothing."""

import re
from html import escape, unescape
from typing import Any
from urllib.parse import urlencode, urljoin

import pytest

from tests.conformance.smart.answers import says, with_parts
from tests.conformance.smart.browser import Browser, patient_of, problem_of
from tests.conformance.smart.world import TOKEN, Ehr, World
from tests.flow.people import ANA, BEN

SCRIPT = "<script>alert(1)</script>"


def opened(ehr: Ehr, browser: Browser, **parts: Any) -> str:
    """The chart page of a launch whose token reply has these parts."""
    ehr.change(TOKEN, with_parts(**parts))
    page = browser.open(ehr.launch_url(ANA))
    assert patient_of(page) == ANA
    return page.text


def plain(text: str) -> str:
    """A page without what differs from launch to launch."""
    return re.sub(r"/s/[A-Za-z0-9_-]{43}/|[0-9a-f]{64}|[0-9a-f]{32}|\s+", " ", text)


@pytest.mark.parametrize("value", [True, None, "false", 0])
def test_req_173_the_patient_is_named_unless_the_ehr_says_that_it_does(
    ehr: Ehr, browser: Browser, value: Any
) -> None:
    text = opened(ehr, browser, need_patient_banner=value)
    assert '<header class="banner">' in text and "MRN-0001" in text


def test_req_173_the_banner_is_left_out_where_the_ehr_has_one(ehr: Ehr, browser: Browser) -> None:
    assert '<header class="banner">' not in opened(ehr, browser, need_patient_banner=False)


@pytest.fixture(scope="module")
def usual(world: World) -> str:
    """The page of a launch without an intent."""
    return plain(opened(world.ehr(), Browser(), intent=None))


@pytest.mark.parametrize("intent", ["reconcile-medications", SCRIPT, 7, "x" * 5_000])
def test_req_174_193_an_intent_that_is_not_known_shows_the_usual_page(
    ehr: Ehr, browser: Browser, usual: str, intent: Any
) -> None:
    assert plain(opened(ehr, browser, intent=intent)) == usual


@pytest.mark.parametrize("tenant", ["tenant-7", "T & Co", None])
def test_req_176_a_tenant_is_shown_as_it_is(ehr: Ehr, browser: Browser, tenant: str | None) -> None:
    text = opened(ehr, browser, tenant=tenant)
    assert (f"<code>{escape(tenant)}</code>" in text) if tenant else ("<dt>Tenant</dt>" not in text)


@pytest.mark.parametrize("tenant", [SCRIPT, 7, ["a"], "x" * 5_000, "a\nb"])
def test_req_176_a_tenant_in_an_odd_form_harms_nothing(ehr: Ehr, browser: Browser, tenant: Any) -> None:
    text = opened(ehr, browser, tenant=tenant)
    assert SCRIPT not in text and "x" * 500 not in text


CONTEXT = [
    ([{"reference": "ImagingStudy/123"}], "Imaging study."),
    ([{"reference": "Task/1"}, {"reference": "Task/2", "role": "launch"}], "Task (2)."),
    ([{"reference": "Task/1", "role": "https://vendor.example/role"}], "Task, as “https://vendor.example/role”."),
    ([{"canonical": "http://example.org/Questionnaire/phq|1.0", "type": "Questionnaire"}], "Questionnaire."),
    ([{"identifier": {"system": "urn:x", "value": "77"}, "type": "ServiceRequest"}], "Service request."),
]


@pytest.mark.parametrize(("items", "told"), CONTEXT, ids=[told for _, told in CONTEXT])
def test_req_172_179_181_183_186_191_further_context_is_named_with_its_role(
    ehr: Ehr, browser: Browser, items: list[dict[str, Any]], told: str
) -> None:
    text = " ".join(opened(ehr, browser, fhirContext=items).split())
    assert f"<dt>Together with</dt><dd> {told}" in text


@pytest.mark.parametrize("items", [[], None])
def test_req_172_no_further_context_is_no_word(ehr: Ehr, browser: Browser, items: Any) -> None:
    assert "Together with" not in opened(ehr, browser, fhirContext=items)


@pytest.mark.parametrize(
    "items",
    ["Task/1", {"reference": "Task/1"}, [7, None, []], [{}], [{"reference": 7}], [{"reference": SCRIPT}],
     [{"reference": "{foreign}/fhir/Task/1"}], [{"reference": "Task/1", "role": ""}], [{"reference": "../../x"}],
     [{"reference": "Patient/ben-2"}], [{"reference": "Task/1"}] * 5_000],
)  # fmt: skip
def test_req_172_further_context_in_odd_forms_harms_nothing(
    ehr: Ehr, browser: Browser, world: World, items: Any
) -> None:
    if isinstance(items, list) and items and isinstance(items[0], dict):
        items = [{k: str(v).format(foreign=world.foreign_url) if "{f" in str(v) else v for k, v in i.items()}
                 for i in items]  # fmt: skip
    assert SCRIPT not in opened(ehr, browser, fhirContext=items)
    assert world.foreign_seen == [] and not any(BEN in seen.path + str(seen.query) for seen in ehr.reads())


@pytest.mark.parametrize(
    ("encounter", "told"),
    [("ana-1-e-6", "Visit, from 01-Jun-2026."), ("another", "A visit that could not be read."),
     (None, "The EHR did not say from which visit this was opened.")],
)  # fmt: skip
def test_req_171_the_visit_is_told_or_that_there_is_none(
    ehr: Ehr, browser: Browser, encounter: str | None, told: str
) -> None:
    assert f"<dt>Visit</dt><dd>{told}</dd>" in opened(ehr, browser, encounter=encounter)


STYLE = {"color_background": "#123456", "color_text": "#fefefe", "color_error": "red;} body{display:none",
         "dim_font_size": "13px", "dim_border_radius": "url(https://evil.example/x)", "evil": SCRIPT}  # fmt: skip


def test_req_175_a_style_of_the_ehrs_own_is_taken_in_allowed_values_alone(ehr: Ehr, browser: Browser) -> None:
    ehr.change("/style.json", says(STYLE))
    text = opened(ehr, browser, smart_style_url=f"{ehr.base}/style.json")
    links = re.findall(r'rel="stylesheet" href="(/s/[^"]+)"', text)
    sheet = browser.get(urljoin(ehr.app_url, unescape(links[0])))
    assert sheet.headers["Content-Type"].startswith("text/css") and "#123456" in sheet.text and "#fefefe" in sheet.text
    assert not any(word in text + sheet.text for word in ("evil", "display", "url(", "script>"))
    assert all(seen.bearer is None for seen in ehr.seen("/style.json"))


@pytest.mark.parametrize(
    "url",
    ["{foreign}/style.json", "file:///etc/passwd", "javascript:alert(1)", 7, "//elsewhere.example/s", "http://["],
)
def test_req_175_a_style_elsewhere_is_not_asked_for(ehr: Ehr, browser: Browser, world: World, url: Any) -> None:
    told = url.format(foreign=world.foreign_url) if isinstance(url, str) else url
    text = opened(ehr, browser, smart_style_url=told)
    assert world.foreign_seen == [] and "javascript:" not in text and "elsewhere.example" not in text


@pytest.mark.parametrize("answer", [says("no", 500, "text/plain"), says("[]"), says("{"), says(b"\xff")])
def test_req_175_a_style_that_cannot_be_read_leaves_the_page_as_it_is(
    ehr: Ehr, browser: Browser, answer: Any
) -> None:
    ehr.change("/style.json", answer)
    opened(ehr, browser, smart_style_url=f"{ehr.base}/style.json")


def test_req_083_152_166_a_standalone_launch_without_a_patient_says_so(ehr: Ehr, browser: Browser) -> None:
    ehr.change(TOKEN, with_parts(patient=None))
    page = browser.standalone(f"{ehr.app_url}/launch?{urlencode({'iss': ehr.fhir})}", BEN)
    assert problem_of(page) == "no_patient" and "Baker" not in page.text


def test_req_166_173_a_standalone_launch_names_the_patient_that_was_chosen(ehr: Ehr, browser: Browser) -> None:
    page = browser.standalone(f"{ehr.app_url}/launch?{urlencode({'iss': ehr.fhir})}", ANA)
    assert patient_of(page) == ANA and '<header class="banner">' in page.text
