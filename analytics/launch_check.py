"""One scripted EHR launch, over HTTP alone, as a browser does it: patient list, chart, frame, app, rendered page."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests

from analytics.errors import EhrError

SECONDS = 30  # for each page
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})


@dataclass
class Page(HTMLParser):
    """What the check wants to know of a page: links, the frame, the patient, the group's title, how many reasons."""

    links: list[str] = field(default_factory=list)
    frame: str | None = None
    patient: str | None = None
    title: str = ""
    reasons: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "a":
            self.links.append(named.get("href") or "")
        if tag == "iframe":
            self.frame = named.get("src")
        if tag == "main" and "data-patient" in named:
            self.patient = named["data-patient"]
        if tag == "li" and "reasons" in self._open:
            self.reasons += 1
        if tag not in VOID:
            self._open.append(named.get("id") or (named.get("class") if tag == "ol" else None) or tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "group-title":
            self.title += data


def launch_once(launcher: str) -> dict[str, Any]:
    """Launch the app for the first patient of the EHR's list.

    Returns {"status", "patient", "group", "reasons"}: HTTP status of the last page, the patient on it, the title of the
    group (None where none is shown), the number of reasons. Raises EhrError when the EHR's own pages cannot be read.
    """
    browser = requests.Session()
    _, listed = _read(browser, launcher)
    chart = next((link for link in listed.links if "/chart/" in link), None)
    if chart is None:
        raise EhrError("The EHR's patient list holds no patient.", "Look at the launcher's page.")
    chart_url = urljoin(launcher, chart)
    _, framed = _read(browser, chart_url)
    if framed.frame is None:
        raise EhrError("The EHR's chart page opens no app.", "Look at the chart's page.")
    status, page = _read(browser, urljoin(chart_url, framed.frame))
    shown = bool(page.title) and page.reasons > 0
    return {
        "status": status,
        "patient": page.patient,
        "group": page.title.strip() if shown else None,
        "reasons": page.reasons,
    }


def _read(browser: requests.Session, url: str) -> tuple[int, Page]:
    try:
        answer = browser.get(url, timeout=SECONDS)
    except requests.RequestException as error:
        raise EhrError(
            f"A page of the launch did not come ({type(error).__name__}).", "Look at the messages above."
        ) from None
    page = Page()
    page.feed(answer.text)
    return answer.status_code, page
