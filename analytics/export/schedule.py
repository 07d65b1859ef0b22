"""Which server file is fetched next: the manifest's order, but no type runs far ahead of its first missing file.

Lines go to the lake in the manifest's order, so what comes early waits on this machine's disk; the bound on that is
here. A type whose spool is full goes on as soon as the file that it waits for is there; meanwhile others are fetched.
"""

from collections import deque

from analytics.export.manifest import ServerFile
from analytics.export.roll import Rolling


class Schedule:
    """Threads may share it."""

    def __init__(self, files: list[ServerFile], rolling: Rolling, ahead: int) -> None:
        """`ahead`: bytes of a type in the spool beyond which only its first missing file is fetched."""
        self._rolling, self._ahead = rolling, ahead
        self._queues: dict[tuple[str, str], deque[ServerFile]] = {}
        self._running: dict[tuple[str, str], int] = {}
        self._ended = False
        for file in files:
            self._queues.setdefault((file.kind, file.type), deque()).append(file)
            self._running[file.kind, file.type] = 0

    def take(self) -> ServerFile | None:
        """The next file; waits while all that is left must wait. None at the end."""
        with self._rolling.changed:
            while not self._ended and any(self._queues.values()):
                heads = sorted((queue[0] for queue in self._queues.values() if queue), key=lambda file: file.index)
                for file in heads:
                    if self._may_start(file):
                        self._running[file.kind, file.type] += 1
                        return self._queues[file.kind, file.type].popleft()
                self._rolling.changed.wait()
            return None

    def done(self, file: ServerFile) -> None:
        """The file is whole, and what it filled is in the lake."""
        with self._rolling.changed:
            self._running[file.kind, file.type] -= 1
            self._rolling.changed.notify_all()

    def end(self) -> None:
        """Hand out no more."""
        with self._rolling.changed:
            self._ended = True
            self._rolling.changed.notify_all()

    def _may_start(self, file: ServerFile) -> bool:
        return (file.kind != "output" or self._running[file.kind, file.type] == 0
                or self._rolling.waiting(file.type) < self._ahead)
