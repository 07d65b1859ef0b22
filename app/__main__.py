"""`python -m app`: serve the app with waitress. Exit codes: 3 settings, 17 the port is taken."""

import argparse
import logging
import signal
import sys
import threading
from typing import NoReturn

from waitress.server import create_server

from app import create_app
from app.config import Config, ConfigError, from_environment, read_registry, registry_path, report
from app.hooks.calls import MOST_BYTES
from app.turns import SERVER_THREADS

EXIT_SETTINGS, EXIT_PORT = 3, 17
LOG = logging.getLogger("app")


def main() -> None:
    """Start, say so on stdout in one line, and stay."""
    parser = argparse.ArgumentParser(prog="python -m app", description="Kindred's SMART on FHIR application.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=9500, help="port to listen on (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="only read the registry of EHRs, say what it holds, end")
    given = parser.parse_args()
    _log_quietly()
    try:
        if given.check:
            print("\n".join(report(read_registry(registry_path()))))
            return
        config = from_environment()
    except ConfigError as error:
        _end(EXIT_SETTINGS, str(error))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _serve(config, given.host, given.port)


def _serve(config: Config, host: str, port: int) -> None:
    app = create_app(config)
    try:
        server = create_server(app, host=host, port=port, threads=SERVER_THREADS, ident=None,
                               max_request_body_size=MOST_BYTES + 1)  # fmt: skip
    except OSError:
        _end(EXIT_PORT, f"{host}:{port} cannot be listened on: it is taken or not allowed; choose another with --port.")
    app.extensions["turns"].warm()
    LOG.info("settings %s", config.describe())
    for line in report(config.ehrs):
        LOG.info("ehr %s", line)
    shown = f"[{host}]" if ":" in host else host
    print(f"app ready: http://{shown}:{server.effective_port}/", flush=True)  # the socket listens already
    workers = [thread for thread in threading.enumerate() if thread.daemon]
    server.run()  # until SIGTERM or Ctrl-C
    app.extensions["turns"].shutdown(cancel_futures=True)
    for worker in workers:  # each closes its DuckDB as it ends; an interpreter gone by then would abort the process
        worker.join(timeout=5)


def _log_quietly() -> None:
    """Our own lines only: libraries quote URLs, and those hold patient ids and codes."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("app").setLevel(logging.INFO)
    for library in ("urllib3", "requests", "authlib", "fhirclient", "httpx", "waitress.queue", "sqlalchemy"):
        logging.getLogger(library).setLevel(logging.CRITICAL)


def _end(code: int, sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
