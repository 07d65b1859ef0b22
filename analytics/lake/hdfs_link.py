"""The way to HDFS: one client, a time limit on every call, and patience with what passes."""

import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import hdfs_native

from analytics.config import HdfsOptions
from analytics.errors import LakeError
from analytics.lake.hdfs_trouble import Trouble, trouble_of

T = TypeVar("T")
ANSWERS_WITHIN = 12.0  # seconds, of a NameNode
MOVES_WITHIN = 45.0  # seconds, some megabytes to or from DataNodes; hdfs-native can wait for a dead one much longer
PATIENCE = 2.0  # seconds, with a NameNode that has never worked for us
DATA_PATIENCE = 120.0  # seconds; a dead DataNode is offered by the NameNode until it is noticed
FULL_PATIENCE = 20.0  # seconds; DataNodes that have just come back take a moment
LONGEST_PAUSE = {"away": 3.0, "data": 1.0, "full": 3.0, "final": 0.0}  # another DataNode is offered each time
TOLD_AFTER = 3.0
DEFAULT_FS = "fs.defaultFS"  # of HADOOP_CONF_DIR, where the URL names no host
DEFAULT_PORT = 8020
# hdfs-native's own retries are silent and last minutes; ours are told of.
CLIENT = {
    "dfs.client.failover.max.attempts": "2",
    "dfs.client.failover.sleep.base.millis": "100",
    "dfs.client.failover.sleep.max.millis": "1000",
    "dfs.client.socket-timeout": "20000",
    "dfs.client.block.write.replace-datanode-on-failure.best-effort": "true",
}


class Link:
    """One lake's connection. Threads may share it; a forked process makes its own."""

    def __init__(self, location: str, options: HdfsOptions, patience: float) -> None:
        parts = urlsplit(location)
        self.server = parts.netloc or DEFAULT_FS
        self.folder = parts.path.rstrip("/")
        self._location, self._options, self._patience = location, options, patience
        self._client: Any = None
        self._worked = False  # something was changed: from now on a NameNode that is away is one that restarts

    def at(self, path: str) -> str:
        """Absolute path on HDFS."""
        return f"{self.folder}/{path.strip('/')}".rstrip("/") or "/"

    def url(self, path: str) -> str:
        """Full address, for messages."""
        return f"{self._location}/{path.strip('/')}".rstrip("/")

    @property
    def client(self) -> Any:
        if self._client is None:
            self._client = _client("" if self.server == DEFAULT_FS else self.server, self._options)
        return self._client

    def ask(self, method: str, *arguments: Any, within: float = ANSWERS_WITHIN) -> Any:
        """One call of hdfs-native's client, once."""
        return timed(within, getattr(self.client, method), *arguments)

    def call(self, doing: str, path: str, method: str, *arguments: Any) -> Any:
        """A call that may be repeated, until it is answered. Raises LakeError, FileNotFoundError, FileExistsError."""
        return self.persist(doing, path, lambda _: self.ask(method, *arguments))

    def persist(self, doing: str, path: str, attempt: Callable[[int], T], changes: bool = False) -> T:
        """Do it until it works or its trouble does not pass. `attempt` is given the number of failures before it.

        `changes`: that it worked shows that this NameNode works for us. Raises LakeError in words ("Cannot `doing`
        `path`: ..."), and FileNotFoundError and FileExistsError as they are.
        """
        began, failures, told = time.monotonic(), 0, False
        while True:
            try:
                value = attempt(failures)
            except (FileNotFoundError, FileExistsError):  # an answer too
                self._tell_again(told)
                raise
            except (KeyboardInterrupt, SystemExit, LakeError):
                raise
            except BaseException as error:  # a panic in Rust is no Exception
                if "is not a directory" in str(error):
                    raise FileNotFoundError(str(error)) from None
                trouble = self._trouble(error)
                pause = min(0.1 * 2 ** min(failures, 10), LONGEST_PAUSE[trouble.kind])
                if time.monotonic() - began + pause > self._limit(trouble):
                    raise LakeError(f"Cannot {doing} {self.url(path)}: {trouble.what}.", trouble.then) from None
                told = told or self._tell(trouble, time.monotonic() - began)
                failures += 1
                time.sleep(pause)
            else:
                self._worked = self._worked or changes
                self._tell_again(told)
                return value

    def _limit(self, trouble: Trouble) -> float:
        patience = self._patience if self._worked else PATIENCE
        limits = {"away": patience, "data": max(patience, DATA_PATIENCE), "full": FULL_PATIENCE, "final": 0.0}
        return limits[trouble.kind]

    def _tell(self, trouble: Trouble, waited: float) -> bool:
        if waited > TOLD_AFTER:
            print(f"Waiting for HDFS: {trouble.what}.", file=sys.stderr, flush=True)
        return waited > TOLD_AFTER

    def _tell_again(self, told: bool) -> None:
        if told:
            print("HDFS works again.", file=sys.stderr, flush=True)

    def _trouble(self, error: BaseException) -> Trouble:
        """A broken connection may be one to a DataNode: then the NameNode still answers."""
        trouble = trouble_of(error, self.server)
        if isinstance(error, TimeoutError):
            self._client = None  # its one connection may be stuck for minutes
        elif isinstance(error, OSError):
            try:
                self.ask("get_file_info", "/")
            except Exception as again:
                if isinstance(again, TimeoutError):
                    self._client = None
                return trouble_of(again, self.server)
            return Trouble("data", f"a DataNode or the NameNode hung up ({str(error)[:100]})", "Run it again.")
        return trouble


def _client(server: str, options: HdfsOptions) -> Any:
    """hdfs-native's client for a host (8020 where it has no port) or a nameservice of HADOOP_CONF_DIR."""
    more: dict[str, Any] = {}
    if options.principal and "HADOOP_TOKEN_FILE_LOCATION" not in os.environ:  # YARN gives its containers tokens
        more = {"kerberos_principal": options.principal, "kerberos_keytab": options.keytab}
    config = CLIENT | ({"hadoop.security.authentication": "kerberos"} if options.principal else {})
    try:
        return hdfs_native.Client(f"hdfs://{server}", config, **more)
    except RuntimeError as error:
        if "No NameNode hosts" not in str(error):
            raise
        return hdfs_native.Client(f"hdfs://{server}:{DEFAULT_PORT}", config, **more)


def moved(action: Callable[..., T], *arguments: Any) -> T:
    """The result of what moves data; a RuntimeError as hdfs-native's own, when DataNodes let it wait too long."""
    try:
        return timed(MOVES_WITHIN, action, *arguments)
    except TimeoutError:
        raise RuntimeError(f"DataTransferError: nothing moved for {MOVES_WITHIN:.0f} s") from None


def timed(seconds: float, action: Callable[..., T], *arguments: Any) -> T:
    """The action's result; TimeoutError when it takes longer, and then it is left behind in its thread."""
    answers: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((action(*arguments), None))
        except BaseException as error:
            answers.put((None, error))

    threading.Thread(target=run, daemon=True, name="hdfs").start()
    try:
        value, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:.0f} s") from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]
