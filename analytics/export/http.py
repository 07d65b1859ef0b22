"""HTTP as the export needs it: where a token may go, what is tried again, how long to wait.

Rules held here, and nowhere else:
- a token goes only to the scheme, host and port of the FHIR base or of a listed host, and never along a redirect;
- every call has a time limit; what is worth trying again is tried again with growing pauses;
- `Retry-After` may be seconds, a date or nonsense (RFC 9110 §10.2.3; Bulk Data §"status request"), and is capped.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import LocationParseError

from analytics.errors import EhrError

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}
TIMEOUT = (10, 120)  # seconds to connect, and between two reads
ATTEMPTS = 6
MAX_REDIRECTS = 5
MAX_ANSWER = 64 * 1024 * 1024  # bytes of a manifest, a token or an error
NOISE = random.SystemRandom()  # of its own, so that nobody's seed is disturbed
SENDING_FAILED = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError,
                  requests.exceptions.ContentDecodingError)


class LinkExpired(Exception):
    """A file's link is not valid (any more): 403, 404 or 410."""


@dataclass(frozen=True)
class Pace:
    """Pauses in seconds. A server on this very machine is not kept waiting for."""

    first: float
    longest: float

    @classmethod
    def of(cls, url: str) -> "Pace":
        return cls(0.1, 0.5) if urlsplit(url).hostname in LOOPBACK else cls(1.0, 60.0)

    def pause(self, attempt: int, retry_after: float | None = None) -> float:
        """Seconds before attempt `attempt` + 1 (from 0): what the server asks, else doubling with some noise."""
        if retry_after is not None:
            return min(max(retry_after, self.first), self.longest)
        return min(self.first * 2.0 ** min(attempt, 10) * NOISE.uniform(0.8, 1.2), self.longest)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks for; None when it is missing or nonsense."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())


def origin(url: str) -> tuple[str, str, int]:
    """(scheme, host, port) of a URL. Raises EhrError where it is not an http(s) URL.

    A URL that could be read in two ways is none: of `https://one\\@two` requests calls `one`, and urlsplit says `two`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}[parts.scheme]
        if not parts.hostname or set(parts.netloc) & set("\\@ ") or not url.isprintable():
            raise ValueError
    except (ValueError, KeyError):
        raise _no_address() from None
    return parts.scheme, parts.hostname, port


def absolute(base: str, link: str) -> str:
    """A link as the EHR sent it, on its base. Raises EhrError where it is no address."""
    try:
        return urljoin(base, link)
    except ValueError:
        raise _no_address() from None


def _no_address() -> EhrError:
    return EhrError("The EHR sent an address that is not an http(s) URL.", "Report it to the EHR.")


@dataclass
class Http:
    """One EHR's calls. `token` gives (and renews) the access token; threads may share this."""

    base: str
    hosts: tuple[str, ...] = ()
    token: Callable[[str | None], str] | None = None  # called with a token that was refused, or None
    sleep: Callable[[float], None] = time.sleep
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.pace = Pace.of(self.base)
        self.origins = {origin(url) for url in (self.base, *self.hosts)}
        # requests looks at redirects that nobody follows, reads their whole body and fails on nonsense in them
        self.session.get_redirect_target = lambda _: None  # type: ignore[method-assign,assignment]
        self.session.auth = _nothing_added  # else requests takes credentials from a .netrc
        self.session.headers["User-Agent"] = "kindred-export/1"
        self._surroundings: dict[tuple[str, str, int], dict[str, Any]] = {}
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(pool_maxsize=32))

    def may_have_token(self, url: str) -> bool:
        return origin(url) in self.origins

    def send(self, method: str, url: str, *, with_token: bool = True, stream: bool = False,
             **request: Any) -> requests.Response:
        """One call; a 401 leads to one new token and one more call. Redirects come back as they are."""
        if with_token and not self.may_have_token(url):
            host = ":".join(map(str, origin(url)[1:]))
            raise EhrError(f"The EHR sends us with its token to {host}, which is not registered.",
                           "If that host is the EHR's, add its origin to hosts in the bulk table of the registry.")
        headers = dict(request.pop("headers", {}))
        refused = None
        for _ in range(2):
            if with_token and self.token is not None:
                refused = self.token(refused)
                headers["Authorization"] = f"Bearer {refused}"
            try:
                answer = self.session.request(method, url, headers=headers, timeout=TIMEOUT, allow_redirects=False,
                                              stream=True, **self._proxies_and_certificates(url), **request)
            except (requests.exceptions.InvalidURL, LocationParseError):  # a host that no name server could know
                raise _no_address() from None
            if answer.status_code != 401 or not with_token or self.token is None:
                break
            answer.close()
        if not stream:
            _read_limited(answer)
        return answer

    def _proxies_and_certificates(self, url: str) -> dict[str, Any]:
        """What the environment says of them for a host. requests looks twice at each call: a third of a small one."""
        host = origin(url)
        if host not in self._surroundings:
            self.session.trust_env = True
            found = self.session.merge_environment_settings(url, {}, None, None, None)
            self._surroundings[host] = {name: found[name] for name in ("proxies", "verify", "cert")}
            self.session.trust_env = False
        return self._surroundings[host]

    def send_patiently(self, method: str, url: str, *, doing: str, again: set[int] = TRY_AGAIN,
                       attempts: int = ATTEMPTS, fresh: Callable[[], dict[str, Any]] = dict,
                       unanswered_again: bool = True, **request: Any) -> requests.Response:
        """`send`, tried again on a broken connection and on the statuses `again`; the last answer comes back as it is.

        `fresh` makes the parts of the request that must differ between attempts. `unanswered_again`: also what was
        sent and not answered in time, and may have been done all the same.
        """
        for attempt in range(attempts):
            last = attempt == attempts - 1
            try:
                answer = self.send(method, url, **request, **fresh())
            except SENDING_FAILED as error:
                if last or (isinstance(error, requests.ReadTimeout) and not unanswered_again):
                    raise unreachable(url, doing, error) from None
                self.sleep(self.pace.pause(attempt))
                continue
            if answer.status_code not in again or last:
                return answer
            answer.close()
            self.sleep(self.pace.pause(attempt, retry_after(answer.headers.get("Retry-After"))))
        raise AssertionError("unreachable")

    def open_file(self, url: str, *, with_token: bool, headers: dict[str, str]) -> requests.Response:
        """A streamed 200 answer of a file; redirects are followed, never with the token (SMART best practice).

        A link that needs no token may lie anywhere, but over TLS: it is patients that come.
        Raises LinkExpired, EhrError, or one of requests' errors.
        """
        for _ in range(MAX_REDIRECTS):
            if origin(url)[0] != "https" and origin(url)[1] not in LOOPBACK:
                raise EhrError("A file of the export lies at an address without TLS.", "Report it to the EHR.")
            answer = self.send("GET", url, with_token=with_token, headers=headers, stream=True)
            if not answer.is_redirect:
                break
            answer.close()
            url, with_token = absolute(url, answer.headers["Location"]), False
        if answer.status_code in (403, 404, 410):
            answer.close()
            raise LinkExpired
        return answer


def _nothing_added(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def unreachable(url: str, doing: str, error: Exception) -> EhrError:
    """EhrError for a connection that failed; names the host, never the path (status URLs are secrets)."""
    _, host, port = origin(url)
    return EhrError(f"{host}:{port} cannot be reached for {doing} ({type(error).__name__}).",
                    "Check that the EHR is up and the address right; then run the same command again.")


def refused(answer: requests.Response, doing: str, next_step: str) -> EhrError:
    """EhrError for an error status; names the status and the OperationOutcome's codes, never its text."""
    codes = ", ".join(issue_codes(answer))
    return EhrError(f"The EHR refused {doing}: HTTP {answer.status_code}{f' ({codes})' if codes else ''}.", next_step)


def issue_codes(answer: requests.Response) -> list[str]:
    """Codes of an OperationOutcome, empty for any other body."""
    try:
        body = answer.json()
        issues = body.get("issue", []) if body.get("resourceType") == "OperationOutcome" else []
        return sorted({code for issue in issues if isinstance(code := issue.get("code"), str) and code.isascii()
                       and code.replace("-", "").isalpha()})
    except (ValueError, AttributeError, TypeError, RecursionError):
        return []


def _read_limited(answer: requests.Response) -> None:
    """Read the body into memory as requests does, but give up on a monstrous one."""
    chunks, size = [], 0
    for chunk in answer.iter_content(256 * 1024):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_ANSWER:
            answer.close()
            raise EhrError(f"The EHR's answer is larger than {MAX_ANSWER >> 20} MiB.", "Report it to the EHR.")
    answer._content = b"".join(chunks)
