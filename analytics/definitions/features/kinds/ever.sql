-- 1 from the first record of the concept on.
SELECT subject_id, feature, CAST(1 AS DOUBLE) AS value, time, resource
FROM (
    SELECT f.subject_id, d.feature, f.time, f.resource,
        ROW_NUMBER() OVER (PARTITION BY f.subject_id, d.feature ORDER BY f.time ASC NULLS LAST, f.resource ASC) AS place
    FROM known f JOIN feature_defs d ON d.kind = 'ever' AND f.concept = d.concept
) placed
WHERE place = 1
