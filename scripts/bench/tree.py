"""Time, processor and memory of whole process trees, read from /proc (Linux)."""

import os
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
EVERY = 0.5  # seconds between two looks


@dataclass
class Tree:
    """A process and all that descend from it. cpu counts processes that have ended, up to their last look."""

    root: int
    peak_mb: float = 0.0  # largest sum of PSS: pages that several processes share count once
    _cpu: dict[tuple[int, int], float] = field(default_factory=dict)  # (pid, start) -> seconds

    def look(self, memory: bool = True) -> None:
        """Note what each process has used so far; memory, whose pages the kernel counts one by one, only if asked."""
        found = _descendants(self.root)
        for pid, stat in found:
            self._cpu[pid, int(stat[19])] = (int(stat[11]) + int(stat[12])) / TICK
        if memory:
            self.peak_mb = max(self.peak_mb, sum(_pss(pid) for pid, _ in found) / 1024)

    @property
    def cpu(self) -> float:
        """Seconds of the processor, user and system."""
        return sum(self._cpu.values())


def spent(root: int) -> float:
    """Seconds of the processor of a process and all that descend from it, those that have ended too."""
    return sum(sum(map(int, stat[11:15])) for _, stat in _descendants(root)) / TICK


@dataclass(frozen=True)
class Used:
    """What a way of doing something took."""

    seconds: float
    cpu: float
    peak_mb: float


class Watch:
    """Watches a tree (ours, if none is named) from a thread while a block runs; `used` is there afterwards.

    `memory_every`: seconds between two looks at memory, beside those at the beginning and the end; longer where the
    looks, 10 ms and more for a large process, would take a share of what is timed.
    """

    def __init__(self, root: int | None = None, memory_every: float = EVERY) -> None:
        self._tree, self._stop, self._memory_every = Tree(root or os.getpid()), threading.Event(), memory_every
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.used = Used(0, 0, 0)
        self._looking = 0.0  # seconds of the processor that the looks took

    def __enter__(self) -> "Watch":
        self._tree.look()
        self._cpu, self._began = self._tree.cpu, time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        seconds = time.monotonic() - self._began
        self._stop.set()
        self._thread.join()
        self._tree.look()
        ours = self._looking if self._tree.root == os.getpid() else 0.0
        self.used = Used(seconds, self._tree.cpu - self._cpu - ours, self._tree.peak_mb)

    def _run(self) -> None:
        looked = self._began
        while not self._stop.wait(EVERY):
            memory = time.monotonic() - looked >= self._memory_every
            looked = time.monotonic() if memory else looked
            self._tree.look(memory)
            self._looking = time.thread_time()


def watched(command: list[str], env: dict[str, str], cwd: Path) -> tuple[Used, str]:
    """Run a command to its end; what its tree used, and what it wrote to stderr. Raises where it fails."""
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with (subprocess.Popen(command, cwd=cwd, env=env, text=True, **pipes) as process,  # type: ignore[call-overload]
          Watch(process.pid) as watch):
        said = process.communicate()[1]
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {said[-2000:]}")
    return watch.used, said


def _descendants(root: int) -> list[tuple[int, list[str]]]:
    """(pid, fields of stat after the name) of the process and all below it."""
    stats = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - names alone
        if name.isdecimal():
            try:
                stats[int(name)] = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
    found = {root} & stats.keys()
    while more := {pid for pid, stat in stats.items() if int(stat[1]) in found} - found:
        found |= more
    return [(pid, stats[pid]) for pid in found]


def _pss(pid: int) -> int:
    """Kilobytes; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
