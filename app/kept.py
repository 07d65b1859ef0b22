"""Connections to one EHR that outlive a call: its reads go on over what an earlier call or chart page has opened.

They carry nothing of anybody: headers, cookies, limits and origins belong to the session of each call
(`app.outgoing.session`). Only reads go over them, and a connection comes back only after a whole reply of status 200.
"""

import queue
import threading
import time
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import PoolManager

from app.deadline import Pool, SecurePool

MOST_IDLE = 16  # connections to one host
IDLE_SECONDS = 4.0  # servers close theirs after 5 s or later, so that we are the first and rarely meet a closed one


class Kept(HTTPAdapter):
    """The connections to one registered EHR; several threads may use it at once."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=MOST_IDLE)
        _use_kept(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """As of requests: a proxy's connections are kept in the same way."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        _use_kept(manager)
        return manager


class _Idle(queue.LifoQueue[Any]):
    """Connections that nobody uses, the last used on top; those that were not used for a while are closed."""

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize)
        self._is_watched = False

    def _put(self, item: Any) -> None:
        if item is not None and item.sock is not None:
            item.idle_since = time.monotonic()
            self._watch(IDLE_SECONDS)
        super()._put(item)

    def _watch(self, seconds: float) -> None:
        if not self._is_watched:
            self._is_watched = True
            timer = threading.Timer(seconds, self._close_old)
            timer.daemon = True
            timer.start()

    def _close_old(self) -> None:
        with self.mutex:
            self._is_watched = False
            idle = [one for one in self.queue if one is not None and one.sock is not None]
            now = time.monotonic()
            for one in idle:
                if one.idle_since + IDLE_SECONDS <= now:
                    one.close()
            ends = [one.idle_since + IDLE_SECONDS for one in idle if one.sock is not None]
            if ends:
                self._watch(max(0.01, min(ends) - now))


class _KeptPool(Pool):
    QueueCls = _Idle  # type: ignore[assignment]  # urllib3 leaves open of what


class _SecureKeptPool(SecurePool):
    QueueCls = _Idle  # type: ignore[assignment]


def _use_kept(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _KeptPool, "https": _SecureKeptPool}
