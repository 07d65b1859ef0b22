"""`python -m fhir_fixtures.ehr`: build or reuse the store, register Kindred, serve until SIGTERM or SIGINT."""

import gc
import hashlib
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from flask import Flask
from waitress.server import create_server

from fhir_fixtures.ehr.clients import default_clients, write_registry
from fhir_fixtures.ehr.ingest import VERSION
from fhir_fixtures.ehr.keys import load_or_make
from fhir_fixtures.ehr.recorder import Recorder
from fhir_fixtures.ehr.server import create_app
from fhir_fixtures.ehr.sources import Folder, Generated, Source
from fhir_fixtures.ehr.store import Store

PORT_TAKEN = 17  # exit code, as of the app and the pipeline
THREADS = 40


@click.command(
    context_settings={"show_default": True},
    epilog="Example: python -m fhir_fixtures.ehr --patients 300 --seed 7 --registry .kindred/ehrs.toml",
)
@click.option("--patients", type=click.IntRange(1, 1_000_000), default=300, help="How many patients to generate.")
@click.option("--seed", type=int, default=7, help="The same seed gives the same patients.")
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of *.ndjson[.gz] instead."
)
@click.option("--port", type=click.IntRange(0, 65535), default=9400, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--base-url", help="Public address, when it is not http://HOST:PORT (behind a TLS proxy, say).")
@click.option("--foreign-port", type=click.IntRange(0, 65535), help="Listen here too, as a host that is not the EHR's.")
@click.option("--record", is_flag=True, help="Give what was received at /recorder, secrets as digests (for tests).")
@click.option("--app-url", default="http://127.0.0.1:9500", help="Where the app runs.")
@click.option(
    "--registry", type=click.Path(dir_okay=False, path_type=Path), help="Write the app's registry and key here."
)
@click.option(
    "--home", type=click.Path(file_okay=False, path_type=Path), default=Path(".kindred"), help="State folder."
)
def main(patients: int, seed: int, data: Path | None, port: int, host: str, base_url: str | None,
         foreign_port: int | None, record: bool, app_url: str, registry: Path | None, home: Path) -> None:  # fmt: skip
    """Serve an EHR of synthetic patients: SMART App Launch 2.2, FHIR R4, Bulk Data."""
    _check_url("--app-url", app_url)
    _check_url("--base-url", base_url or app_url)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        source = Folder(data) if data else Generated(patients, seed)
        server = _listen(host, port)
        foreign = None if foreign_port is None else _listen(host, foreign_port)
        store = open_store(home / "sandbox", source)
        base = (base_url or f"http://{_name(host)}:{server.effective_port}").rstrip("/")
        today = source.today(store.meta())
        keys = (
            [write_registry(registry, issuer=f"{base}/fhir", app_url=app_url.rstrip("/"), today=today)]
            if registry
            else []
        )
        clients = default_clients(app_url.rstrip("/"), bulk_keys=keys)
        signing = load_or_make(home / "sandbox" / "signing.jwk.json", "RS256")
        hooks_key = load_or_make(home / "sandbox" / "hooks.jwk.json", "ES384")
        recorder = Recorder() if record else None
        app = create_app(store, clients=clients, today=today, base_url=base, signing_key=signing,
                         recorder=recorder, hooks_key=hooks_key)  # fmt: skip
        if recorder:
            app.wsgi_app = recorder.telling(app.wsgi_app)  # type: ignore[method-assign]
        server.application = app
    except (OSError, ValueError, sqlite3.Error) as error:
        raise click.UsageError(f"The sandbox cannot start: {error}.") from error
    print(f"sandbox ready: {base}/", flush=True)
    if foreign:
        _serve_foreign(foreign, app, f"http://{_name(host)}:{foreign.effective_port}")
    gc.collect()
    gc.freeze()  # what lives as long as the process is not looked through again and again
    server.run()
    gc.unfreeze()


def _serve_foreign(server: Any, app: Flask, address: str) -> None:
    """The foreign host, in a thread that ends with the process."""
    app.extensions["sandbox"].foreign_url = address
    server.application = app
    threading.Thread(target=server.run, daemon=True, name="foreign").start()
    print(f"foreign host: {address}", flush=True)


def _check_url(option: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise click.UsageError(
            f"{option} must be an address such as http://127.0.0.1:9500, without anything behind it."
        )


def _name(host: str) -> str:
    """The address that people open when the server listens on all of them."""
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 -- compared, not bound


def _listen(host: str, port: int) -> Any:
    """A bound server whose application is set later, so that a taken port ends the start before anything is built."""
    try:
        return create_server(_not_yet, host=host, port=port, threads=THREADS)
    except OSError as error:
        click.echo(f"Port {port} of {host} cannot be used ({error.strerror}); choose another with --port.", err=True)
        raise SystemExit(PORT_TAKEN) from error


def _not_yet(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("503 Service Unavailable", [("Retry-After", "1")])
    return []


def _stop(number: int, frame: object) -> None:
    raise SystemExit(0)


def open_store(folder: Path, source: Source) -> Store:
    """The store of this source under `folder`, built when it is not there yet; each source has a folder of its own."""
    mark = hashlib.sha256(f"{VERSION} {source.parameters}".encode()).hexdigest()[:12]
    place = folder / mark
    if (place / "ehr.db").is_file():
        return Store(place)
    began = time.monotonic()
    progress = _Progress()
    store = Store.build(
        place,
        source.lines(),
        parameters=source.parameters,
        places=source.place,
        stories=lambda: source.stories,
        progress=progress,
    )
    total = sum(store.counts().values())
    print(f"built {total} resources in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    for reason, count in store.oddity_counts().items():
        print(f"not usable: {count} lines ({reason})", file=sys.stderr, flush=True)
    return store


class _Progress:
    """A line on stderr every few seconds while the store is built."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def __call__(self, read: int) -> None:
        if time.monotonic() - self.last >= 3:
            self.last = time.monotonic()
            print(f"building the store: {read} resources", file=sys.stderr, flush=True)


def run() -> None:
    """`main`, with one sentence instead of a usage text for a wrong command line (exit 2)."""
    try:
        main(standalone_mode=False)
    except click.ClickException as error:
        click.echo(error.format_message(), err=True)
        raise SystemExit(error.exit_code) from error


if __name__ == "__main__":
    run()
