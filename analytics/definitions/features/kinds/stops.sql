-- Number of medicine classes that were in use a year before as_of and are not now.
SELECT b.subject_id, d.feature, CAST(COUNT(DISTINCT b.concept) AS DOUBLE) AS value,
    CAST(NULL AS TIMESTAMP) AS time, CAST(NULL AS STRING) AS resource
FROM used_before b JOIN feature_defs d ON d.kind = 'stops'
LEFT JOIN in_use u ON b.subject_id = u.subject_id AND b.concept = u.concept
WHERE u.concept IS NULL
GROUP BY b.subject_id, d.feature
