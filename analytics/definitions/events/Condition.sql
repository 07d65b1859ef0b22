-- status is the verificationStatus; text_value is the clinicalStatus. time is onset, recorded is recordedDate.
WITH parsed AS (
    SELECT line_no, line, from_json(line, '{"resourceType":"VARCHAR","id":"VARCHAR","meta":{"lastUpdated":"VARCHAR"},
        "subject":{"reference":"VARCHAR"},"code":{"coding":[{"system":"VARCHAR","code":"VARCHAR"}]},
        "clinicalStatus":{"coding":[{"code":"VARCHAR"}]},"verificationStatus":{"coding":[{"code":"VARCHAR"}]},
        "onsetDateTime":"VARCHAR","onsetPeriod":{"start":"VARCHAR"},"recordedDate":"VARCHAR",
        "abatementDateTime":"VARCHAR","abatementPeriod":{"end":"VARCHAR"}}') AS r
    FROM lines
)
SELECT line_no, line, r.resourceType AS type, r.id AS id, r.subject.reference AS subject,
    r.verificationStatus.coding[1].code AS status,
    coalesce(r.onsetDateTime, r.onsetPeriod.start, r.recordedDate) AS time_text,
    coalesce(r.abatementDateTime, r.abatementPeriod.end) AS end_text, r.recordedDate AS recorded_text, r.meta.lastUpdated AS updated_text,
    coded_items(r.code, text_value := r.clinicalStatus.coding[1].code) AS items
FROM parsed
