-- Nights of the unplanned acute stays that started within the window.
SELECT s.subject_id, d.feature, CAST(SUM(days_between(CAST(s.admitted AS DATE), CAST(s.discharged AS DATE))) AS DOUBLE) AS value,
    MAX(s.admitted) AS time, CAST(NULL AS STRING) AS resource
FROM stays s JOIN feature_defs d ON d.kind = 'bed_days' CROSS JOIN params p
WHERE days_between(CAST(s.admitted AS DATE), p.as_of_date) < d.window_days
GROUP BY s.subject_id, d.feature
