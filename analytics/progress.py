"""Progress on stderr: a bar or a table on a terminal, a plain line now and then otherwise.

    with progress("Downloading", total=12, unit="files") as step:
        step.advance()

A step in bytes is a transfer: it shows files, resources, MB, MB/s and the time left (analytics/transfer.py).
NO_COLOR is honoured (Rich does), stdout is never touched, and no text from elsewhere is taken as markup.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from analytics.transfer import Transfer

PLAIN_EVERY = 10.0  # seconds between plain lines


class Step:
    """One running step; safe to be advanced from several threads."""

    def __init__(self, title: str, total: float | None, unit: str) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.done: float = 0
        self.note = ""
        self.transfer = Transfer() if unit == "bytes" else None
        self._lock = threading.Lock()

    def advance(self, amount: float = 1) -> None:
        """`amount` more units are done."""
        with self._lock:
            self.done += amount
        self._changed()

    def expect(self, files: int, resources: int | None) -> None:
        """A transfer's whole: how many files, and how many resources where the EHR says so of all of them."""
        if self.transfer is not None:
            self.transfer.expect(files, resources)

    def file_done(self, resources: int, nbytes: int) -> None:
        """One file of a transfer is whole."""
        if self.transfer is not None:
            self.transfer.file_done(resources, nbytes)
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
        if self.transfer is not None:
            amount = self.transfer.in_words(self.done, ended=end != "...")
        words = [f"{self.title}:", amount if self.done or self.total else "", self.note, end]
        print(" ".join(word for word in words if word), file=self._stream, flush=True)


class _Bar(Step):
    """A Rich bar that is told of every change."""

    def __init__(self, title: str, total: float | None, unit: str, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        super().__init__(title, total, unit)
        self._rich = Progress(
            SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(),
            TextColumn("{task.fields[amount]}", markup=False),  # it may hold words of a server
            TimeElapsedColumn(), console=Console(file=stream), refresh_per_second=5, redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._rich.add_task(title, total=total, amount="")
        self._rich.start()

    def _changed(self) -> None:
        amount = f"{self.done:,.0f}" + (f"/{self.total:,.0f}" if self.total else "") + f" {self.unit} {self.note}"
        self._rich.update(self._task, completed=self.done, total=self.total, amount=amount.rstrip())

    def finish(self, end: str) -> None:
        self._rich.update(self._task, description=f"{self.title}: {end}")
        self._rich.stop()


class _Table(Step):
    """A transfer on a terminal: a table that is drawn anew a few times a second, and one line at the end."""

    def __init__(self, title: str, total: float | None, unit: str, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        super().__init__(title, total, unit)
        self._console = Console(file=stream)
        self._live = Live(console=self._console, get_renderable=self._table, refresh_per_second=4, transient=True,
                          redirect_stdout=False, redirect_stderr=False)
        self._started = time.monotonic()
        self._live.start()

    def _table(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        assert self.transfer is not None
        columns = self.transfer.columns(self.done)
        table = Table(*["", *columns], box=None, pad_edge=False, header_style="bold")
        for column in table.columns[1:]:
            column.justify = "right"
        table.add_row(*[Text(value) for value in (self.title, *columns.values())])
        return table

    def finish(self, end: str) -> None:
        assert self.transfer is not None
        self._live.stop()
        words = self.transfer.in_words(self.done, ended=True)
        print(f"{self.title}: {words} {end} after {time.monotonic() - self._started:.1f} s", file=self._console.file,
              flush=True)


@contextmanager
def progress(title: str, total: float | None = None, unit: str = "", stream: TextIO | None = None) -> Iterator[Step]:
    """Show the progress of a block. `total` in `unit`s, None when unknown; the end says "done" or "stopped"."""
    stream = stream or sys.stderr
    shown: type[_Plain | _Bar | _Table] = (_Table if unit == "bytes" else _Bar) if stream.isatty() else _Plain
    step = shown(title, total, unit, stream)
    try:
        yield step
    except BaseException:
        step.finish("stopped")
        raise
    step.finish("done")
