"""Each fault of a bulk export strikes as faults/README.md says, over real HTTP: some live in the framing of answers."""

import gzip
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
import pytest
import requests

from fhir_fixtures.ehr.faults.bulk_files import multibyte_line
from fhir_fixtures.ehr.vault import Access, Grant
from tests.conformance.bulk.live import Live, live_sandbox

Items = list[dict[str, Any]]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_sandbox(tmp_path_factory.mktemp("faults")) as found:
        yield found


class Client:
    """Exports Conditions and Observations under a fault; nothing is tried again, redirects are not followed."""

    def __init__(self, live: Live, faults: str) -> None:
        vault, words = live.app.extensions["sandbox"].vault, ["system/*.rs"]
        self.new_token = lambda: vault.access.put(Access(Grant("kindred-bulk", words), words), 300)
        live.app.extensions.get("bulk_jobs", {}).clear()  # a client may have five under way
        self.base, self.token = live.base(faults), self.new_token()

    def call(self, method: str, url: str, **headers: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", "Prefer": "respond-async", **headers}
        return requests.request(method, url, headers=headers, allow_redirects=False, timeout=10)

    def kick_off(self) -> requests.Response:
        return self.call("GET", f"{self.base}/$export?_type=Condition,Observation")

    def status_url(self) -> str:
        return self.kick_off().headers["Content-Location"]

    def manifest(self, url: str | None = None) -> dict[str, Any]:
        url = url or self.status_url()
        while (answer := self.call("GET", url)).status_code == 202:
            time.sleep(0.02)
        assert answer.status_code == 200, answer.status_code
        found: dict[str, Any] = answer.json()
        return found

    def files(self) -> Items:
        output: Items = self.manifest()["output"]
        return output


@pytest.mark.parametrize(("faults", "codes"), [
    ("status-transient=2", [500, 500, 202]), ("status-429=2", [429, 429, 202]), ("status-html=1", [502, 202, 202]),
    ("status-500=1", [500, 202, 202]), ("status-failed", [500, 500, 500]), ("job-forgotten", [404, 404, 404]),
    ("job-forgotten=3", [202, 202, 404])])  # fmt: skip
def test_status_calls_answer(faults: str, codes: list[int], live: Live) -> None:
    client = Client(live, f"case=codes,{faults}")
    url = client.status_url()
    found = [client.call("GET", url) for _ in codes]
    assert [202 if one.status_code == 200 else one.status_code for one in found] == codes
    transient = [one.status_code == 500 and one.json()["issue"][0]["code"] == "transient" for one in found]
    assert any(transient) == faults.startswith("status-transient")


def test_a_forgotten_job_is_forgotten_alone(live: Live) -> None:
    client = Client(live, "case=alone,job-forgotten")
    assert client.call("GET", client.status_url()).status_code == 404
    assert len(client.files()) == 6


@pytest.mark.parametrize(("faults", "seconds"), [
    ("status-429=1", 1), ("retry-after-hours=6,status-429=1", 21600),
    ("retry-after-date,retry-after-hours=6,status-429=1", 21600), ("retry-after-nonsense,status-429=1", None)])
def test_retry_after(faults: str, seconds: int | None, live: Live) -> None:
    client = Client(live, faults)
    text = client.call("GET", client.status_url()).headers["Retry-After"]
    if seconds is None:
        assert not text[0].isdigit()
    elif "date" in faults:
        assert abs(parsedate_to_datetime(text).timestamp() - time.time() - seconds) < 5
    else:
        assert int(text) == seconds


@pytest.mark.parametrize(("faults", "beginning"), [
    ("kickoff-no-location", None), ("kickoff-relative-location", "/~"), ("kickoff-foreign-location", "http://localhost:"),
    ("case=location", "http://127.0.0.1:")])  # fmt: skip
def test_where_the_status_is(faults: str, beginning: str | None, live: Live) -> None:
    answer = Client(live, faults).kick_off()
    assert answer.status_code == 202
    location = answer.headers.get("Content-Location")
    assert location is None if beginning is None else str(location).startswith(beginning)


@pytest.mark.parametrize(("faults", "code"), [("delete-404", 404), ("delete-500", 500), ("case=delete", 202)])
def test_deleting(faults: str, code: int, live: Live) -> None:
    client = Client(live, faults)
    url = client.status_url()
    assert client.call("DELETE", url).status_code == code
    assert (client.call("GET", url).status_code == 404) == (code == 202)


def test_a_revoked_token_is_refused_everywhere_until_there_is_a_new_one(live: Live) -> None:
    client = Client(live, "token-revoked=3")
    files = client.files()
    assert [client.call("GET", item["url"]).status_code for item in files[:4]] == [200, 200, 401, 401]
    client.token = client.new_token()
    assert [client.call("GET", item["url"]).status_code for item in files] == [200] * len(files)


@pytest.mark.parametrize(("faults", "codes"), [
    ("token-down=2", [503, 503, 400]), ("token-down-later=2", [400, 503, 503, 400])])
def test_the_token_endpoint_is_down(faults: str, codes: list[int], live: Live) -> None:
    url = Client(live, faults).base.removesuffix("/fhir") + "/auth/token"
    assert [requests.post(url, data={}, timeout=10).status_code for _ in codes] == codes


def manifest_shape(manifest: dict[str, Any]) -> Any:
    output = manifest["output"]
    return {"types": [item["type"][0] for item in output], "counts": [item.get("count") for item in output],
            "distinct": len({item["url"] for item in output}), "error": len(manifest["error"])}


PLAIN = {"types": [*"COOOOO"], "counts": [40] * 6, "distinct": 6, "error": 0}


@pytest.mark.parametrize(("faults", "difference"), [
    ("case=plain", {}), ("file-truncated-count", {"counts": [47] * 6}), ("file-zero-count", {"counts": [0] * 6}),
    ("file-no-count", {"counts": [None] * 6}), ("file-wrong-type", {"types": [*"CCOOOO"]}),
    ("manifest-duplicate", {"types": [*"COOOOOC"], "counts": [40] * 7}), ("manifest-warnings", {"error": 1}),
    ("manifest-errors", {"error": 1}), ("manifest-fatal", {"error": 1}),
    ("manifest-paged", {"types": ["C", "O"], "counts": [40] * 2, "distinct": 2}),
    ("lines-per-file=100", {"types": ["C", "O", "O"], "counts": [40, 100, 100], "distinct": 3})])
def test_the_manifest_differs_in_one_thing(faults: str, difference: dict[str, Any], live: Live) -> None:
    assert manifest_shape(Client(live, faults).manifest()) == {**PLAIN, **difference}


@pytest.mark.parametrize("severity", ["warning", "error", "fatal"])
def test_an_error_file_says_how_bad_it_is(severity: str, live: Live) -> None:
    client = Client(live, f"manifest-{severity}s".replace("fatals", "fatal"))
    (item,) = client.manifest()["error"]
    assert [issue["severity"] for issue in client.call("GET", item["url"]).json()["issue"]] == [severity]


def test_a_manifest_that_is_a_page(live: Live) -> None:
    client = Client(live, "manifest-not-json")
    url = client.status_url()
    while (answer := client.call("GET", url)).status_code == 202:
        time.sleep(0.02)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html")


def test_a_renewed_manifest_has_new_links_in_another_order(live: Live) -> None:
    client = Client(live, "file-expired=2,manifest-reordered")
    url = client.status_url()
    first = client.manifest(url)["output"]
    assert [client.call("GET", item["url"]).status_code for item in first[:3]] == [200, 200, 410]
    second = client.manifest(url)["output"]
    bare = [[item["url"].partition("?")[0] for item in output] for output in (first, second)]
    assert bare[1] == bare[0][::-1]
    assert {item["url"] for item in first}.isdisjoint(item["url"] for item in second)
    assert [client.call("GET", item["url"]).status_code for item in second] == [200] * 6


def raw(client: Client, url: str, **headers: str) -> tuple[dict[str, str], bytes, bool]:
    """Headers, the body as it came over the wire, and whether the connection broke before its end."""
    answer = requests.get(url, headers={"Authorization": f"Bearer {client.token}", **headers}, stream=True, timeout=10)
    body = b""
    try:
        for piece in answer.raw.stream(65536, decode_content=False):
            body += piece
    except Exception:
        return dict(answer.headers), body, True
    return dict(answer.headers), body, False


@pytest.fixture(scope="module")
def plain(live: Live) -> bytes:
    client = Client(live, "case=whole")
    return raw(client, client.files()[1]["url"], **{"Accept-Encoding": "identity"})[1]


def is_gzip_of(body: bytes, plain: bytes) -> bool:
    try:
        return gzip.decompress(body) == plain
    except EOFError:
        return False


@pytest.mark.parametrize(("faults", "broken", "whole", "coding"), [
    ("case=framing", False, True, None), ("file-cut=1", True, False, None), ("file-length-long=1", True, True, None),
    ("file-length-short=1", False, False, None), ("file-gzip-unasked", False, True, "gzip"),
    ("file-gzip-cut=1", False, False, "gzip"), ("file-drip=1000000", False, True, None)])
def test_a_file_arrives(faults: str, broken: bool, whole: bool, coding: str | None, live: Live, plain: bytes) -> None:
    client = Client(live, f"case=arrives,{faults}")
    url = client.files()[1]["url"]
    headers, body, broke = raw(client, url, **{"Accept-Encoding": "identity"})
    assert (broke, headers.get("Content-Encoding")) == (broken, coding)
    assert (is_gzip_of(body, plain) if coding else body == plain) == whole
    again = raw(client, url, **{"Accept-Encoding": "identity"})
    assert again[1] == plain or is_gzip_of(again[1], plain)


def test_a_dripping_file_takes_its_time(live: Live, plain: bytes) -> None:
    client = Client(live, f"file-drip={2 * len(plain)}")
    url, began = client.files()[1]["url"], time.monotonic()
    assert client.call("GET", url, **{"Accept-Encoding": "identity"}).content == plain
    assert 0.4 < time.monotonic() - began < 5


def test_letters_lie_over_every_border(live: Live) -> None:
    client = Client(live, "multibyte-borders")
    first = next(item for item in client.files() if item["type"] == "Observation")
    body = client.call("GET", first["url"]).content
    line = body.split(b"\n")[0]
    assert line == multibyte_line() and orjson.loads(line)["id"] == "borders"
    assert first["count"] == body.count(b"\n") == 41
    for power in range(12, 21):
        with pytest.raises(UnicodeDecodeError):
            line[: 1 << power].decode()


def test_a_job_under_way_may_be_deleted(live: Live) -> None:
    client = Client(live, "job-slow=30")
    url = client.status_url()
    assert [client.call(method, url).status_code for method in ("GET", "DELETE", "GET")] == [202, 202, 404]
