#!/usr/bin/env python
"""A bulk server that does nothing but send ready files, so that the client is the limit.

    python scripts/bench/static_server.py FOLDER [--port N] [--registry ehrs.toml]

FOLDER holds TYPE*.ndjson files. Discovery, token, kick-off, status and manifest are answered at once and without
checks; files go by os.sendfile over HTTP/1.1 keep-alive, one thread for each connection in --processes processes. It
listens on this machine only.
"""

import argparse
import json
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path

PIECE = 16 << 20  # bytes for one sendfile call
LONGEST_REQUEST = 1 << 20


class Bench:
    """Answers, and which files there are; a file is opened when it is asked for, since there may be 20,000."""

    def __init__(self, folder: Path, base: str) -> None:
        paths = sorted(folder.glob("*.ndjson"))
        self.files = [(path, path.stat().st_size) for path in paths]
        url = f"{base}/fhir/bulk/file"
        output = [{"type": path.name.split(".")[0].split("-")[0], "url": f"{url}/{number}", "count": lines_of(path)}
                  for number, path in enumerate(paths)]
        manifest = {"transactionTime": "2026-06-30T00:00:00.000Z", "request": f"{base}/fhir/$export",
                    "requiresAccessToken": True, "output": output, "deleted": [], "error": []}
        auth = ["private_key_jwt"]
        self.bodies = {
            "/fhir/.well-known/smart-configuration": {
                "token_endpoint": f"{base}/auth/token", "token_endpoint_auth_methods_supported": auth,
                "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
                "grant_types_supported": ["client_credentials"], "scopes_supported": ["system/*.rs"],
                "capabilities": ["client-confidential-asymmetric", "permission-v2"]},
            "/fhir/metadata": {"resourceType": "CapabilityStatement", "status": "active", "fhirVersion": "4.0.1"},
            "/auth/token": {
                "access_token": "bench", "token_type": "bearer", "expires_in": 3600, "scope": "system/*.rs"},
            "/fhir/bulk/status/1": manifest,
        }
        self.base = base

    def answer(self, method: str, path: str) -> tuple[bytes, tuple[Path, int] | None]:
        """Head (and body) to send, and the file that follows."""
        number = path.removeprefix("/fhir/bulk/file/")
        if number.isdecimal() and int(number) < len(self.files):
            return head("200 OK", self.files[int(number)][1], "application/fhir+ndjson"), self.files[int(number)]
        if path.endswith("$export"):
            return head("202 Accepted", 0, "text/plain", f"Content-Location: {self.base}/fhir/bulk/status/1\r\n"), None
        if method == "DELETE":
            return head("202 Accepted", 0, "text/plain"), None
        if path not in self.bodies:
            return head("404 Not Found", 0, "text/plain"), None
        body = json.dumps(self.bodies[path]).encode()
        return head("200 OK", len(body), "application/json") + body, None


def lines_of(path: Path) -> int:
    with path.open("rb") as file:
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(PIECE), b""))


def head(status: str, length: int, kind: str, more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}\r\n".encode()


def serve(bench: Bench, connection: socket.socket) -> None:
    """One connection until the client ends it."""
    with connection, suppress(ConnectionError, ValueError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        waiting = b""
        while True:
            while b"\r\n\r\n" not in waiting:
                if not (got := connection.recv(65536)) or len(waiting) > LONGEST_REQUEST:
                    return
                waiting += got
            request, _, waiting = waiting.partition(b"\r\n\r\n")
            length = next((int(line.partition(b":")[2]) for line in request.split(b"\r\n")
                           if line.lower().startswith(b"content-length:")), 0)
            while len(waiting) < length and (got := connection.recv(65536)):
                waiting += got
            waiting = waiting[length:]
            method, target, _ = request.split(b"\r\n")[0].decode().split(" ")
            first, file = bench.answer(method, target.partition("?")[0])
            connection.sendall(first)
            if file:
                send(connection, *file)


def send(connection: socket.socket, path: Path, size: int) -> None:
    """The file's bytes, from the system's cache to the socket."""
    sent = 0
    with path.open("rb", buffering=0) as file:
        while sent < size:
            sent += os.sendfile(connection.fileno(), file.fileno(), sent, min(PIECE, size - sent))


def accept(bench: Bench, listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(bench, connection), daemon=True).start()


def write_registry(path: Path, base: str) -> None:
    """A registry of one EHR, `static`, with a key of its own, for `kindred export static`."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from fhir_fixtures.ehr.keys import load_or_make

    load_or_make(path.parent / "static.jwk.json", "ES384")
    path.write_text(f'[static]\nissuer = "{base}/fhir"\n[static.bulk]\nclient_id = "bench"\n'
                    'private_key = "static.jwk.json"\nscopes = "system/*.rs"\n')


def main() -> None:
    parser = argparse.ArgumentParser(description="Send ready NDJSON files as fast as the machine can.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--registry", type=Path, help="write a registry for `kindred export static` here")
    given = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", given.port), backlog=128)
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    bench = Bench(given.folder, base)
    if not bench.files:
        parser.error(f"{given.folder} holds no *.ndjson files")
    if given.registry:
        write_registry(given.registry, base)
    children = []
    for _ in range(given.processes - 1):
        if (child := os.fork()) == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            with suppress(KeyboardInterrupt):
                accept(bench, listener)
            os._exit(0)
        children.append(child)

    def stop(number: int, frame: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    print(f"static server ready: {base}/fhir", flush=True)
    try:
        accept(bench, listener)
    except KeyboardInterrupt:
        pass
    finally:
        for child in children:
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)


if __name__ == "__main__":
    main()
