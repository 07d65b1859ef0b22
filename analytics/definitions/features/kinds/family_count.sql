-- Number of different concepts of a family ever recorded.
SELECT f.subject_id, d.feature, CAST(COUNT(DISTINCT f.concept) AS DOUBLE) AS value,
    CAST(NULL AS TIMESTAMP) AS time, CAST(NULL AS STRING) AS resource
FROM known f JOIN feature_defs d ON d.kind = 'family_count' AND f.family = d.concept
GROUP BY f.subject_id, d.feature
