"""TLS in front of a plain server, as a reverse proxy does it in production, with a certificate authority of its own."""

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PIECE = 65536


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for localhost and 127.0.0.1, good for a day: (certificate, certificate with key)."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Kindred tests")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - timedelta(hours=1),
                                now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    public, both = folder / "certificate.pem", folder / "certificate-and-key.pem"
    public.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(private + public.read_bytes())
    return public, both


class Front:
    """Listens on a free port of 127.0.0.1 from the start; forwards once it knows the port behind."""

    def __init__(self, certificate_and_key: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate_and_key)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]

    @contextlib.contextmanager
    def before(self, port: int) -> Iterator[None]:
        """Forward every connection to this port while the block runs."""
        threading.Thread(target=self._accept, args=(port,), daemon=True, name="tls").start()
        try:
            yield
        finally:
            self._listening.close()

    def _accept(self, port: int) -> None:
        with contextlib.suppress(OSError):  # ends when the listening socket is closed
            while True:
                plain, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(plain, port), daemon=True, name="tls-connection").start()

    def _serve(self, plain: socket.socket, port: int) -> None:
        with (
            contextlib.suppress(OSError),  # a browser may drop a connection at any moment
            plain,
            self._context.wrap_socket(plain, server_side=True) as outer,
            socket.create_connection(("127.0.0.1", port)) as inner,
        ):
            back = threading.Thread(target=_copy, args=(inner, outer), daemon=True)
            back.start()
            _copy(outer, inner)
            back.join(timeout=30)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
