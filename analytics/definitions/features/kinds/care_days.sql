-- Number of different days with an encounter of any kind within the window.
SELECT e.subject_id, d.feature, CAST(COUNT(DISTINCT CAST(e.time AS DATE)) AS DOUBLE) AS value,
    MAX(e.time) AS time, CAST(NULL AS STRING) AS resource
FROM encounters e JOIN feature_defs d ON d.kind = 'care_days' CROSS JOIN params p
WHERE days_between(CAST(e.time AS DATE), p.as_of_date) < d.window_days
GROUP BY e.subject_id, d.feature
