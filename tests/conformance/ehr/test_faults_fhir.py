"""Faults of reads and searches: each does what its line in faults/README.md says, over real HTTP."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests

Check = Callable[[requests.Response, Any], bool]


@pytest.fixture(scope="module")
def token(live: Any) -> str:
    from fhir_fixtures.ehr.vault import Access, Grant

    words = ["patient/*.rs"]
    granted = Access(Grant("kindred", words, patient="anna"), words)
    return str(live.app.extensions["sandbox"].vault.access.put(granted, 600))


def status(expected: int, mimetype: str = "application/fhir+json", **headers: str) -> Check:
    def check(answer: requests.Response, live: Any) -> bool:
        right = all(answer.headers.get(name.replace("_", "-")) == value for name, value in headers.items())
        return answer.status_code == expected and answer.headers["Content-Type"].startswith(mimetype) and right

    return check


def issue(expected: int, code: str) -> Check:
    return lambda answer, live: answer.status_code == expected and answer.json()["issue"][0]["code"] == code


def whole(answer: requests.Response, live: Any) -> bool:
    return answer.status_code == 200 and answer.json()["resourceType"] in ("Patient", "Bundle")


ANSWERS: list[tuple[str, str, Check]] = [
    ("fhir-500", "Patient/anna", issue(500, "exception")),
    ("fhir-500=Observation", "Observation", issue(500, "exception")),
    ("fhir-500=Observation", "Patient/anna", whole),
    ("fhir-500", "metadata", status(200)),
    ("fhir-slow=0.3", "Patient/anna", lambda answer, live: answer.elapsed.total_seconds() > 0.3),
    ("fhir-401", "Patient/anna", issue(401, "login")),
    ("fhir-401=Observation", "Patient/anna", whole),
    ("fhir-plain-401", "Patient/anna", status(401, "text/plain")),
    ("fhir-plain-401=Observation", "Patient/anna", whole),
    ("fhir-403=Observation", "Observation", issue(403, "forbidden")),
    ("fhir-403=Observation", "Condition", whole),
    ("fhir-404=Observation", "Observation", issue(404, "not-supported")),
    ("fhir-404=Observation", "Condition", whole),
    ("fhir-410", "Patient/anna", issue(410, "deleted")),
    ("fhir-429", "Observation", status(429, Retry_After="36000")),
    ("fhir-429=7", "Observation", status(429, Retry_After="7")),
    ("fhir-503", "Observation", status(503, Retry_After="36000")),
    ("fhir-outcome-200=Observation", "Observation", issue(200, "processing")),
    ("fhir-outcome-200=Observation", "Condition", whole),
    ("fhir-html", "Observation", status(200, "text/html")),
    ("fhir-html=Observation", "Condition", whole),
    ("fhir-broken-json", "Observation", lambda answer, live: answer.text == '{"resourceType":"Bundle","type":"sear'),
    ("fhir-empty", "Observation", lambda answer, live: answer.status_code == 200 and not answer.content),
    ("fhir-huge=3", "Observation", lambda answer, live: 3_000_000 < len(answer.content) < 3_100_000),
    ("fhir-redirect", "Observation?code=1", lambda answer, live: answer.status_code == 307
     and answer.headers["Location"] == f"{live.foreign_url}/fhir/Observation?code=1"),
    ("fhir-redirect=Observation", "Condition", whole),
    ("fhir-wrong-patient", "Patient/anna", lambda answer, live: answer.json()["id"] == "somebody-else"),
    ("fhir-wrong-patient", "Patient", lambda answer, live: answer.json()["entry"][0]["resource"]["id"]
     == "somebody-else"),
    ("fhir-wrong-patient", "Observation", lambda answer, live: "somebody" not in answer.text),
    ("search-500=Observation", "Observation", issue(500, "exception")),
    ("search-500=Observation", "Observation/anna-bp", lambda answer, live: answer.status_code == 200),
    ("search-refuses=category", "Observation?category=laboratory", issue(400, "not-supported")),
    ("search-refuses=category", "Observation", whole),
    ("search-ignores=category", "Observation?category=none", lambda answer, live: answer.json()["total"] == 4
     and "?" not in answer.json()["link"][0]["url"]),
    ("search-ignores=code", "Observation?category=none", lambda answer, live: answer.json()["total"] == 0),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "path", "check"), ANSWERS)
def test_an_answer_is_wrong_in_the_way_it_says(
    under: Any, live: Any, token: str, fault: str, path: str, check: Check
) -> None:
    assert check(under(fault).fhir(path, token, allow_redirects=False), live)


@pytest.mark.parametrize(("fault", "code"), [("fhir-401-once", 401), ("fhir-429-once=1", 429), ("fhir-503-once", 503)])
def test_a_fault_of_once_is_over_the_second_time(under: Any, token: str, fault: str, code: int) -> None:
    client = under(f"case=once,{fault}")
    assert [client.fhir("Patient/anna", token).status_code for _ in range(3)] == [code, 200, 200]


def test_a_search_by_post_can_be_refused_too(under: Any, token: str) -> None:
    found = under("search-refuses=category").fhir("Observation/_search", token, "POST", data={"category": "a"})
    assert found.status_code == 400


def test_a_drip_is_byte_by_byte(under: Any, token: str) -> None:
    answer = under("fhir-drip=0.05").fhir("Patient/anna", token, stream=True)
    pieces = answer.raw.stream(1)
    with answer:
        began = time.monotonic()
        assert [next(pieces) for _ in range(5)] == [b"{", b'"', b"r", b"e", b"s"]
        assert time.monotonic() - began > 0.1  # four rests of 0.05 s, but for what was on its way before


def test_a_cut_answer_is_shorter_than_promised(under: Any, token: str) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        under("fhir-cut").fhir("Patient/anna", token)


def test_a_bomb_is_small_on_the_way_and_large_at_home(under: Any, token: str) -> None:
    with under("fhir-bomb").fhir("Patient/anna", token, stream=True) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert int(answer.headers["Content-Length"]) < 2_000_000
        assert sum(map(len, answer.iter_content(1_000_000))) > 200_000_000


@pytest.mark.parametrize(("path", "found"), [("Observation", 5), ("Coverage", 1), ("Patient", 1)])
def test_a_bundle_has_somebody_elses_resource(under: Any, token: str, path: str, found: int) -> None:
    entries = under("search-other-patient").fhir(path, token).json()["entry"]
    strangers = [entry["resource"] for entry in entries if "somebody-else" in str(entry)]
    assert len(entries) == found
    assert [one["subject"]["reference"] for one in strangers] == ["Patient/somebody-else"] * (path != "Patient")


def test_a_bundle_says_that_something_is_withheld(under: Any, token: str) -> None:
    entry = under("search-withheld=Observation").fhir("Observation", token).json()["entry"][-1]
    assert (entry["search"]["mode"], entry["resource"]["issue"][0]["code"]) == ("outcome", "suppressed")


def follow(client: Any, token: str, pages: int) -> tuple[list[str], list[str]]:
    """Addresses of so many pages of a search, and the first id on each."""
    urls, ids = [f"{client.live.fhir_base}/Observation?code=4548-4"], []
    for _ in range(pages):
        bundle = client.fhir(urls[-1], token).json()
        ids.append(bundle["entry"][0]["resource"]["id"])
        url = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
        urls.append(urljoin(f"{client.live.fhir_base}/", url))
    return urls, ids


@pytest.mark.parametrize("fault", ["next-endless", "next-relative"])
def test_endless_pages_are_all_different(under: Any, token: str, fault: str) -> None:
    urls, ids = follow(under(fault), token, 5)
    assert len(set(urls)) == 6
    assert len(set(ids)) == 5


def test_pages_of_a_cycle_come_again(under: Any, token: str) -> None:
    urls, _ = follow(under("next-cycle"), token, 5)
    assert len(set(urls)) == 3
    assert urls[1] == urls[3] == urls[5]


@pytest.mark.parametrize("fault", ["next-foreign", "next-disguised=Observation"])
def test_a_next_link_leads_away(under: Any, live: Any, token: str, fault: str) -> None:
    client = under(fault)
    bundle = client.fhir("Observation", token).json()
    url = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
    assert f"http://127.0.0.1:{urlsplit(url).port}" == live.foreign_url
    assert url.startswith(live.base_url) is fault.startswith("next-disguised")


def test_a_next_link_may_be_no_url(under: Any, token: str) -> None:
    links = under("next-nonsense").fhir("Observation", token).json()["link"]
    assert links[-1] == {"relation": "next", "url": "http://["}


def test_the_foreign_host_answers_and_has_no_faults(live: Any, client: Any, token: str) -> None:
    foreign = replace(live, base_url=live.foreign_url)
    assert client.fhir(f"{foreign.fhir_base}/Patient/anna", token).json()["id"] == "anna"
