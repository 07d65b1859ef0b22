"""The scripted launch of `kindred demo --check`: it reports what is on the last page, whatever that is."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from analytics.errors import EhrError
from analytics.launch_check import launch_once

LIST = '<a href="/elsewhere">x</a><a href="/chart/p1">ZZCANARY</a><a href="/chart/p2">y</a>'
CHART = '<iframe src="../app?patient=p1"></iframe>'
PAGE = """<main data-patient="p1"><h2 id="group-title">Diabetes &amp; <br>high HbA1c</h2>
<ol class="reasons"><li>one<img></li><li>two</li></ol><ol class="missing"><li>x</li></ol></main>"""


class Site(BaseHTTPRequestHandler):
    """Pages by path; (status, text)."""

    pages: dict[str, tuple[int, str]]

    def do_GET(self) -> None:
        status, text = self.pages.get(self.path, (404, "none"))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def site() -> Iterator[tuple[str, dict[str, tuple[int, str]]]]:
    Site.pages = {"/": (200, LIST), "/chart/p1": (200, CHART), "/app?patient=p1": (200, PAGE)}
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", Site.pages
        server.shutdown()


Live = tuple[str, dict[str, tuple[int, str]]]


def test_the_first_patient_of_the_list_is_launched(site: Live) -> None:
    found = launch_once(site[0])
    assert found == {"status": 200, "patient": "p1", "group": "Diabetes & high HbA1c", "reasons": 2}


@pytest.mark.parametrize(
    ("status", "page", "found"),
    [
        (500, "<p>no</p>", {"status": 500, "patient": None, "group": None, "reasons": 0}),
        (200, PAGE.replace("group-title", "note"), {"status": 200, "patient": "p1", "group": None, "reasons": 2}),
        (200, PAGE.replace("reasons", "x"), {"status": 200, "patient": "p1", "group": None, "reasons": 0}),
    ],
)
def test_a_page_without_a_group_is_reported_as_such(
    site: Live, status: int, page: str, found: dict[str, object]
) -> None:
    site[1]["/app?patient=p1"] = (status, page)
    assert launch_once(site[0]) == found


@pytest.mark.parametrize(("path", "said"), [("/", "holds no patient"), ("/chart/p1", "opens no app")])
def test_the_ehrs_own_pages_must_be_there(site: Live, path: str, said: str) -> None:
    site[1][path] = (200, "<p>nothing</p>")
    with pytest.raises(EhrError, match=said):
        launch_once(site[0])


def test_nobody_answers() -> None:
    with pytest.raises(EhrError, match="did not come") as failed:
        launch_once("http://127.0.0.1:1/?patient=ZZCANARY")
    assert "ZZCANARY" not in str(failed.value)
