"""The published scores of one patient: each input from the features and records at as_of, with its date and resource.

A measurement, smoking status, sex, birth date or race that is not on record is None and so missing; nothing is assumed.
A condition or medicine without a record is 0, as its feature says (policy "zero"), with no date and no resource.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import duckdb

from analytics.definitions import scores
from analytics.definitions.explain import Evidence

Given = tuple[Any, datetime | None, str | None]
#: input -> the feature that gives it, or several of which one is enough.
Sources = dict[str, str | tuple[str, ...]]

#: LACE is for people near their discharge; the time of its own outcome.
LACE_DAYS = 30
BLOOD_PRESSURE = tuple(
    f"{name}_in_use"
    for name in ("renin_angiotensin", "calcium_channel_blocker", "thiazide", "beta_blocker",
                 "mineralocorticoid_antagonist", "other_antihypertensive")
)  # fmt: skip
RISK_FACTORS: Sources = {
    "tc": "total_cholesterol", "hdl": "hdl", "sbp": "systolic", "smoking": "smoker", "dm": "diabetes",
}  # fmt: skip
FEATURES: dict[str, Sources] = {
    "prevent": RISK_FACTORS | {
        "age": "age", "bmi": "body_mass_index", "egfr": "egfr_2021", "bptx": BLOOD_PRESSURE, "statin": "statin_in_use",
        "prior_cvd": ("coronary_disease", "coronary_revascularisation", "stroke", "heart_failure"),
    },
    "pce": RISK_FACTORS | {
        "age": "age", "bptx": BLOOD_PRESSURE,
        "prior_cvd": ("coronary_disease", "coronary_revascularisation", "stroke", "peripheral_artery_disease"),
    },
    "reynolds": RISK_FACTORS | {"age": "age", "hscrp": "hs_crp"},
    "ckd_epi_2021": {"creatinine": "creatinine"},
    "charlson": {"age": "age"},
    "lace": {"charlson": "charlson_1987"},
    "cha2ds2_vasc": {
        "age": "age", "chf": "heart_failure", "stroke": "stroke",
        "vascular": ("myocardial_infarction", "peripheral_artery_disease"),
        "hypertension": "hypertension", "diabetes": "diabetes", "atrial_fibrillation": "atrial_fibrillation",
    },
}  # fmt: skip
NOT_KNOWN: Given = (None, None, None)

RACES = {"2054-5": "black", "2106-3": "white"}
RACE_SYSTEM = "urn:oid:2.16.840.1.113883.6.238|"
RACE_CODES = ("1002-5", "2028-9", "2054-5", "2076-8", "2106-3", "2131-1")
CODE_SYSTEMS = {"icd10cm": "http://hl7.org/fhir/sid/icd-10-cm|", "snomed": "http://snomed.info/sct|"}
#: The newest stay, whether the end of a part of it is unknown,
#: and the emergency visits of the 182 days before it, the one that led to it apart.
STAY = """
SELECT s.admitted, s.discharged, s.resource, (
    SELECT count(*) FROM encounters e WHERE e.emergency = 1
    AND e.time < s.admitted - INTERVAL 24 HOUR AND e.time >= s.admitted - INTERVAL 182 DAY) AS visits, EXISTS (
    SELECT 1 FROM encounters e JOIN known k ON e.resource = k.resource WHERE e.acute_stay = 1 AND k.family = 'encounter'
    AND k.end_time IS NULL AND e.time >= s.admitted AND e.time <= s.discharged) AS unended
FROM stays s ORDER BY s.admitted DESC, s.resource DESC LIMIT 1
"""
RECORDED = """
SELECT DISTINCT code FROM coded CROSS JOIN params p
WHERE starts_with(resource, ?) AND (time IS NULL OR time < p.as_of) AND (recorded IS NULL OR recorded < p.as_of)
"""


def compute(
    connection: duckdb.DuckDBPyConnection,
    values: Mapping[str, float | None],
    evidence: Mapping[str, Evidence],
    as_of: date,
) -> dict[str, dict[str, Any]]:
    """Every score by name: what ``scores.compute`` says, and ``inputs``: input -> value, time (ISO date), resource.

    connection holds the stages of the patient at as_of.
    """
    given = {name: _from_features(sources, values, evidence) for name, sources in FEATURES.items()}
    sex = _sex(values, evidence)
    for name in ("prevent", "pce", "reynolds", "ckd_epi_2021", "cha2ds2_vasc"):
        given[name]["sex"] = sex
    given["pce"]["race"] = _race(connection)
    given["reynolds"]["family_history"] = NOT_KNOWN  # family histories are not read
    given["ckd_epi_2021"]["age"] = _age_at(connection, given["ckd_epi_2021"]["creatinine"][1])
    given["charlson"] |= _codes(connection)
    given["lace"] |= _stay(connection, as_of)
    return {name: _told(name, given[name]) for name in scores.NAMES}


def _told(name: str, given: Mapping[str, Given]) -> dict[str, Any]:
    ordered = {key: given[key] for key in scores.declared_inputs(name)}
    inputs = {
        key: {"value": value, "time": time.date().isoformat() if time else None, "resource": resource}
        for key, (value, time, resource) in ordered.items()
    }
    return scores.compute(name, {key: value for key, (value, _, _) in ordered.items()}) | {"inputs": inputs}


def _from_features(
    sources: Sources,
    values: Mapping[str, float | None],
    evidence: Mapping[str, Evidence],
) -> dict[str, Given]:
    found: dict[str, Given] = {}
    for key, source in sources.items():
        names = (source,) if isinstance(source, str) else source
        best = next((name for name in names if values[name]), names[0])
        found[key] = (values[best], *evidence.get(best, (None, None)))
    return found


def _sex(values: Mapping[str, float | None], evidence: Mapping[str, Evidence]) -> Given:
    female = values["female"]
    return NOT_KNOWN if female is None else ("female" if female else "male", *evidence["female"])


def _race(connection: duckdb.DuckDBPyConnection) -> Given:
    """One category alone, black or white; any other answer is "other", for which the score has a note."""
    codes = _recorded(connection, "Patient/", RACE_SYSTEM) & set(RACE_CODES)
    if not codes:
        return NOT_KNOWN
    return (RACES.get(codes.pop(), "other") if len(codes) == 1 else "other", None, None)


def _codes(connection: duckdb.DuckDBPyConnection) -> dict[str, Given]:
    """Codes of the conditions on record; unknown where there is not one condition."""
    found = {key: _recorded(connection, "Condition/", system) for key, system in CODE_SYSTEMS.items()}
    return {key: (sorted(codes), None, None) if any(found.values()) else NOT_KNOWN for key, codes in found.items()}


def _recorded(connection: duckdb.DuckDBPyConnection, resources: str, system: str) -> set[str]:
    rows = connection.execute(RECORDED, [resources]).fetchall()
    return {code.removeprefix(system) for (code,) in rows if code.startswith(system)}


def _stay(connection: duckdb.DuckDBPyConnection, as_of: date) -> dict[str, Given]:
    row = next(iter(connection.execute(STAY).fetchall()), None)
    if row is None or row[4] or row[1].date() > as_of or (as_of - row[1].date()).days > LACE_DAYS:
        return dict.fromkeys(("los_days", "acute", "ed_visits_6m"), NOT_KNOWN)
    admitted, discharged, resource, visits, _ = row
    days = (discharged - admitted).days
    index = {"los_days": (days, admitted, resource), "acute": (1, admitted, resource)}
    return index | {"ed_visits_6m": (visits, None, None)}


def _age_at(connection: duckdb.DuckDBPyConnection, day: datetime | None) -> Given:
    """Completed years on the day of the creatinine, as the feature egfr_2021 has it."""
    row = next(iter(connection.execute("SELECT born, concat('Patient/', subject_id) FROM people").fetchall()), None)
    if day is None or row is None or row[0] is None:
        return NOT_KNOWN
    born, resource = row
    return (day.year - born.year - ((day.month, day.day) < (born.month, born.day)), None, resource)
