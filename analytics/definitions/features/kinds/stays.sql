-- Number of unplanned acute stays that started within the window; evidence is the newest.
SELECT subject_id, feature, CAST(COUNT(*) AS DOUBLE) AS value, MAX(admitted) AS time,
    MAX(CASE WHEN place = 1 THEN resource END) AS resource
FROM (
    SELECT s.subject_id, d.feature, s.admitted, s.resource,
        ROW_NUMBER() OVER (PARTITION BY s.subject_id, d.feature ORDER BY s.admitted DESC, s.resource DESC) AS place
    FROM stays s JOIN feature_defs d ON d.kind = 'stays' CROSS JOIN params p
    WHERE days_between(CAST(s.admitted AS DATE), p.as_of_date) < d.window_days
) placed
GROUP BY subject_id, feature
