-- Birth and death carry the MEDS codes; sex, race and ethnicity hold from birth on (without a birth date: no time). Race and ethnicity serve
-- subgroup reports only, never grouping.
WITH parsed AS (
    SELECT line_no, line, from_json(line, '{"resourceType":"VARCHAR","id":"VARCHAR","meta":{"lastUpdated":"VARCHAR"},
        "gender":"VARCHAR","birthDate":"VARCHAR","deceasedBoolean":"BOOLEAN","deceasedDateTime":"VARCHAR",
        "extension":[{"url":"VARCHAR","valueCode":"VARCHAR",
                      "extension":[{"url":"VARCHAR","valueCoding":{"system":"VARCHAR","code":"VARCHAR"}}]}]}') AS r
    FROM lines
)
SELECT line_no, line, r.resourceType AS type, r.id AS id, 'Patient/' || r.id AS subject, CAST(NULL AS VARCHAR) AS status,
    r.birthDate AS time_text, CAST(NULL AS VARCHAR) AS end_text, CAST(NULL AS VARCHAR) AS recorded_text, r.meta.lastUpdated AS updated_text,
    list_concat(
        [item('MEDS_BIRTH')],
        CASE WHEN r.gender IS NOT NULL THEN [item('http://hl7.org/fhir/administrative-gender|' || r.gender)] END,
        CASE WHEN r.deceasedDateTime IS NOT NULL THEN [item('MEDS_DEATH', own_time := r.deceasedDateTime)]
             WHEN r.deceasedBoolean THEN [item('MEDS_DEATH', own_time := '')] END,
        list_transform(list_filter(flatten(list_transform(coalesce(r.extension, []), lambda e: coalesce(e.extension, []))),
                                   lambda e: e.url = 'ombCategory' AND e.valueCoding.code IS NOT NULL),
                       lambda e: item(system_code(e.valueCoding)))
    ) AS items
FROM parsed
