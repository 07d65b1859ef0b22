"""Every call that leaves the app goes through `session`: registered origins, no redirects, bounded time and size.

The rule sits in the transport adapter, under authlib, fhirclient and our own code alike, so none of them can forget it.
"""

import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from app.registry import is_loopback, origin_of

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0  # silence between two packets
TOTAL_SECONDS = 30.0  # a whole reply
RETRIES = 2  # for reads only: a token request is never sent twice by the transport
RETRY_AFTER_SECONDS = 5  # an EHR's longer Retry-After is not waited for: a clinician is


class OutgoingRefused(requests.RequestException):
    """We did not send it, or did not take the reply: foreign origin, redirect, too large, too slow."""


def session(
    origins: frozenset[str], max_bytes: int, retries: int = RETRIES, total_seconds: float | None = None
) -> requests.Session:
    """A requests session that reaches `origins` alone and reads at most `max_bytes` of each (unpacked) reply."""
    return guard(requests.Session(), origins, max_bytes, retries, total_seconds)


def guard(
    given: requests.Session, origins: frozenset[str], max_bytes: int, retries: int = RETRIES,
    total_seconds: float | None = None,
) -> requests.Session:  # fmt: skip
    """Put the rule under an existing session, such as authlib's."""
    adapter = _BoundedAdapter(origins, max_bytes, retries, total_seconds)
    given.mount("https://", adapter)
    given.mount("http://", adapter)
    given.trust_env = not all(is_loopback(origin) for origin in origins)  # a proxy has no business on loopback
    return given


class _BoundedAdapter(HTTPAdapter):
    def __init__(self, origins: frozenset[str], max_bytes: int, retries: int, total_seconds: float | None) -> None:
        self.origins, self.max_bytes, self.total_seconds = origins, max_bytes, total_seconds
        retry = Retry(
            total=retries, redirect=0, status_forcelist=(429, 502, 503, 504), allowed_methods={"GET"},
            backoff_factor=0.2, raise_on_status=False, raise_on_redirect=False, retry_after_max=RETRY_AFTER_SECONDS,
        )  # fmt: skip
        super().__init__(pool_maxsize=16, max_retries=retry)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if origin_of(str(request.url)) not in self.origins:
            raise OutgoingRefused("origin is not registered for this EHR")
        kwargs.update(stream=True, timeout=kwargs.get("timeout") or (CONNECT_SECONDS, READ_SECONDS))
        response = super().send(request, **kwargs)
        if 300 <= response.status_code < 400:
            response.close()
            raise OutgoingRefused("redirects are not followed")
        self._read(response)
        return response

    def _read(self, response: requests.Response) -> None:
        """Read the body as requests would, within the limits. `read1` returns what is there, so a drip is noticed."""
        deadline, size, parts = time.monotonic() + (self.total_seconds or TOTAL_SECONDS), 0, []
        try:
            while part := response.raw.read1(65536, decode_content=True):
                size += len(part)
                if size > self.max_bytes or time.monotonic() > deadline:
                    raise OutgoingRefused("reply is too large" if size > self.max_bytes else "reply took too long")
                parts.append(part)
        except (HTTPError, OutgoingRefused) as error:
            response.close()
            raise error if isinstance(error, OutgoingRefused) else requests.ConnectionError("broke off") from error
        response.raw.release_conn()
        response._content, response._content_consumed = b"".join(parts), True  # type: ignore[attr-defined]
