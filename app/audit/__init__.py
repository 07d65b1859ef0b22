"""Who saw which patient, under which release and launch, and what was refused: rows that are only ever added.

Nothing else in the app keeps or logs a patient. The file itself refuses to change or delete a row (triggers), and each
row carries a keyed hash of itself and of the row before, so that one which was changed or taken out is seen
(`app.audit.check`). docs/audit.md says what is kept and how it is exported.
"""

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from flask import current_app, g, request
from sqlalchemy import Column, Connection, Engine, Float, Integer, String, Table, inspect, select, text
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError

from app.database import METADATA, PREPARED
from app.problems import Problem
from app.smart.pending import hashed
from app.smart.tokens import Launch

LOG = logging.getLogger(__name__)
SUCCESS, MINOR, SERIOUS = "0", "4", "8"  # FHIR AuditEvent.outcome
ACTIONS = (
    "launch", "view", "end", "write", "source", "what_if", "list", "hook", "done_elsewhere", "done_elsewhere_undone",
    "export", "refused",
)  # fmt: skip
#: Refusals that may be somebody at the wrong patient's or another browser's page: they are kept too.
REFUSALS = {"patient_mismatch", "mark_wrong", "cross_site", "session_unknown"}

AUDIT = Table(
    "audit", METADATA,
    Column("id", Integer, primary_key=True),
    Column("time", Float, nullable=False),  # Unix seconds
    Column("action", String, nullable=False),  # one of ACTIONS
    Column("ehr", String, nullable=False),
    Column("who", String),  # fhirUser as Type/id; NULL where the EHR did not say
    Column("patient", String),  # Patient.id at that EHR
    Column("release", String),
    Column("launch", String, nullable=False),  # hash of the launch's id: joins rows of one launch
    Column("outcome", String),  # SUCCESS, MINOR or SERIOUS
    Column("detail", String),  # fixed words of ours, such as `RiskAssessment written`
    Column("chain", String),  # hash of this row and of the chain before it; NULL in rows of an earlier version
    Column("key_id", String),  # which key made it
)  # fmt: skip
# The end of the chain, sealed: rows that are taken off the end are seen too.
HEAD = Table(
    "audit_head", METADATA,
    Column("one", Integer, primary_key=True),  # always 1
    Column("last", Integer, nullable=False),  # id of the last row
    Column("seal", String, nullable=False),
)  # fmt: skip
CHAINED = tuple(name for name in AUDIT.columns.keys() if name not in ("chain", "key_id"))  # noqa: SIM118 -- no dict

# Written once: to put a statement together costs more than to run it.
_LAST = select(AUDIT.c.id, AUDIT.c.chain).order_by(AUDIT.c.id.desc()).limit(1)
_HEAD = select(HEAD.c.last)
_ADD, _END = AUDIT.insert(), insert(HEAD)
_END = _END.on_conflict_do_update([HEAD.c.one], set_={"last": _END.excluded.last, "seal": _END.excluded.seal})

_GUARDS = {
    "audit_keeps_rows": "BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows stay'); END",
    "audit_keeps_values": "BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows stay as they are'); END",
    # INSERT OR REPLACE takes a row away without the first trigger.
    "audit_keeps_ids": "BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) "
                       "BEGIN SELECT RAISE(ABORT, 'audit rows are not replaced'); END",
}  # fmt: skip


def guard(connection: Connection) -> None:
    """Bring an earlier version's table up to date (new columns, empty) and put the triggers on it."""
    there = {column["name"] for column in inspect(connection).get_columns("audit")}
    for column in AUDIT.columns:
        if column.name not in there:
            connection.execute(text(f"ALTER TABLE audit ADD COLUMN {column.name} {column.type}"))
    for name, body in _GUARDS.items():
        connection.execute(text(f"CREATE TRIGGER IF NOT EXISTS {name} {body}"))


PREPARED.append(guard)


def record(
    engine: Engine, action: str, launch: Launch, release: str | None = None,
    *, outcome: str = SUCCESS, detail: str | None = None,
) -> None:  # fmt: skip
    """Add one row about a launch. Raises if it cannot be written: a view that leaves no trace must not happen."""
    append(engine, {
        "action": action, "ehr": launch.ehr, "who": launch.context.fhir_user, "patient": launch.context.patient,
        "release": release, "launch": hashed(launch.sid), "outcome": outcome, "detail": detail,
    })  # fmt: skip


def record_list(
    engine: Engine, action: str, launch: Launch, patients: Sequence[str], release: str | None = None
) -> None:
    """Add one row for each patient on a list, as for a chart, or one without a patient for an empty one.

    All of them in one transaction. Raises as `record` does.
    """
    row = {"action": action, "ehr": launch.ehr, "who": launch.context.fhir_user, "release": release,
           "launch": hashed(launch.sid), "outcome": SUCCESS}  # fmt: skip
    append(engine, *(row | {"patient": patient} for patient in patients or (None,)))


def append(engine: Engine, *rows: Mapping[str, str | None], secret_key: bytes | None = None) -> None:
    """Add rows to the chain. For what has no launch (a hook), `launch` is the hash of whatever joins its rows.

    secret_key: that of the app which serves the request, where none is given.
    Raises ValueError for an action that is none of ACTIONS.
    """
    for values in rows:
        if values["action"] not in ACTIONS:
            raise ValueError(f"{values['action']} is no action of the audit trail")
    key = chain_key(secret_key or current_app.extensions["secret_key"])
    with engine.begin() as connection:
        connection.execute(text("BEGIN IMMEDIATE"))  # who writes next must see these rows
        last = connection.execute(_LAST).first()
        head = connection.execute(_HEAD).scalar() or 0
        number = max(head, last.id if last else 0)  # an id is never used again
        chain = last.chain if last else None
        for values in rows:
            number += 1
            row = dict.fromkeys(CHAINED) | {"id": number, "time": time.time()} | dict(values)
            chain = link(key, chain, row)
            connection.execute(_ADD, row | {"chain": chain, "key_id": key_id(key)})
        connection.execute(_END, {"one": 1, "last": number, "seal": seal(key, number, str(chain))})


def record_hook(engine: Engine, ehr: str, who: str, patient: str, release: str | None, instance: str) -> None:
    """Add the row of an answered call for cards. `instance`: its hookInstance, in the place of a launch's id."""
    append(engine, {"action": "hook", "ehr": ehr, "who": who, "patient": patient, "release": release,
                    "launch": hashed(instance), "outcome": SUCCESS})  # fmt: skip


def record_refusal(engine: Engine, problem: Problem) -> None:
    """Add a row for a request that was refused at a launch's page; ids alone, and nothing of what was sent.

    A launch that is not there leaves none: who guesses at ids must not fill the disk.
    """
    if problem.code not in REFUSALS:
        return
    detail, launch = f"{problem.code} {problem.cause}".strip(), g.get("launch")
    try:
        if launch is not None:
            record(engine, "refused", launch, outcome=MINOR, detail=detail)
            return
        sid = (request.view_args or {}).get("sid")
        ehr = current_app.extensions["smart"].store.ehr_of(sid) if sid else None
        if sid and ehr is not None:
            append(engine, {"action": "refused", "ehr": ehr, "launch": hashed(sid), "outcome": MINOR, "detail": detail})
    except SQLAlchemyError as error:  # the request is refused all the same
        LOG.error("audit: a refusal could not be kept (%s)", type(error).__name__)


def chain_key(secret_key: bytes) -> bytes:
    """The key of the chain: who can write the file, and lacks KINDRED_SECRET_KEY, cannot make it fit again."""
    return hmac.new(secret_key, b"kindred audit chain v1", hashlib.sha256).digest()


def key_id(key: bytes) -> str:
    """Which key this is, without telling it."""
    return hashlib.sha256(b"id:" + key).hexdigest()[:16]


def seal(key: bytes, last: int, chain: str) -> str:
    """Our word for where the chain ends."""
    return hmac.new(key, f"end:{last}:{chain}".encode(), hashlib.sha256).hexdigest()


def link(key: bytes, before: str | None, row: Mapping[str, Any]) -> str:
    """The hash of a row and, through `before`, of every row before it."""
    said = json.dumps([before, *(row[name] for name in CHAINED)], ensure_ascii=True)
    return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()
