"""`python -m app`: serve the app with waitress; `python -m app audit`: the audit trail as FHIR AuditEvents.

Exit codes: 3 settings, 17 the port is taken, 21 the audit trail is not whole.
"""

import argparse
import atexit
import gc
import logging
import signal
import sys
import threading
from datetime import datetime
from typing import NoReturn

from sqlalchemy import Engine
from waitress.server import create_server

from app import create_app
from app.audit import SUCCESS, append
from app.audit.check import check
from app.audit.export import lines
from app.config import Config, ConfigError, check_registry, from_environment, registry_path, report
from app.database import open_database
from app.hooks.calls import MOST_BYTES
from app.turns import SERVER_THREADS

EXIT_SETTINGS, EXIT_PORT, EXIT_AUDIT = 3, 17, 21
RECEIVED = 128 * 1024  # bytes taken from a socket at a time: a call for cards brings a whole chart
LOG = logging.getLogger("app")


def main() -> None:
    """Start, say so on stdout in one line, and stay."""
    parser = argparse.ArgumentParser(prog="python -m app", description="Kindred's SMART on FHIR application.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=9500, help="port to listen on (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="only read the registry of EHRs, say what it holds, end")
    parser.add_argument("--check-audit", action="store_true", help="only look if the audit trail is whole, end")
    commands = parser.add_subparsers(dest="command", title="commands")
    audit = commands.add_parser("audit", help="the audit trail as FHIR AuditEvents, one a line, on stdout",
                                epilog="example: python -m app audit --since 2026-06-01 > audit.ndjson")  # fmt: skip
    audit.add_argument("--since", type=_moment, help="only what happened then or later: a day or an instant (ISO 8601)")
    audit.add_argument("--until", type=_moment, help="only what happened before: a day or an instant")
    given = parser.parse_args()
    _log_quietly()
    if given.check or given.check_audit or given.command:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # these only print: `... | head` ends them quietly
    try:
        if given.check:
            print("\n".join(check_registry(registry_path())))
            return
        config = from_environment()
    except ConfigError as error:
        _end(EXIT_SETTINGS, str(error))
    if given.check_audit:
        _check_audit(config)
        return
    if given.command == "audit":
        _export_audit(config, given.since, given.until)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _serve(config, given.host, given.port)


def keep_for_good() -> None:
    """Take what was made until now out of the garbage collector's sight: it stays as long as the process.

    A full collection went through all of it, some 150,000 objects in 80 ms, in the middle of every tenth long list.
    """
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # or what DuckDB has made would be there still when it looks, and it would complain


def _serve(config: Config, host: str, port: int) -> None:
    app = create_app(config)
    try:
        server = create_server(app, host=host, port=port, threads=SERVER_THREADS, ident=None,
                               max_request_body_size=MOST_BYTES + 1, recv_bytes=RECEIVED)  # fmt: skip
    except OSError:
        _end(EXIT_PORT, f"{host}:{port} cannot be listened on: it is taken or not allowed; choose another with --port.")
    app.extensions["turns"].warm()
    keep_for_good()
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


def _moment(text: str) -> datetime:
    """A day is midnight here, and an instant without a zone is here too."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        raise argparse.ArgumentTypeError("a day or an instant is needed, such as 2026-06-01") from error


def _opened(config: Config) -> Engine:
    if not (config.home / "app.db").exists():
        _end(EXIT_SETTINGS, f"KINDRED_HOME: there is no app.db in {config.home}; the app was never started there.")
    return open_database(config.home)


def _check_audit(config: Config) -> None:
    """Say what is found; exit 21 where the trail is not whole."""
    report = check(_opened(config), config.secret_key)
    for sentence in (*report.notes, *report.trouble):
        print(sentence, file=sys.stderr)
    print(f"audit: {report.rows} rows, {'NOT WHOLE' if report.trouble else 'whole'}; end: {report.end or 'none'}")
    if report.trouble:
        raise SystemExit(EXIT_AUDIT)


def _export_audit(config: Config, since: datetime | None, until: datetime | None) -> None:
    engine = _opened(config)
    used = {"action": "export", "ehr": "*", "launch": "none", "outcome": SUCCESS, "detail": "audit trail"}
    append(engine, used, secret_key=config.secret_key)  # a trail that is read says so
    for line in lines(engine, {ehr.name: ehr.issuer for ehr in config.ehrs.values()}, since, until):
        sys.stdout.buffer.write(line + b"\n")


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
