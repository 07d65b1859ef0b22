-- 1 if the person has the static concept, 0 if another answer is recorded, absent if none is.
SELECT f.subject_id, d.feature, CAST(MAX(CASE WHEN f.concept = d.concept THEN 1 ELSE 0 END) AS DOUBLE) AS value,
    CAST(NULL AS TIMESTAMP) AS time, concat('Patient/', f.subject_id) AS resource
FROM known f JOIN feature_defs d ON d.kind = 'person_is'
WHERE f.concept IN ('female', 'male')
GROUP BY f.subject_id, d.feature
