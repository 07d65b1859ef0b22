"""What a clinician reports as done elsewhere: kept in Kindred alone, encrypted, for one gap of one patient of one EHR.

Nothing of it is written to the chart, and a gap with such a report is never shown as met. Whose it is stands in the
file as a keyed hash; date, place and who told it are one encrypted value, bound to that hash and the gap.
"""

import hmac
import json
from dataclasses import asdict, dataclass
from datetime import date

from flask import Response, current_app, make_response, redirect, request, url_for
from sqlalchemy import Column, Engine, LargeBinary, String, Table, bindparam, delete, select

from analytics.definitions import gaps
from app import audit
from app.chart.blueprint import BLUEPRINT
from app.chart.mark import check_form
from app.chart.reading import launch_of, serving
from app.database import METADATA
from app.problems import Problem
from app.registry import Ehr
from app.score import as_of
from app.sealing import Sealer, derived
from app.smart.tokens import Launch

LONGEST_PLACE = 80  # characters
EARLIEST = date(1900, 1, 1)
REPORTS = Table(
    "done_elsewhere", METADATA,
    Column("patient_hash", String(64), primary_key=True),  # HMAC of EHR and patient
    Column("gap", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)  # fmt: skip
_OF = select(REPORTS).where(REPORTS.c.patient_hash == bindparam("whose"))


@dataclass(frozen=True)
class Report:
    """Done on `date` (ISO) at `place` ("" where not said); told here by `who` (None: not known) on `told` (ISO)."""

    date: str
    place: str
    who: str | None
    told: str


class Reports:
    """The reports in the app's database."""

    def __init__(self, engine: Engine, secret_key: bytes) -> None:
        keys = derived(secret_key, "kindred done elsewhere v1", 64)
        self._engine, self._sealer, self._hash_key = engine, Sealer(keys[:32]), keys[32:]

    def of(self, ehr: Ehr, patient: str) -> dict[str, Report]:
        """Gap id -> what was reported of it for this patient; one that this key does not open is not there."""
        whose = self._whose(ehr, patient)
        with self._engine.connect() as connection:
            rows = connection.execute(_OF, {"whose": whose}).mappings().all()
        opened = {row["gap"]: self._open(whose, row["gap"], row["sealed"]) for row in rows}
        return {gap: report for gap, report in opened.items() if report is not None}

    def keep(self, ehr: Ehr, patient: str, gap: str, report: Report) -> None:
        """Keep a report in place of an earlier one of the same gap."""
        whose = self._whose(ehr, patient)
        is_this = (REPORTS.c.patient_hash == whose, REPORTS.c.gap == gap)
        with self._engine.begin() as connection:
            connection.execute(delete(REPORTS).where(*is_this))
            connection.execute(
                REPORTS.insert().values(patient_hash=whose, gap=gap, sealed=self._seal(whose, gap, report))
            )

    def forget(self, ehr: Ehr, patient: str, gap: str) -> bool:
        """Delete the report of a gap; whether there was one."""
        is_this = (REPORTS.c.patient_hash == self._whose(ehr, patient), REPORTS.c.gap == gap)
        with self._engine.begin() as connection:
            return connection.execute(delete(REPORTS).where(*is_this)).rowcount > 0

    def _whose(self, ehr: Ehr, patient: str) -> str:
        """Under another issuer the same id is another person, whatever name the EHR is registered under."""
        about = json.dumps([ehr.name, ehr.issuer, patient]).encode()
        return hmac.new(self._hash_key, about, "sha256").hexdigest()

    def _seal(self, whose: str, gap: str, report: Report) -> bytes:
        return self._sealer.seal(json.dumps(asdict(report)).encode(), f"{whose}:{gap}")

    def _open(self, whose: str, gap: str, sealed: bytes) -> Report | None:
        plain = self._sealer.opened(sealed, f"{whose}:{gap}")
        return Report(**json.loads(plain)) if plain is not None else None


def reports() -> Reports:
    """The reports of this app."""
    return Reports(current_app.extensions["smart"].engine, current_app.extensions["secret_key"])


@BLUEPRINT.post("/done-elsewhere", endpoint="report")
def report(sid: str) -> Response:
    """Keep or undo a report; the page says what was wrong with one that cannot be kept."""
    launch, ehr, patient, gap = _asked(sid)
    if request.form.get("undo"):
        if reports().forget(ehr, patient, gap):
            _record("done_elsewhere_undone", ehr, launch)
        return _back(sid, gap)
    done, wrong = _day(request.form.get("date", ""), as_of(ehr))
    place = " ".join(request.form.get("where", "").split())
    if wrong is None and (len(place) > LONGEST_PLACE or not place.isprintable()):
        wrong = "place"
    if wrong is not None:
        return _back(sid, gap, wrong)
    told = Report(done.isoformat(), place, launch.context.user_name, as_of(ehr).isoformat())
    _record("done_elsewhere", ehr, launch)  # before it is kept: a report that leaves no trace must not be
    reports().keep(ehr, patient, gap, told)
    return _back(sid, gap)


def _asked(sid: str) -> tuple[Launch, Ehr, str, str]:
    """Launch, EHR, patient and gap of a form of this launch's own page. Raises Problem for any other."""
    _, ehr, launch = launch_of(sid)
    check_form(launch)
    if launch.context.patient is None:
        raise Problem("no_patient")
    gap = request.form.get("gap", "")
    if gap not in gaps.rules():
        raise Problem("bad_request", "unknown_gap")
    return launch, ehr, launch.context.patient, gap


def _day(text: str, on: date) -> tuple[date, str | None]:
    """The day and what is wrong with it: "date", "future", or None."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return EARLIEST, "date"
    return (day, "future") if day > on else (day, "date" if day < EARLIEST or len(text) != 10 else None)


def _record(action: str, ehr: Ehr, launch: Launch) -> None:
    release = serving().current(ehr.name)
    audit.record(current_app.extensions["smart"].engine, action, launch, release.release_id if release else None)


def _back(sid: str, gap: str, wrong: str | None = None) -> Response:
    """To the page, at the gap. Which one stands in the fragment alone, which no server and no log sees."""
    address = url_for("chart.page", sid=sid, not_kept=wrong, _anchor=f"gap-{gap}")
    return make_response(redirect(address, 303))
