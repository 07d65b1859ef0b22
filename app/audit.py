"""Who saw which patient, under which release: rows that are only ever added. Nothing else in the app logs a patient."""

import time

from sqlalchemy import Column, Engine, Float, Integer, String, Table

from app.database import METADATA
from app.smart.pending import hashed
from app.smart.tokens import Launch

AUDIT = Table(
    "audit", METADATA,
    Column("id", Integer, primary_key=True),
    Column("time", Float, nullable=False),  # Unix seconds
    Column("action", String, nullable=False),  # launch, view, end
    Column("ehr", String, nullable=False),
    Column("who", String),  # fhirUser as Type/id; NULL where the EHR did not say
    Column("patient", String),  # Patient.id at that EHR
    Column("release", String),
    Column("launch", String, nullable=False),  # hash of the launch's id: joins rows of one launch
)  # fmt: skip


def record(engine: Engine, action: str, launch: Launch, release: str | None = None) -> None:
    """Add one row. Raises if it cannot be written: a view that leaves no trace must not happen."""
    row = {"time": time.time(), "action": action, "ehr": launch.ehr, "who": launch.context.fhir_user,
           "patient": launch.context.patient, "release": release, "launch": hashed(launch.sid)}  # fmt: skip
    with engine.begin() as connection:
        connection.execute(AUDIT.insert().values(row))


def record_hook(engine: Engine, ehr: str, who: str, patient: str, release: str | None, instance: str) -> None:
    """Add the row of an answered call for cards. `instance`: its hookInstance, in the place of a launch's id."""
    row = {"time": time.time(), "action": "hook", "ehr": ehr, "who": who, "patient": patient, "release": release,
           "launch": hashed(instance)}  # fmt: skip
    with engine.begin() as connection:
        connection.execute(AUDIT.insert().values(row))
