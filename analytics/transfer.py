"""The figures of a transfer: files, resources, megabytes (of 1,000,000 bytes), megabytes a second, time left."""

import threading
import time
from collections import deque
from collections.abc import Callable

WINDOW = 10.0  # seconds over which the speed is measured


class Transfer:
    """Counts what came; safe for several threads. `done` in its methods: bytes so far, also of files under way."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._started = clock()
        self._samples = deque([(self._started, 0.0)])
        self.files = self.resources = self.whole_bytes = 0
        self.all_files: int | None = None
        self.all_resources: int | None = None

    def expect(self, files: int, resources: int | None) -> None:
        self.all_files, self.all_resources = files, resources

    def file_done(self, resources: int, nbytes: int) -> None:
        with self._lock:
            self.files += 1
            self.resources += resources
            self.whole_bytes += nbytes

    def speed(self, done: float) -> float:
        """Bytes a second over the last ten seconds."""
        now = self._clock()
        with self._lock:
            self._samples.append((now, done))
            while len(self._samples) > 2 and now - self._samples[1][0] >= WINDOW:
                self._samples.popleft()
            then, before = self._samples[0]
        return (done - before) / (now - then) if now > then else 0.0

    def seconds_left(self, done: float) -> float | None:
        """By the bytes that the resources still to come will have, at the present speed; None where nobody knows."""
        speed = self.speed(done)
        if not self.all_resources or not self.resources or speed <= 0:
            return None
        expected = self.whole_bytes / self.resources * self.all_resources
        return max(expected - done, 0.0) / speed

    def columns(self, done: float) -> dict[str, str]:
        """The table's columns by their names."""
        left = self.seconds_left(done)
        return {"files": _of(self.files, self.all_files), "resources": _of(self.resources, self.all_resources),
                "MB": f"{done / 1e6:,.1f}", "MB/s": f"{self.speed(done) / 1e6:,.1f}",
                "left": "?" if left is None else span(left)}

    def in_words(self, done: float, ended: bool) -> str:
        """One line with the same figures; at the end with the speed over all and without a time left."""
        elapsed = self._clock() - self._started
        speed = done / elapsed if ended and elapsed > 0 else self.speed(done)
        words = [f"{_of(self.files, self.all_files)} files", f"{_of(self.resources, self.all_resources)} resources",
                 f"{done / 1e6:,.1f} MB", f"{speed / 1e6:,.1f} MB/s"]
        left = None if ended else self.seconds_left(done)
        return ", ".join(words + ([f"{span(left)} left"] if left is not None else []))


def span(seconds: float) -> str:
    """1:05, or 2:03:05 with hours."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _of(done: int, whole: int | None) -> str:
    return f"{done:,}" if whole is None else f"{done:,} of {whole:,}"
