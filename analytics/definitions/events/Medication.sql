-- A medicine belongs to nobody: its events have no subject and serve to resolve 'reference|Medication/ID'.
WITH parsed AS (
    SELECT line_no, line, from_json(line, '{"resourceType":"VARCHAR","id":"VARCHAR","meta":{"lastUpdated":"VARCHAR"},
        "status":"VARCHAR","code":{"text":"VARCHAR","coding":[{"system":"VARCHAR","code":"VARCHAR","display":"VARCHAR"}]}}') AS r
    FROM lines
)
SELECT line_no, line, r.resourceType AS type, r.id AS id, CAST(NULL AS VARCHAR) AS subject, r.status AS status,
    CAST(NULL AS VARCHAR) AS time_text, CAST(NULL AS VARCHAR) AS end_text, CAST(NULL AS VARCHAR) AS recorded_text, r.meta.lastUpdated AS updated_text,
    list_concat(coded_items(r.code), name_items(names_of(r.code))) AS items
FROM parsed
