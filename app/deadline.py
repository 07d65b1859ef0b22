"""An end for a whole reply: a socket's timeout starts again with each byte, so a slow drip would never meet it.

It is looked at below everything that reads by itself, such as headers, the sizes of chunks, and what a gzip says first.
"""

import http.client
import io
import time
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

HEADER_SECONDS = 25.0  # from the request to the last of its reply's headers, where no shorter silence is asked for


class _Reading(io.RawIOBase):
    """What a socket brings of one reply until its end (of time.monotonic)."""

    def __init__(self, sock: Any, raw: Any) -> None:
        self._sock, self._raw, self._silence = sock, raw, sock.gettimeout() or HEADER_SECONDS
        self.end = time.monotonic() + min(HEADER_SECONDS, self._silence)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        left = self.end - time.monotonic()
        try:
            if left > 0:
                self._sock.settimeout(min(left, self._silence))
                return self._raw.readinto(buffer)
        except TimeoutError:
            if time.monotonic() < self.end:
                raise  # a silence
        raise ConnectionAbortedError("the reply took too long")

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Reply(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.reading = _Reading(sock, self.fp.detach())
        self.fp = io.BufferedReader(self.reading)

    def begin(self) -> None:
        """A connection is used again after a 200 alone: behind a 103, for one, the answer itself is still to come."""
        super().begin()
        if self.status != 200:
            self.will_close = True


class _Connection(HTTPConnection):
    response_class = _Reply


class _SecureConnection(HTTPSConnection):
    response_class = _Reply


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def use_deadlines(manager: PoolManager) -> None:
    """Make the connections of this manager, made from now on, keep an end for their replies."""
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


def end_at(reply: HTTPResponse, moment: float) -> None:
    """The body of a reply over such a connection is there by this moment (of time.monotonic), or breaks off."""
    reply._original_response.reading.end = moment  # type: ignore[union-attr]
