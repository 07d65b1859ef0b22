"""The published scores of one patient: each input from the features and records at as_of, with its date and resource.

A measurement, smoking status, sex, birth date or race that is not on record is None and so missing; nothing is assumed.
A condition or medicine without a record is 0, as its feature says (policy "zero"), with no date and no resource.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from analytics.definitions import scores
from analytics.definitions.explain import Evidence
from analytics.definitions.scores import levers

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
    "kdigo": {"egfr": "egfr_2021", "acr": "urine_acr"},
}  # fmt: skip
NOT_KNOWN: Given = (None, None, None)

RACES = {"2054-5": "black", "2106-3": "white"}
RACE_SYSTEM = "urn:oid:2.16.840.1.113883.6.238|"
RACE_CODES = ("1002-5", "2028-9", "2054-5", "2076-8", "2106-3", "2131-1")
CODE_SYSTEMS = {"icd10cm": "http://hl7.org/fhir/sid/icd-10-cm|", "snomed": "http://snomed.info/sct|"}

#: part -> rows (name, value, time, resource), as features/records.sql has them.
Records = Mapping[str, list[tuple[Any, ...]]]


def compute(
    records: Records,
    values: Mapping[str, float | None],
    evidence: Mapping[str, Evidence],
    as_of: date,
) -> dict[str, dict[str, Any]]:
    """Every score by name: what ``scores.compute`` says, and ``inputs``: input -> value, time (ISO date), resource.

    records: what the stages of the patient hold at as_of (features/records.sql).
    """
    given = {name: _from_features(sources, values, evidence) for name, sources in FEATURES.items()}
    sex = _sex(values, evidence)
    for name in ("prevent", "pce", "reynolds", "ckd_epi_2021", "cha2ds2_vasc"):
        given[name]["sex"] = sex
    given["pce"]["race"] = _race(records)
    given["reynolds"]["family_history"] = NOT_KNOWN  # family histories are not read
    given["ckd_epi_2021"]["age"] = _age_at(records, given["ckd_epi_2021"]["creatinine"][1])
    given["charlson"] |= _codes(records)
    given["lace"] |= _stay(records, as_of)
    given["kdigo"] |= _before(records, sex[0])
    return {name: _told(name, given[name]) for name in scores.NAMES}


def lever_inputs(
    values: Mapping[str, float | None], evidence: Mapping[str, Evidence]
) -> dict[str, dict[str, Any]]:
    """What treatments need beside PREVENT's inputs (levers.toml): value, time (ISO date) and resource of each."""
    found = _from_features({name: name for name in levers.inputs()}, values, evidence)
    return {name: _shown(given) for name, given in found.items()}


def _shown(given: Given) -> dict[str, Any]:
    value, time, resource = given
    return {"value": value, "time": time.date().isoformat() if time else None, "resource": resource}


def _told(name: str, given: Mapping[str, Given]) -> dict[str, Any]:
    ordered = {key: given[key] for key in scores.declared_inputs(name)}
    inputs = {key: _shown(one) for key, one in ordered.items()}
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


def _race(records: Records) -> Given:
    """One category alone, black or white; any other answer is "other", for which the score has a note."""
    codes = _codes_of(records["patient_code"], RACE_SYSTEM) & set(RACE_CODES)
    if not codes:
        return NOT_KNOWN
    return (RACES.get(codes.pop(), "other") if len(codes) == 1 else "other", None, None)


def _codes(records: Records) -> dict[str, Given]:
    """Codes of the conditions on record; unknown where there is not one condition."""
    found = {key: _codes_of(records["condition_code"], system) for key, system in CODE_SYSTEMS.items()}
    return {key: (sorted(codes), None, None) if any(found.values()) else NOT_KNOWN for key, codes in found.items()}


def _codes_of(rows: list[tuple[Any, ...]], system: str) -> set[str]:
    return {code.removeprefix(system) for code, *_ in rows if code.startswith(system)}


def _stay(records: Records, as_of: date) -> dict[str, Given]:
    """The newest stay, if it ended at most LACE_DAYS before as_of and the end of each of its parts is known."""
    nothing: dict[str, Given] = dict.fromkeys(("los_days", "acute", "ed_visits_6m"), NOT_KNOWN)
    if not records["admitted"]:
        return nothing
    (_, _, admitted, resource), (_, _, discharged, _) = records["admitted"][0], records["discharged"][0]
    visits, unended = (sum(n for _, n, _, _ in records[part]) for part in ("visits_before", "unended"))
    if unended or not 0 <= (as_of - discharged.date()).days <= LACE_DAYS:
        return nothing
    return {
        "los_days": ((discharged - admitted).days, admitted, resource),
        "acute": (1, admitted, resource),
        "ed_visits_6m": (int(visits), None, None),
    }


def _before(records: Records, sex: str | None) -> dict[str, Given]:
    """eGFR and albumin of the newest creatinine and urine that are at least 90 days older than the newest ones."""
    older = {name: (value, time, resource) for name, value, time, resource in records["before"]}
    creatinine, time, resource = older.get("creatinine", NOT_KNOWN)
    age, _, _ = _age_at(records, time)
    egfr = scores.compute("ckd_epi_2021", {"sex": sex, "age": age, "creatinine": creatinine})["values"].get("egfr")
    return {
        "egfr_before": NOT_KNOWN if egfr is None else (egfr, time, resource),
        "acr_before": older.get("urine_acr", NOT_KNOWN),
    }


def _age_at(records: Records, day: datetime | None) -> Given:
    """Completed years on the day of the creatinine, as the feature egfr_2021 has it."""
    for _, _, born, resource in records["person"]:
        if day is not None and born is not None:
            return (day.year - born.year - ((day.month, day.day) < (born.month, born.day)), None, resource)
    return NOT_KNOWN
