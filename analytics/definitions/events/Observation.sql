-- One event for each coding of the Observation and of each component, with its own value.
-- text_value is the coded value as system|code, the plain text, or the comparator of a quantity ("<5" is 5 with "<").
WITH parsed AS (
    SELECT line_no, line, from_json(line, '{"resourceType":"VARCHAR","id":"VARCHAR","meta":{"lastUpdated":"VARCHAR"},
        "status":"VARCHAR","subject":{"reference":"VARCHAR"},
        "effectiveDateTime":"VARCHAR","effectiveInstant":"VARCHAR","effectivePeriod":{"start":"VARCHAR","end":"VARCHAR"},"issued":"VARCHAR",
        "code":{"coding":[{"system":"VARCHAR","code":"VARCHAR"}]},
        "valueQuantity":{"value":"DOUBLE","comparator":"VARCHAR","unit":"VARCHAR","code":"VARCHAR"},
        "valueCodeableConcept":{"coding":[{"system":"VARCHAR","code":"VARCHAR"}]},
        "valueInteger":"DOUBLE","valueString":"VARCHAR","valueBoolean":"VARCHAR",
        "component":[{"code":{"coding":[{"system":"VARCHAR","code":"VARCHAR"}]},
            "valueQuantity":{"value":"DOUBLE","comparator":"VARCHAR","unit":"VARCHAR","code":"VARCHAR"},
            "valueCodeableConcept":{"coding":[{"system":"VARCHAR","code":"VARCHAR"}]},
            "valueInteger":"DOUBLE","valueString":"VARCHAR","valueBoolean":"VARCHAR"}]}') AS r
    FROM lines
), valued AS (
    SELECT line_no, line, r, coalesce(r.valueQuantity.value, r.valueInteger) AS number,
        coalesce(system_code(r.valueCodeableConcept.coding[1]), r.valueString, r.valueBoolean, r.valueQuantity.comparator) AS words,
        coalesce(r.valueQuantity.code, r.valueQuantity.unit) AS unit
    FROM parsed
), own AS (
    -- The Observation's own value as columns: a lambda copies whatever it takes from around it, for each coding.
    SELECT line_no, line, r, list_transform(list_filter(r.code.coding, lambda c: c.code IS NOT NULL),
        lambda c: item(system_code(c), numeric_value := number, text_value := words, unit := unit)) AS items
    FROM valued
)
SELECT line_no, line, r.resourceType AS type, r.id AS id, r.subject.reference AS subject, r.status AS status,
    coalesce(r.effectiveDateTime, r.effectiveInstant, r.effectivePeriod.start, r.issued) AS time_text,
    r.effectivePeriod.end AS end_text, r.issued AS recorded_text, r.meta.lastUpdated AS updated_text,
    CASE WHEN r.component IS NULL THEN items ELSE list_concat(items,
        flatten(list_transform(r.component, lambda p: list_transform(list_filter(p.code.coding, lambda c: c.code IS NOT NULL), lambda c: item(
            system_code(c),
            numeric_value := coalesce(p.valueQuantity.value, p.valueInteger),
            text_value := coalesce(system_code(p.valueCodeableConcept.coding[1]), p.valueString, p.valueBoolean, p.valueQuantity.comparator),
            unit := coalesce(p.valueQuantity.code, p.valueQuantity.unit)))))) END AS items
FROM own
