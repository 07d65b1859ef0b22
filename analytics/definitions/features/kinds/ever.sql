-- 1 from the first record of the concept on.
SELECT f.subject_id, d.feature, CAST(1 AS DOUBLE) AS value, f.time, f.resource
FROM first_records f JOIN feature_defs d ON d.kind = 'ever' AND f.concept = d.concept
