"""Servers that speak TLS, or only listen to how it begins."""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TLS_1_2 = 0x0303
SUPPORTED_VERSIONS = 43  # RFC 8446 4.2.1


@contextlib.contextmanager
def accepting(handle: object, folder: Path | None = None) -> Iterator[str]:
    """A TCP server on a free port of 127.0.0.1 that hands each connection to `handle`; gives its https address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        over = threading.Event()

        def run() -> None:
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.settimeout(5)
                        handle(connection)  # type: ignore[operator]

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()
            thread.join(timeout=10)


@contextlib.contextmanager
def hellos() -> Iterator[tuple[str, list[set[int]]]]:
    """A server that reads how a client begins TLS and hangs up: the protocol versions that each client offers."""
    offered: list[set[int]] = []
    with accepting(lambda connection: offered.append(versions(first_record(connection)))) as url:
        yield url, offered


@contextlib.contextmanager
def unknown(folder: Path) -> Iterator[tuple[str, list[bytes]]]:
    """A TLS server with a certificate that nobody vouches for, and what clients told it all the same."""
    told: list[bytes] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(folder))

    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            told.append(secure.recv(65_536))

    with accepting(handle) as url:
        yield url, told


def first_record(connection: socket.socket) -> bytes:
    """The body of the first TLS record."""
    head = connection.recv(5, socket.MSG_WAITALL)
    return connection.recv(struct.unpack(">H", head[3:5])[0], socket.MSG_WAITALL)


def versions(hello: bytes) -> set[int]:
    """Protocol versions of a ClientHello (RFC 8446 4.1.2): those of the extension, else the legacy one."""
    assert hello[0] == 1, "no ClientHello"
    at = 38 + 1 + hello[38]  # type, length, version, random; session id
    at += 2 + struct.unpack_from(">H", hello, at)[0]  # cipher suites
    at += 1 + hello[at]  # compression methods
    end = at + 2 + struct.unpack_from(">H", hello, at)[0]
    at += 2
    while at < end:
        kind, length = struct.unpack_from(">HH", hello, at)
        if kind == SUPPORTED_VERSIONS:
            return set(struct.unpack_from(f">{hello[at + 4] // 2}H", hello, at + 5))
        at += 4 + length
    return {struct.unpack_from(">H", hello, 4)[0]}


def certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that signs itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(key.private_bytes(*form) + made.public_bytes(serialization.Encoding.PEM))
    return path
