-- 1 if the person has the static concept, 0 if another answer is recorded, absent if none is.
SELECT e.subject_id, d.feature, CAST(CASE WHEN d.concept IN (e.sex, e.other_sex) THEN 1 ELSE 0 END AS DOUBLE) AS value,
    CAST(NULL AS TIMESTAMP) AS time, 'Patient/' || e.subject_id AS resource
FROM people e JOIN feature_defs d ON d.kind = 'person_is'
WHERE e.sex IS NOT NULL
