"""An end for a reply's headers: a socket's timeout starts again with each byte, so a slow drip would never meet it."""

import contextlib
import socket
import threading
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

HEADER_SECONDS = 25.0  # from the request to the last of its reply's headers


class _Ended:
    """Ends the wait for a reply from another thread, by closing the socket's way in."""

    sock: Any

    def getresponse(self) -> Any:
        """The reply's status and headers; the connection breaks where they are not there in time."""
        timer = threading.Timer(HEADER_SECONDS, _shut, [self.sock])
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse()  # type: ignore[misc]
        finally:
            timer.cancel()


def _shut(sock: Any) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Connection(_Ended, HTTPConnection):
    pass


class _SecureConnection(_Ended, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def use_deadlines(manager: PoolManager) -> None:
    """Make the connections of this manager, made from now on, keep the deadline."""
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
