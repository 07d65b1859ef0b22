-- Number of different concepts of a family recorded within the window.
SELECT f.subject_id, d.feature, CAST(COUNT(DISTINCT f.concept) AS DOUBLE) AS value,
    MAX(f.time) AS time, CAST(NULL AS STRING) AS resource
FROM known f JOIN feature_defs d ON d.kind = 'recent_family_count' AND f.family = d.concept CROSS JOIN params p
WHERE days_between(CAST(f.time AS DATE), p.as_of_date) < d.window_days
GROUP BY f.subject_id, d.feature
