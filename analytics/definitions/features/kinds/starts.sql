-- Number of medicine classes in use at as_of that were not in use a year before; time is the newest order among them.
SELECT u.subject_id, d.feature, CAST(COUNT(DISTINCT u.concept) AS DOUBLE) AS value,
    MAX(u.time) AS time, CAST(NULL AS STRING) AS resource
FROM in_use u JOIN feature_defs d ON d.kind = 'starts' AND u.family = d.concept
LEFT JOIN used_before b ON u.subject_id = b.subject_id AND u.concept = b.concept
WHERE b.concept IS NULL
GROUP BY u.subject_id, d.feature
