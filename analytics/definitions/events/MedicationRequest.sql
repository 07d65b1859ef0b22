-- The medicine is a code, a contained Medication, or a reference: 'reference|Medication/ID', resolved at build, or 'reference|elsewhere'
-- where it points to another server, whose Medication of that id is none of ours. What it is called serves where no code is known.
-- end_time is the end of the dispense validity, where given. text_value is the intent.
WITH parsed AS (
    SELECT line_no, line, from_json(line, '{"resourceType":"VARCHAR","id":"VARCHAR","meta":{"lastUpdated":"VARCHAR"},
        "status":"VARCHAR","intent":"VARCHAR","doNotPerform":"BOOLEAN","subject":{"reference":"VARCHAR"},"authoredOn":"VARCHAR",
        "medicationCodeableConcept":{"text":"VARCHAR","coding":[{"system":"VARCHAR","code":"VARCHAR","display":"VARCHAR"}]},
        "medicationReference":{"reference":"VARCHAR","display":"VARCHAR"},
        "contained":[{"id":"VARCHAR","code":{"text":"VARCHAR","coding":[{"system":"VARCHAR","code":"VARCHAR","display":"VARCHAR"}]}}],
        "dispenseRequest":{"validityPeriod":{"end":"VARCHAR"}}}') AS r
    FROM lines
), pointing AS (
    SELECT line_no, line, r, reference_to(r.medicationReference.reference, 'Medication') AS medicine,
        list_filter(coalesce(r.contained, []), lambda c: '#' || c.id = r.medicationReference.reference) AS inside
    FROM parsed
)
SELECT line_no, line, r.resourceType AS type, r.id AS id, r.subject.reference AS subject,
    CASE WHEN r.doNotPerform THEN 'do-not-perform' ELSE r.status END AS status,
    r.authoredOn AS time_text, r.dispenseRequest.validityPeriod.end AS end_text, r.authoredOn AS recorded_text, r.meta.lastUpdated AS updated_text,
    list_concat(
        coded_items(r.medicationCodeableConcept, text_value := r.intent),
        flatten(list_transform(inside, lambda c: coded_items(c.code, text_value := r.intent))),
        CASE WHEN medicine.id <> '' THEN [item('reference|' || CASE
            WHEN medicine.base = '' OR server_of(medicine.base) = server.base THEN 'Medication/' || medicine.id ELSE 'elsewhere' END,
            text_value := r.intent)] END,
        name_items(list_concat(names_of(r.medicationCodeableConcept), [r.medicationReference.display],
            flatten(list_transform(inside, lambda c: names_of(c.code)))), text_value := r.intent)
    ) AS items
FROM pointing CROSS JOIN server
