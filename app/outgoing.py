"""Every call that leaves the app goes through `session`: registered origins, no redirects, bounded time and size.

The rule sits in the transport adapter, under authlib, fhirclient and our own code alike, so none of them can forget it.
"""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.cookies import extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict
from requests.utils import requote_uri
from urllib3.exceptions import HTTPError

from app.deadline import end_at, use_deadlines
from app.registry import is_loopback, origin_of

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0  # silence between two packets
TOTAL_SECONDS = 30.0  # a whole call: headers, body, and every repetition of it
RETRIES = 2  # for reads only: a token request is never sent twice by the transport
BUSY = {429, 502, 503, 504}
PAUSE_SECONDS = 0.2
CLOCK_SECONDS = 60.0  # clocks further apart than this are named as the likely cause where a signature is too old or new
RETRY_AFTER_SECONDS = 5.0  # an EHR's longer Retry-After is not waited for: a clinician is waiting


class OutgoingRefused(requests.RequestException):
    """We did not send it, or did not take the reply: foreign origin, redirect, too large, too slow."""


class _NoAuth(AuthBase):
    """Keeps requests from looking for a password of this host in ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def session(origins: frozenset[str], max_bytes: int, total_seconds: float | None = None) -> requests.Session:
    """A requests session that reaches `origins` alone and reads at most `max_bytes` of each (unpacked) reply.

    `total_seconds` shortens TOTAL_SECONDS for what a page can do without. Its connections are its own: where an EHR or
    what stands before it answers out of turn, the reply to one person's page cannot be another's.
    """
    given = requests.Session()
    given.auth = _NoAuth()
    return guard(given, origins, max_bytes, total_seconds)


def guard(
    given: requests.Session, origins: frozenset[str], max_bytes: int, total_seconds: float | None = None
) -> requests.Session:
    """Put the rule under an existing session, such as authlib's."""
    adapter = _BoundedAdapter(origins, max_bytes, total_seconds)
    given.mount("https://", adapter)
    given.mount("http://", adapter)
    given.trust_env = not all(is_loopback(origin) for origin in origins)  # a proxy has no business on loopback
    given.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True  # a hospital's own certificate authority
    return given


def get(http: requests.Session, url: str, headers: Mapping[str, str], auth: AuthBase) -> requests.Response:
    """As `http.get`, for a third of the work: nothing of ours has parameters, hooks or redirects."""
    request = requests.PreparedRequest()
    request.method, request.url = "GET", requote_uri(url)
    all_headers: dict[str, Any] = {**http.headers, **headers}
    request.headers = CaseInsensitiveDict(all_headers)
    if http.cookies:  # of this session, such as those of a load balancer that has the next page
        request.prepare_cookies(http.cookies)
    settings: dict[str, Any] = {"verify": http.verify}
    if http.trust_env:  # there may be a proxy
        settings = dict(http.merge_environment_settings(request.url, {}, None, None, None))
    response = http.get_adapter(request.url).send(auth(request), **settings)
    if "Set-Cookie" in response.headers:
        extract_cookies_to_jar(http.cookies, request, response.raw)  # type: ignore[no-untyped-call]
    return response


def seconds_apart(response: requests.Response) -> float | None:
    """How far the sender's clock is ahead of ours by its Date header (RFC 9110, 6.6.1); None where it says nothing."""
    date = moment(response.headers.get("Date", ""))
    return None if date is None else date.timestamp() - time.time()


class _BoundedAdapter(HTTPAdapter):
    def __init__(self, origins: frozenset[str], max_bytes: int, total_seconds: float | None) -> None:
        self.origins, self.max_bytes, self.total_seconds = origins, max_bytes, total_seconds
        super().__init__(pool_maxsize=16)
        use_deadlines(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        use_deadlines(manager)
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """One call: refused, or answered within its limits; a read is repeated where the EHR was only busy."""
        try:
            known = origin_of(str(request.url)) in self.origins
        except ValueError:
            known = False
        if not known:
            raise OutgoingRefused("origin is not registered for this EHR")
        total = self.total_seconds or TOTAL_SECONDS
        begin = time.monotonic()
        asked_for = kwargs.get("timeout")
        for left in reversed(range(RETRIES + 1 if request.method == "GET" else 1)):
            rest = max(0.1, begin + total - time.monotonic())
            kwargs.update(stream=True, timeout=asked_for or (min(CONNECT_SECONDS, rest), min(READ_SECONDS, rest)))
            try:
                response = super().send(request, **kwargs)
            except requests.ConnectionError as error:  # a kept connection that the EHR has closed since, for example
                if not left or isinstance(error, requests.exceptions.SSLError) or time.monotonic() > begin + total / 2:
                    raise
                continue
            pause = _pause(response) if left and response.status_code in BUSY else None
            if pause is None or time.monotonic() + pause > begin + total:
                break
            response.close()
            time.sleep(pause)
        if 300 <= response.status_code < 400:
            response.close()
            raise OutgoingRefused("redirects are not followed")
        self._read(response, begin + total)
        return response

    def _read(self, response: requests.Response, deadline: float) -> None:
        """Read the body as requests would, within the limits."""
        size, parts = 0, []
        end_at(response.raw, deadline)
        try:
            while part := response.raw.read1(65536, decode_content=True):
                size += len(part)
                if size > self.max_bytes or time.monotonic() > deadline:
                    raise OutgoingRefused("reply is too large" if size > self.max_bytes else "reply took too long")
                parts.append(part)
        except (HTTPError, OSError) as error:  # OutgoingRefused is an OSError too: all of requests' errors are
            response.close()
            if isinstance(error, OutgoingRefused):
                raise
            if time.monotonic() >= deadline:
                raise OutgoingRefused("reply took too long") from error
            raise requests.ConnectionError("broke off") from error
        response.raw.release_conn()
        response._content, response._content_consumed = b"".join(parts), True  # type: ignore[attr-defined]


def _pause(response: requests.Response) -> float:
    """Seconds to wait before asking again: what the EHR asks for (seconds or a date), capped; nonsense is as none."""
    told = response.headers.get("Retry-After", "").strip()
    if told.isascii() and told.isdecimal():
        return min(float(told[:9]), RETRY_AFTER_SECONDS)
    date = moment(told)
    wait = PAUSE_SECONDS if date is None else date.timestamp() - time.time()
    return min(max(wait, 0.0), RETRY_AFTER_SECONDS)


def moment(text: str) -> datetime | None:
    """The moment that an HTTP date names; None for what is no date."""
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
