-- Number of different classes, or ingredients, in use at as_of.
SELECT u.subject_id, d.feature, CAST(COUNT(DISTINCT u.concept) AS DOUBLE) AS value,
    CAST(NULL AS TIMESTAMP) AS time, CAST(NULL AS STRING) AS resource
FROM in_use u JOIN feature_defs d ON d.kind = 'in_use_count' AND u.family = d.concept
GROUP BY u.subject_id, d.feature
