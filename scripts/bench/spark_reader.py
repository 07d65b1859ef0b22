"""Events by Spark's own JSON reader, as one would write it without DuckDB: a pruned schema, columns, Parquet.

The schema of a type is that of our own text (analytics/definitions/events/TYPE.sql), so that both sides read the same
fields; the columns are those of an event. What our load does beyond this is left out, to Spark's favour: no check of a
resource, no quarantine, no digest of the line in `version`.

As a process of its own (`load.py` starts it so): `python scripts/bench/spark_reader.py FILES TARGET`.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from analytics.definitions import events

NAMES = {"VARCHAR": "STRING", "DOUBLE": "DOUBLE", "BOOLEAN": "BOOLEAN"}
NOTHING = "CAST(NULL AS STRING)"


def schema(resource_type: str) -> str:
    """Spark's DDL of the fields that our text reads."""
    text = (events.SQL / f"{resource_type}.sql").read_text(encoding="utf-8")
    found = re.search(r"from_json\(line, '(\{.*?\})'\)", text, re.DOTALL)
    if found is None:
        raise SystemExit(f"{resource_type}.sql reads its fields in another way than the bench knows.")
    fields = json.loads(found[1])
    return ", ".join(f"`{name}` {_type(of)}" for name, of in fields.items())


def _type(of: Any) -> str:
    if isinstance(of, list):
        return f"ARRAY<{_type(of[0])}>"
    if isinstance(of, dict):
        return "STRUCT<" + ", ".join(f"`{name}`: {_type(inner)}" for name, inner in of.items()) + ">"
    return NAMES[of]


def instant(text: str) -> str:
    """FHIR date, dateTime or instant to a UTC timestamp."""
    padded = f"CASE length({text}) WHEN 4 THEN {text} || '-01-01' WHEN 7 THEN {text} || '-01' ELSE {text} END"
    return f"CAST(CAST({padded} AS TIMESTAMP_LTZ) AS TIMESTAMP_NTZ)"


def part(text: str, kind: str, number: int) -> str:
    """Base (1) or id (2) of a literal reference, as our macro `reference_to` reads it; empty where it is none."""
    ident = "[A-Za-z0-9.\\\\-]{1,64}"
    return f"regexp_extract({text}, '^(?:((?i:https?)://[^?#]*)/)?{kind}/({ident})(?:/_history/{ident})?$', {number})"


def referenced(text: str, kind: str) -> str:
    """The id where it is ours: the bench has no base, so that of a relative reference."""
    return f"CASE WHEN {part(text, kind, 1)} = '' THEN nullif({part(text, kind, 2)}, '') END"


def called(*texts: str) -> str:
    """An item of what a medicine is called, as our macro `name_items` writes it; generated names have no accents."""
    words = f"trim(regexp_replace(lower(array_join(flatten(array({', '.join(texts)})), ' ')), '[^a-z0-9]+', ' '))"
    one = item(f"concat('name|', left({words}, 300))", text="{text}")
    return f"filter(array({one}), i -> i.code <> 'name|')"


def names(concept: str) -> str:
    """Text and displays of a CodeableConcept."""
    other = f"filter({concept}.coding, d -> NOT (d.display <=> {concept}.text))"
    return f"concat(array({concept}.text), coalesce(transform({other}, d -> d.display), array()))"


def item(code: str, number: str = "CAST(NULL AS DOUBLE)", text: str = NOTHING, unit: str = NOTHING,
         own_time: str = NOTHING) -> str:
    return (f"struct({code} AS code, {number} AS numeric_value, {text} AS text_value, {unit} AS unit, "
            f"{own_time} AS own_time)")


def coding(of: str) -> str:
    return f"coalesce({of}.system, '') || '|' || {of}.code"


def coded(concept: str, text: str = NOTHING) -> str:
    """An item for each coding; an empty list without any."""
    usable = f"filter({concept}.coding, c -> c.code IS NOT NULL)"
    return f"coalesce(transform({usable}, c -> {item(coding('c'), text=text)}), array())"


def first(concept: str) -> str:
    return f"get({concept}.coding, 0)"


def died(when: str) -> str:
    return item("'MEDS_DEATH'", own_time=when)


PART = "struct(code, valueQuantity, valueCodeableConcept, valueInteger, valueString, valueBoolean)"
WORDS = f"{coding(first('p.valueCodeableConcept'))}, p.valueString, p.valueBoolean, p.valueQuantity.comparator"
VALUE = item(coding("c"), "coalesce(p.valueQuantity.value, p.valueInteger)", f"coalesce({WORDS})",
             "coalesce(p.valueQuantity.code, p.valueQuantity.unit)")
DISPOSITION = f"{first('hospitalization.dischargeDisposition')}.code"
MEDICATION = [part("medicationReference.reference", "Medication", number) for number in (1, 2)]
MEDICINE = f"concat('reference|', CASE WHEN {MEDICATION[0]} = '' THEN concat('Medication/', {MEDICATION[1]}) " \
           "ELSE 'elsewhere' END)"
INSIDE = "filter(coalesce(contained, array()), m -> '#' || m.id = medicationReference.reference)"
CALLED = called(names("medicationCodeableConcept"), "array(medicationReference.display)",
                f"flatten(transform({INSIDE}, m -> {names('m.code')}))").format(text="intent")
WHY = item("concat('reason|', " + coding("c") + ")")
REASONS = "flatten(transform(coalesce(reasonCode, array()), t -> coalesce(filter(t.coding, c -> c.code IS NOT NULL), " \
          "array())))"
WHENCE = f"{first('hospitalization.admitSource')}.code"
BESIDE = "CASE WHEN class.code IS NULL OR class.code NOT IN ('AMB', 'HH', 'VR') THEN concat(" \
         f"transform({REASONS}, c -> {WHY}), CASE WHEN {WHENCE} IS NOT NULL THEN array(" \
         + item(f"concat('admitted|', {WHENCE})") + ") ELSE array() END) ELSE array() END"
DRUG_STATUS = "CASE WHEN doNotPerform THEN 'do-not-perform' ELSE status END"
OMB = "filter(flatten(transform(coalesce(extension, array()), e -> coalesce(e.extension, array()))), " \
      "e -> e.url = 'ombCategory' AND e.valueCoding.code IS NOT NULL)"

#: subject, status, time, end, recorded, items: what our texts select, in Spark's words.
MAPPED = {
    "Observation": (
        "subject", "status", "coalesce(effectiveDateTime, effectiveInstant, effectivePeriod.start, issued)",
        "effectivePeriod.end", "issued",
        f"flatten(transform(concat(array({PART}), coalesce(component, array())), "
        f"p -> transform(filter(coalesce(p.code.coding, array()), c -> c.code IS NOT NULL), c -> {VALUE})))"),
    "Encounter": (
        "subject", "status", "period.start", "period.end", NOTHING,
        f"concat(CASE WHEN class.code IS NOT NULL THEN array({item(coding('class'), text=DISPOSITION)}) "
        "ELSE array() END, "
        f"{coded('priority')}, {coded('serviceType')}, "
        f"flatten(transform(coalesce(type, array()), t -> {coded('t', DISPOSITION)})), {BESIDE})"),
    "Condition": (
        "subject", f"{first('verificationStatus')}.code", "coalesce(onsetDateTime, onsetPeriod.start, recordedDate)",
        "coalesce(abatementDateTime, abatementPeriod.end)", "recordedDate",
        coded("code", f"{first('clinicalStatus')}.code")),
    "AllergyIntolerance": (
        "patient", f"{first('verificationStatus')}.code", "coalesce(onsetDateTime, recordedDate)", NOTHING,
        "recordedDate", coded("code", f"{first('clinicalStatus')}.code")),
    "Immunization": ("patient", "status", "occurrenceDateTime", NOTHING, "recorded", coded("vaccineCode")),
    "Procedure": (
        "subject", "status", "coalesce(performedDateTime, performedPeriod.start)", "performedPeriod.end", NOTHING,
        coded("code")),
    "Medication": (None, "status", NOTHING, NOTHING, NOTHING,
                   f"concat({coded('code')}, {called(names('code')).format(text=NOTHING)})"),
    "MedicationRequest": (
        "subject", DRUG_STATUS, "authoredOn", "dispenseRequest.validityPeriod.end", "authoredOn",
        f"concat({coded('medicationCodeableConcept', 'intent')}, "
        f"flatten(transform({INSIDE}, m -> {coded('m.code', 'intent')})), "
        f"CASE WHEN {MEDICATION[1]} <> '' THEN array({item(MEDICINE, text='intent')}) ELSE array() END, {CALLED})"),
    "Patient": (
        "id", NOTHING, "birthDate", NOTHING, NOTHING,
        f"concat(array({item(repr('MEDS_BIRTH'), own_time='birthDate')}), CASE WHEN gender IS NOT NULL THEN array("
        + item("'http://hl7.org/fhir/administrative-gender|' || gender", own_time="coalesce(birthDate, '')")
        + f") ELSE array() END, CASE WHEN deceasedDateTime IS NOT NULL THEN array({died('deceasedDateTime')}) "
        f"WHEN deceasedBoolean THEN array({died(repr(''))}) ELSE array() END, "
        f"transform({OMB}, e -> " + item(coding("e.valueCoding"), own_time="coalesce(birthDate, '')") + "))"),
}


def select(resource_type: str, view: str) -> str:
    """SELECT of the events of the resources in a view."""
    subject, status, time, end, recorded, items = MAPPED[resource_type]
    whose = {None: NOTHING, "id": "id"}.get(subject, referenced(f"{subject}.reference", "Patient"))
    own = f"CASE WHEN i.own_time = '' THEN NULL ELSE {instant('i.own_time')} END"
    return f"""
    SELECT subject_id, CASE WHEN i.own_time IS NULL THEN time ELSE {own} END AS time, i.code, i.numeric_value,
        i.text_value, i.unit, end_time, status,
        CASE WHEN i.own_time IS NULL THEN coalesce(recorded, time) ELSE {own} END AS recorded, resource, version
    FROM (
        SELECT {whose} AS subject_id, {status} AS status, {instant(time)} AS time, {instant(end)} AS end_time,
            {instant(recorded)} AS recorded, resourceType || '/' || id AS resource,
            date_format({instant('meta.lastUpdated')}, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS") AS version,
            explode({items}) AS i
        FROM {view}
    )"""  # noqa: S608


def write(spark: Any, files: list[Path], target: Path) -> None:
    """All files to one folder of Parquet; one job for each type, as its schema asks for."""
    for kind in sorted({path.stem.split("-")[0] for path in files} & MAPPED.keys()):
        mine = [str(path) for path in files if path.stem.startswith(f"{kind}-")]
        spark.read.schema(schema(kind)).json(mine).createOrReplaceTempView("bench_resources")
        made = spark.sql(select(kind, "bench_resources"))
        made.write.option("compression", "zstd").mode("append").parquet(str(target))


def main() -> None:
    """A session with our settings that reads and writes, and nothing else."""
    from analytics.config import Settings
    from analytics.spark import session

    spark = session(Settings.from_environment({"KINDRED_HOME": os.environ["KINDRED_HOME"]}))
    write(spark, sorted(Path(sys.argv[1]).glob("*.ndjson")), Path(sys.argv[2]))
    spark.stop()


if __name__ == "__main__":
    main()
