-- 1 if an allergy or intolerance to the concept is on record and has not resolved; one with a date comes before one without.
SELECT subject_id, feature, CAST(1 AS DOUBLE) AS value, time, resource
FROM (
    SELECT f.subject_id, d.feature, f.time, f.resource,
        ROW_NUMBER() OVER (PARTITION BY f.subject_id, d.feature ORDER BY f.time ASC NULLS LAST, f.resource ASC) AS place
    FROM known f JOIN feature_defs d ON d.kind = 'allergy' AND f.concept = d.concept
    WHERE substring(f.resource, 1, 19) = 'AllergyIntolerance/'
      AND (f.text_value IS NULL OR f.text_value NOT IN ('resolved', 'inactive'))
) placed
WHERE place = 1
