-- The newest value within the window; of several at the same instant the largest.
SELECT subject_id, feature, value, time, resource
FROM (
    SELECT m.subject_id, d.feature, m.value, m.time, m.resource,
        ROW_NUMBER() OVER (PARTITION BY m.subject_id, d.feature ORDER BY m.time DESC, m.value DESC, m.resource DESC) AS place
    FROM measurements m JOIN feature_defs d ON d.kind = 'latest' AND m.concept = d.concept CROSS JOIN params p
    WHERE days_between(CAST(m.time AS DATE), p.as_of_date) < d.window_days
) placed
WHERE place = 1
