WITH parsed AS (
    SELECT line_no, line, from_json(line, '{"resourceType":"VARCHAR","id":"VARCHAR","meta":{"lastUpdated":"VARCHAR"},
        "status":"VARCHAR","patient":{"reference":"VARCHAR"},"vaccineCode":{"coding":[{"system":"VARCHAR","code":"VARCHAR"}]},
        "occurrenceDateTime":"VARCHAR","recorded":"VARCHAR"}') AS r
    FROM lines
)
SELECT line_no, line, r.resourceType AS type, r.id AS id, r.patient.reference AS subject, r.status AS status,
    r.occurrenceDateTime AS time_text, CAST(NULL AS VARCHAR) AS end_text, r.recorded AS recorded_text, r.meta.lastUpdated AS updated_text,
    coded_items(r.vaccineCode) AS items
FROM parsed
