-- The medicine is a code, a contained Medication, or a reference (code 'reference|Medication/ID', resolved at build).
-- end_time is the end of the dispense validity, where given. text_value is the intent.
WITH parsed AS (
    SELECT line_no, line, from_json(line, '{"resourceType":"VARCHAR","id":"VARCHAR","meta":{"lastUpdated":"VARCHAR"},
        "status":"VARCHAR","intent":"VARCHAR","doNotPerform":"BOOLEAN","subject":{"reference":"VARCHAR"},"authoredOn":"VARCHAR",
        "medicationCodeableConcept":{"coding":[{"system":"VARCHAR","code":"VARCHAR"}]},"medicationReference":{"reference":"VARCHAR"},
        "contained":[{"id":"VARCHAR","code":{"coding":[{"system":"VARCHAR","code":"VARCHAR"}]}}],
        "dispenseRequest":{"validityPeriod":{"end":"VARCHAR"}}}') AS r
    FROM lines
)
SELECT line_no, line, r.resourceType AS type, r.id AS id, referenced_id(r.subject.reference, 'Patient') AS subject_id,
    CASE WHEN r.doNotPerform THEN 'do-not-perform' ELSE r.status END AS status,
    r.authoredOn AS time_text, r.dispenseRequest.validityPeriod.end AS end_text, r.authoredOn AS recorded_text, r.meta.lastUpdated AS updated_text,
    list_concat(
        coded_items(r.medicationCodeableConcept, text_value := r.intent),
        flatten(list_transform(list_filter(coalesce(r.contained, []), lambda c: '#' || c.id = r.medicationReference.reference),
                               lambda c: coded_items(c.code, text_value := r.intent))),
        CASE WHEN referenced_id(r.medicationReference.reference, 'Medication') IS NOT NULL
             THEN [item('reference|Medication/' || referenced_id(r.medicationReference.reference, 'Medication'), text_value := r.intent)] END
    ) AS items
FROM parsed
