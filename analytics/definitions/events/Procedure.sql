WITH parsed AS (
    SELECT line_no, line, from_json(line, '{"resourceType":"VARCHAR","id":"VARCHAR","meta":{"lastUpdated":"VARCHAR"},
        "status":"VARCHAR","subject":{"reference":"VARCHAR"},"code":{"coding":[{"system":"VARCHAR","code":"VARCHAR"}]},
        "performedDateTime":"VARCHAR","performedPeriod":{"start":"VARCHAR","end":"VARCHAR"}}') AS r
    FROM lines
)
SELECT line_no, line, r.resourceType AS type, r.id AS id, r.subject.reference AS subject, r.status AS status,
    coalesce(r.performedDateTime, r.performedPeriod.start) AS time_text, r.performedPeriod.end AS end_text,
    CAST(NULL AS VARCHAR) AS recorded_text, r.meta.lastUpdated AS updated_text,
    coded_items(r.code) AS items
FROM parsed
