"""Room for every EHR: one that is slow holds its own threads and its own share of requests, and nobody else's."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

from flask import Flask, current_app, g

from app.problems import Problem
from app.registry import Ehr

SERVER_THREADS = 96  # requests that are served at once: nearly all of them wait for an EHR
AT_ONCE = 64  # of these, requests that one EHR may keep waiting; the rest stays for the others
READERS = 32  # threads that ask one EHR; they come into being as they are needed


class Turns:
    """Threads and turns for each registered EHR."""

    def __init__(self, ehrs: Iterable[str]) -> None:
        names = tuple(ehrs)
        self._pools = {name: ThreadPoolExecutor(READERS, thread_name_prefix=f"fhir-{name}") for name in names}
        self._free = {name: BoundedSemaphore(AT_ONCE) for name in names}

    def readers(self, ehr: Ehr) -> ThreadPoolExecutor:
        """The threads that read from this EHR."""
        return self._pools[ehr.name]

    def take(self, ehr: Ehr) -> None:
        """Let the current request wait for this EHR until it ends. Raises Problem where too many do already."""
        if "turn" in g:
            return
        if not self._free[ehr.name].acquire(blocking=False):
            raise Problem("ehr_unreachable", "too_many_wait")
        g.turn = self._free[ehr.name]

    def shutdown(self, cancel_futures: bool = False) -> None:
        """End all threads that read."""
        for pool in self._pools.values():
            pool.shutdown(cancel_futures=cancel_futures)


def install(app: Flask, ehrs: Iterable[str]) -> None:
    """Add turns to an app; each is given back when its request ends, however it ends."""
    app.extensions["turns"] = Turns(ehrs)
    app.teardown_request(lambda _: _give_back())


def turns() -> Turns:
    """Those of the app that serves this request."""
    here: Turns = current_app.extensions["turns"]
    return here


def _give_back() -> None:
    taken = g.pop("turn", None)
    if taken is not None:
        taken.release()
