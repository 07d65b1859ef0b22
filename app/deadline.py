"""An end for a reply's headers: a socket's timeout starts again with each byte, so a slow drip would never meet it.

And for a connection that is used again: what belongs to one reply is never read as the next one.
"""

import contextlib
import http.client
import io
import socket
import time
from collections.abc import Callable
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

HEADER_SECONDS = 25.0  # from the request to the last of its reply's headers


class _Reading(io.RawIOBase):
    """What a socket brings of one reply: in time as long as these are its headers, and nothing once it is over."""

    def __init__(self, sock: Any, raw: Any) -> None:
        self._sock, self._raw, self._silence = sock, raw, sock.gettimeout()
        self._end: float | None = time.monotonic() + HEADER_SECONDS
        self._is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        if self._is_over:
            return 0
        return self._raw.readinto(buffer) if self._end is None else self._in_time(buffer, self._end)

    def _in_time(self, buffer: Any, end: float) -> Any:
        left = end - time.monotonic()
        if left > 0 and (self._silence is None or left < self._silence):
            self._sock.settimeout(left)
        try:
            if left > 0:
                return self._raw.readinto(buffer)
        except TimeoutError:
            if time.monotonic() < end:
                raise  # a silence
        raise ConnectionAbortedError("headers took too long")

    def have_headers(self) -> None:
        """The body has no end of its own: who reads it looks at the clock after each piece (`app.outgoing`)."""
        self._end = None
        self._sock.settimeout(self._silence)

    def end(self, has_more: Callable[[], bool]) -> None:
        """Nothing more is read from the socket for this reply. Where more came than it, the connection ends too.

        has_more: looks into the buffer above. TLS has one of its own below, which no look at the socket shows.
        """
        self._is_over = True
        if has_more() or getattr(self._sock, "pending", int)():
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Reply(http.client.HTTPResponse):
    fp: Any

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._reading = _Reading(sock, self.fp.detach())
        self.fp = io.BufferedReader(self._reading)

    def begin(self) -> None:
        """A connection is used again after a 200 alone: behind a 103, for one, the answer itself is still to come."""
        super().begin()
        self._reading.have_headers()
        if self.status != 200:
            self.will_close = True

    def _close_conn(self) -> None:
        """With what came beyond the end of this reply the next one on this connection would begin."""
        self._reading.end(lambda: bool(self.fp.peek(1)))
        super()._close_conn()  # type: ignore[misc]


class Connection(HTTPConnection):
    """A connection that keeps the deadline."""

    response_class = _Reply
    idle_since = 0.0  # of time.monotonic, for `app.kept`


class SecureConnection(HTTPSConnection):
    """The same under TLS."""

    response_class = _Reply
    idle_since = 0.0


class Pool(HTTPConnectionPool):
    """Connections that keep the deadline, to one host."""

    ConnectionCls = Connection


class SecurePool(HTTPSConnectionPool):
    """The same under TLS."""

    ConnectionCls = SecureConnection


def use_deadlines(manager: PoolManager) -> None:
    """Make the connections of this manager, made from now on, keep the deadline."""
    manager.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}
