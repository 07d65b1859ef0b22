"""`organizeOutputBy=Patient`: output as one block for each patient (Bulk Data 3.0, "output file organization").

A block is a Parameters resource that names the patient, the Patient, and the resources of their compartment. Shared
resources that belong to nobody are left out, as the specification allows.
"""

from collections.abc import Iterator

import orjson

from fhir_fixtures.ehr.bulk.files import BulkFile, Spool
from fhir_fixtures.ehr.bulk.request import Wanted, where
from fhir_fixtures.ehr.store import Condition, Store, any_of


def patient_files(store: Store, spool: Spool, wanted: list[Wanted], most: int) -> Iterator[BulkFile]:
    """Files of whole blocks, about `most` lines each; only a block that is longer by itself is split, and its header
    repeated.
    """
    waiting: list[bytes] = []
    for patient, lines in _blocks(store, wanted):
        header = _header(patient)
        if waiting and len(waiting) + 1 + len(lines) > most:
            yield from spool.write(None, waiting, len(waiting))
            waiting = []
        room = max(most - 1, 1)
        while len(lines) > room:
            yield from spool.write(None, [header, *lines[:room]], room + 1, continues=True)
            lines = lines[room:]
        waiting += [header, *lines]
    if waiting:
        yield from spool.write(None, waiting, len(waiting))


def _blocks(store: Store, wanted: list[Wanted]) -> Iterator[tuple[str, list[bytes]]]:
    by_type = {one.type: one for one in wanted}
    rules = [(one.type, where(one)) for one in wanted]
    rule = any_of(Condition(f"type = ? AND ({rule.sql})", (kind, *rule.values)) for kind, rule in rules)
    sql = (
        f"SELECT type, body FROM resource WHERE patient = ? AND ({rule.sql})"  # noqa: S608 -- our own SQL
        " ORDER BY type <> 'Patient', type, row"
    )
    db = store.connection()
    for (patient,) in db.execute("SELECT DISTINCT patient FROM resource WHERE patient IS NOT NULL").fetchall():
        rows = db.execute(sql, (patient, *rule.values)).fetchall()
        if rows:
            yield patient, [by_type[kind].line(body) for kind, body in rows]


def _header(patient: str) -> bytes:
    parameter = {"name": "header", "valueReference": {"reference": f"Patient/{patient}"}}
    return orjson.dumps({"resourceType": "Parameters", "parameter": [parameter]})
