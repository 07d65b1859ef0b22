"""A WSGI app on a socket of this machine, for the tests of every room."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from waitress import wasyncore
from waitress.server import create_server


@contextlib.contextmanager
def serving(app: Any, sock: socket.socket) -> Iterator[None]:
    """Serve a WSGI app on a listening socket while the block runs."""
    server = create_server(app, sockets=[sock], threads=8)
    thread = threading.Thread(target=server.run, daemon=True, name="app")
    thread.start()
    try:
        yield
    finally:
        server.task_dispatcher.shutdown()
        with contextlib.suppress(OSError):  # in its own thread; then run() ends
            server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map))
        thread.join(timeout=5)
        for part in getattr(app, "extensions", {}).values():
            end_of(part)


def end_of(part: Any) -> None:
    """Ends what an app's extension keeps open: a pool of threads, a database."""
    if hasattr(part, "shutdown"):
        part.shutdown()
    if hasattr(part, "engine"):
        part.engine.dispose()
