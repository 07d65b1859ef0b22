"""Who saw which patient, under which release: rows that are only ever added. Nothing else in the app logs a patient."""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Engine, Float, Integer, String, Table

from app.database import METADATA
from app.smart.pending import hashed
from app.smart.tokens import Launch

AUDIT = Table(
    "audit", METADATA,
    Column("id", Integer, primary_key=True),
    Column("time", Float, nullable=False),  # Unix seconds
    Column("action", String, nullable=False),  # launch, view, list, list-csv, list-group, end
    Column("ehr", String, nullable=False),
    Column("who", String),  # fhirUser as Type/id; NULL where the EHR did not say
    Column("patient", String),  # Patient.id at that EHR
    Column("release", String),
    Column("launch", String, nullable=False),  # hash of the launch's id: joins rows of one launch
)  # fmt: skip


def record(engine: Engine, action: str, launch: Launch, release: str | None = None) -> None:
    """Add one row. Raises if it cannot be written: a view that leaves no trace must not happen."""
    _add(engine, [_row(action, launch, release, launch.context.patient)])


def record_list(
    engine: Engine, action: str, launch: Launch, release: str | None, patients: Sequence[str]
) -> None:
    """Add one row for each patient on a list that is about to be shown; one without a patient for an empty list.

    Raises as `record` does: either all of them are noted or none is shown.
    """
    listed: Sequence[str | None] = patients or (None,)
    _add(engine, [_row(action, launch, release, patient) for patient in listed])


def _row(action: str, launch: Launch, release: str | None, patient: str | None) -> dict[str, Any]:
    return {"time": time.time(), "action": action, "ehr": launch.ehr, "who": launch.context.fhir_user,
            "patient": patient, "release": release, "launch": hashed(launch.sid)}  # fmt: skip


def _add(engine: Engine, rows: list[dict[str, Any]]) -> None:
    with engine.begin() as connection:
        connection.execute(AUDIT.insert(), rows)
