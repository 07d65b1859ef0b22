"""Progress on stderr: a bar on a terminal, a plain line now and then otherwise.

    with progress("Downloading", total=12, unit="files") as step:
        step.advance()

NO_COLOR is honoured (Rich does), stdout is never touched.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

PLAIN_EVERY = 10.0  # seconds between plain lines


class Step:
    """One running step; safe to be advanced from several threads."""

    def __init__(self, title: str, total: float | None, unit: str) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.done: float = 0
        self.note = ""
        self._lock = threading.Lock()

    def advance(self, amount: float = 1) -> None:
        """`amount` more units are done."""
        with self._lock:
            self.done += amount
        self._changed()

    def update(self, done: float | None = None, total: float | None = None, note: str | None = None) -> None:
        """Set what is known anew: done so far, the total, a short note behind it."""
        with self._lock:
            self.done = self.done if done is None else done
            self.total = self.total if total is None else total
            self.note = self.note if note is None else note
        self._changed()

    def _changed(self) -> None:
        """Hook of the two ways to show it."""


class _Plain(Step):
    """At start, at most every ten seconds, and at the end."""

    def __init__(self, title: str, total: float | None, unit: str, stream: TextIO) -> None:
        super().__init__(title, total, unit)
        self._stream = stream
        self._started = self._last = time.monotonic()
        print(f"{title} ...", file=stream, flush=True)

    def _changed(self) -> None:
        now = time.monotonic()
        with self._lock:
            if now - self._last < PLAIN_EVERY:
                return
            self._last = now
        self._print("...")

    def finish(self, end: str) -> None:
        self._print(f"{end} after {time.monotonic() - self._started:.1f} s")

    def _print(self, end: str) -> None:
        amount = f"{self.done:,.0f}" + (f" of {self.total:,.0f}" if self.total else "") + f" {self.unit}".rstrip()
        words = [f"{self.title}:", amount if self.done or self.total else "", self.note, end]
        print(" ".join(word for word in words if word), file=self._stream, flush=True)


class _Bar(Step):
    """A Rich bar that is told of every change."""

    def __init__(self, title: str, total: float | None, unit: str, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        super().__init__(title, total, unit)
        self._rich = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(), console=Console(file=stream), refresh_per_second=5,
        )
        self._task = self._rich.add_task(title, total=total, amount="")
        self._rich.start()

    def _changed(self) -> None:
        amount = f"{self.done:,.0f}" + (f"/{self.total:,.0f}" if self.total else "") + f" {self.unit} {self.note}"
        self._rich.update(self._task, completed=self.done, total=self.total, amount=amount.rstrip())

    def finish(self, end: str) -> None:
        self._rich.update(self._task, description=f"{self.title}: {end}")
        self._rich.stop()


@contextmanager
def progress(title: str, total: float | None = None, unit: str = "", stream: TextIO | None = None) -> Iterator[Step]:
    """Show the progress of a block. `total` in `unit`s, None when unknown; the end says "done" or "stopped"."""
    stream = stream or sys.stderr
    step = (_Bar if stream.isatty() else _Plain)(title, total, unit, stream)
    try:
        yield step
    except BaseException:
        step.finish("stopped")
        raise
    step.finish("done")
