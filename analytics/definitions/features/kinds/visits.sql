-- Number of emergency visits that started within the window, those that became a stay included; evidence is the newest.
SELECT subject_id, feature, CAST(COUNT(*) AS DOUBLE) AS value, MAX(time) AS time,
    MAX(CASE WHEN place = 1 THEN resource END) AS resource
FROM (
    SELECT e.subject_id, d.feature, e.time, e.resource,
        ROW_NUMBER() OVER (PARTITION BY e.subject_id, d.feature ORDER BY e.time DESC, e.resource DESC) AS place
    FROM encounters e JOIN feature_defs d ON d.kind = 'visits' CROSS JOIN params p
    WHERE e.emergency = 1 AND days_between(CAST(e.time AS DATE), p.as_of_date) < d.window_days
) placed
GROUP BY subject_id, feature
