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
import weakref
from contextlib import suppress
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
    """Knows its connections, also those in use."""

    ConnectionCls: Any = _Connection

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._all: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def _new_conn(self) -> Any:
        made = super()._new_conn()
        self._all[id(made)] = made
        return made

    def break_off(self) -> None:
        for known in self._all.valuerefs():  # a list: others may be added meanwhile
            if (made := known()) is not None:
                with suppress(Exception):  # it may be closed by now
                    made.sock.shutdown(socket.SHUT_RDWR)


class _TlsPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


POOLS: dict[str, type] = {"http": _Pool, "https": _TlsPool}


class Adapter(HTTPAdapter):
    """requests' own, but for how long it waits; through a proxy too."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def break_off(self) -> None:
        """End every connection, so that whoever waits for an answer is woken; later calls make new ones."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - no dict: it cannot be iterated over
                if (pool := manager.pools.get(key)) is not None:
                    pool.break_off()

    def proxy_manager_for(self, *arguments: Any, **named: Any) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(*arguments, **named)
        manager.pool_classes_by_scheme = POOLS
        return manager
