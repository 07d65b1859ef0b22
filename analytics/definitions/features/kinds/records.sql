-- Number of different resources that record the concept within the window; evidence is the newest.
SELECT subject_id, feature, CAST(COUNT(DISTINCT resource) AS DOUBLE) AS value, MAX(time) AS time,
    MAX(CASE WHEN place = 1 THEN resource END) AS resource
FROM (
    SELECT f.subject_id, d.feature, f.time, f.resource,
        ROW_NUMBER() OVER (PARTITION BY f.subject_id, d.feature ORDER BY f.time DESC, f.resource DESC) AS place
    FROM known f JOIN feature_defs d ON d.kind = 'records' AND f.concept = d.concept CROSS JOIN params p
    WHERE days_between(CAST(f.time AS DATE), p.as_of_date) < d.window_days
) placed
GROUP BY subject_id, feature
