"""A browser that knows nothing of the app: it follows redirects, sends forms, keeps cookies and remembers its way."""

import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

SECONDS = 30
CHART = "chart"


class Form(HTMLParser):
    """The first form of a page that posts: what it sends by itself, and what its buttons offer, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: list[tuple[str, str]] = []
        self.choices: list[tuple[str, str]] = []
        self._open = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None and given.get("method", "").lower() == "post":
            self.action, self._open = given.get("action", ""), True
        if self._open and tag in ("input", "button") and given.get("name"):
            is_choice = tag == "button" or given.get("type") in ("radio", "submit")
            (self.choices if is_choice else self.fields).append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False


class Browser:
    """One person's browser. `pages` holds every reply it got, redirects too, in order."""

    def __init__(self) -> None:
        self.http = requests.Session()
        self.http.headers["User-Agent"] = "A browser"
        self.pages: list[requests.Response] = []

    def get(self, url: str) -> requests.Response:
        """One request, no redirect followed."""
        page = self.http.get(url, allow_redirects=False, timeout=SECONDS)
        self.pages.append(page)
        return page

    def open(self, url: str, *, until: str | None = None) -> requests.Response:
        """Follow redirects, and the form by which an app may send its request; stop before a path `until`."""
        page = self.get(url)
        for _ in range(12):
            if not (target := self._onward(page)):
                return page
            if until and urlsplit(target).path == until:
                return page
            page = self.post(page) if page.status_code == 200 else self.get(target)
        raise AssertionError("the browser went round in circles")

    def callback(self, launch_url: str) -> str:
        """A launch up to the callback, and the callback's address with its code and state."""
        page = self.open(launch_url, until="/callback")
        return urljoin(page.url, page.headers["Location"])

    def launch(self, launch_url: str) -> str:
        """A launch up to the chart's address, which costs less than the chart: "chart", or the problem's code."""
        page = self.open(launch_url, until="/callback")
        page = self.get(urljoin(page.url, page.headers["Location"])) if page.is_redirect else page
        if page.is_redirect and re.fullmatch(r"/s/[A-Za-z0-9_-]{20,}/", urlsplit(page.headers["Location"]).path):
            return CHART
        return problem_of(page) or f"HTTP {page.status_code}"

    def close(self, page: requests.Response) -> requests.Response:
        """Send the form that ends a launch: the last one of a chart page."""
        begin = page.text.rindex("<form")
        return self._send(page, Form(page.text[begin:]), {})

    def post(self, page: requests.Response, **values: str | None) -> requests.Response:
        """Send the form of a page; `values` set fields, None takes the first one of that name."""
        return self._send(page, Form(page.text), values)

    def _send(self, page: requests.Response, form: "Form", values: dict[str, str | None]) -> requests.Response:
        assert form.action is not None, "the page has no form"
        first = dict(reversed(form.fields + form.choices))
        data = [(name, value) for name, value in form.fields if name not in values]
        data += [(name, first.get(name, "") if value is None else value) for name, value in values.items()]
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
        headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        answer = self.http.post(urljoin(page.url, form.action), data=data, headers=headers, allow_redirects=False,
                                timeout=SECONDS)  # fmt: skip
        self.pages.append(answer)
        return answer

    def follow(self, page: requests.Response) -> requests.Response:
        """Go where a redirect leads."""
        return self.open(urljoin(page.url, page.headers["Location"])) if page.is_redirect else page

    def standalone(self, url: str, patient: str | None, *, allow: bool = True) -> requests.Response:
        """Sign in at the EHR, choose a patient where asked, allow or deny, and go on to the app."""
        page = self.open(url)
        page = self.follow(self.post(page, clinician=None))
        if patient is not None:
            page = self.follow(self.post(page, patient=patient))
        return self.follow(self.post(page, answer="allow" if allow else "deny"))

    def _onward(self, page: requests.Response) -> str | None:
        if page.is_redirect:
            return urljoin(page.url, page.headers["Location"])
        action = Form(page.text).action if page.status_code == 200 else None
        target = urljoin(page.url, unescape(action)) if action else ""
        return target if urlsplit(target).path.endswith("/auth/authorize") else None


def parameter(url: str, name: str) -> str:
    """One query parameter of an address."""
    return parse_qs(urlsplit(url).query)[name][0]


def patient_of(page: requests.Response) -> str | None:
    """The patient whose chart a page of the app shows; None where it shows none."""
    found = re.search(r'data-patient="([^"]*)"', page.text)
    return unescape(found[1]) if found and page.status_code == 200 else None


def problem_of(page: requests.Response) -> str | None:
    """The code on an error page of the app; None where it is no such page."""
    found = re.search(r"<code>([a-z_]+)</code>", page.text)
    return found[1] if found and "What next:" in page.text and "data-patient" not in page.text else None


def tells_of_diabetes(page: requests.Response) -> bool:
    """Is diabetes a reason on the page, or in its table of what was found? Rules of care name it on every page."""
    return "Diabetes recorded" in page.text or '<th scope="row">Diabetes</th>' in page.text
