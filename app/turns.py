"""Room for every EHR: one that is slow holds its own threads and share of requests, and nobody else's.

And room for cards: a CDS client gives one up after a second or two, so none waits behind launches and charts.
"""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

from flask import Flask, current_app, g

from app.problems import Problem
from app.registry import Ehr
from app.scorers import Scorers

CARDS = 16  # calls for cards that are served at once
CHARTS = 96  # launches and charts that are served at once; they never take the cards' part
SERVER_THREADS = CHARTS + CARDS  # nearly all of them wait for an EHR
AT_ONCE = 64  # of these, requests that one EHR may keep waiting; the rest stays for the others
CARDS_AT_ONCE = 12  # of the calls for cards, those of one EHR
CARD_SECONDS = 0.4  # that a call for cards waits for its turn: later, nobody looks at the card
READERS = 32  # threads that ask one EHR; they come into being as they are needed
CARD_READERS = 16  # threads that ask one EHR for what a call for cards did not bring
# Scores at once: a score is all processor, and each thread keeps a planned DuckDB and SQLite. Cards have half as many
# threads: those that wait share the next statement, and the rest of a call, and the EHR, need the other cores.
CORES = os.cpu_count() or 2
SCORERS, CARD_SCORERS = max(2, CORES), max(1, CORES // 2)


class Turns:
    """Threads and turns for each registered EHR."""

    def __init__(self, ehrs: Iterable[str]) -> None:
        names = tuple(ehrs)
        self._pools = {name: ThreadPoolExecutor(READERS, thread_name_prefix=f"fhir-{name}") for name in names}
        self._free = {name: BoundedSemaphore(AT_ONCE) for name in names}
        self._charts = BoundedSemaphore(CHARTS)
        self._card_pools = {name: ThreadPoolExecutor(CARD_READERS, thread_name_prefix=f"card-{name}") for name in names}
        self._free_cards = {name: BoundedSemaphore(CARDS_AT_ONCE) for name in names}
        self.scorers = Scorers(SCORERS, "score")
        self.card_scorers = Scorers(CARD_SCORERS, "score-card")

    def readers(self, ehr: Ehr) -> ThreadPoolExecutor:
        """The threads that read from this EHR."""
        return self._pools[ehr.name]

    def take(self, ehr: Ehr) -> None:
        """Let the current request wait for this EHR until it ends. Raises Problem where too many do already."""
        if "turn" in g:
            return
        if not self._free[ehr.name].acquire(blocking=False):
            raise Problem("ehr_unreachable", "too_many_wait")
        if not self._charts.acquire(blocking=False):
            self._free[ehr.name].release()
            raise Problem("ehr_unreachable", "too_many_wait")
        g.turn = (self._free[ehr.name], self._charts)

    def card_readers(self, ehr: Ehr) -> ThreadPoolExecutor:
        """The threads that read from this EHR for cards; chart pages have others."""
        return self._card_pools[ehr.name]

    def take_card(self, ehr: Ehr) -> bool:
        """Let the current call for cards go on until it ends; False where it had to wait for too long."""
        taken = self._free_cards[ehr.name].acquire(timeout=CARD_SECONDS)
        if taken:
            g.turn = (self._free_cards[ehr.name],)
        return taken

    def warm(self) -> None:
        """Let each scoring thread plan its statements now: the first score of a thread would wait for that."""
        for scorers in (self.scorers, self.card_scorers):
            scorers.warm()

    def shutdown(self, cancel_futures: bool = False) -> None:
        """End all threads that read or score."""
        for pool in (*self._pools.values(), *self._card_pools.values()):
            pool.shutdown(cancel_futures=cancel_futures)
        for scorers in (self.scorers, self.card_scorers):
            scorers.shutdown(cancel_futures=cancel_futures)


def install(app: Flask, ehrs: Iterable[str]) -> None:
    """Add turns to an app; each is given back when its request ends, however it ends."""
    app.extensions["turns"] = Turns(ehrs)
    app.teardown_request(lambda _: _give_back())


def turns() -> Turns:
    """Those of the app that serves this request."""
    here: Turns = current_app.extensions["turns"]
    return here


def _give_back() -> None:
    for taken in g.pop("turn", ()):
        taken.release()
