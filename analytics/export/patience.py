"""How long an EHR's answer may take: so long for its headers, and no slower than so for its body.

The time limit of requests is one between two reads, and a server that sends a byte a second keeps it for ever. Here
each read of an answer is watched where its bytes come in. What counts is how long was waited for them; what is done
with them meanwhile may take its time. An answer that takes too long ends as any other that times out: requests'
ReadTimeout or ConnectionError, urllib3's ReadTimeoutError.
"""

import http.client
import io
import math
import socket
import time
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

HEADERS_WITHIN = 300.0  # seconds; a server may think before it answers
WINDOW = 120.0  # seconds of waiting for a body, in which at least LEAST bytes must have come
LEAST = 120_000  # 1 kB/s
ANSWER_WITHIN = 600.0  # seconds, of a body that is read into memory: a manifest, a token, an error


class Watched(io.RawIOBase):
    """The bytes of one answer as they come from its socket."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self.expect(math.inf, HEADERS_WITHIN)

    def expect(self, least: float, window: float) -> None:
        """From now on: at least so many bytes in so many seconds of waiting."""
        self._least, self._window = least, window
        self._came, self._waited = 0, 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        began = time.monotonic()
        came: int | None = self._raw.readinto(buffer)
        self._waited += time.monotonic() - began
        self._came += came or 0
        if came and self._waited >= self._window:
            if self._came < self._least:
                raise TimeoutError
            self.expect(self._least, self._window)
        return came

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer whose headers and body are watched."""

    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self._watched = Watched(self.fp.detach())
        self.fp = io.BufferedReader(self._watched)

    def begin(self) -> None:
        super().begin()
        self._watched.expect(LEAST, WINDOW)


class _Connection(HTTPConnection):
    response_class = _Answer


class _TlsConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


POOLS = {"http": _Pool, "https": _TlsPool}


class Adapter(HTTPAdapter):
    """requests' own, but for how long it waits; through a proxy too."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *arguments: Any, **named: Any) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(*arguments, **named)
        manager.pool_classes_by_scheme = POOLS
        return manager
