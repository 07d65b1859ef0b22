-- The highest or lowest plausible value (as the answer says) within the window, or ever; of equal ones the newest.
SELECT subject_id, feature, value, time, resource
FROM (
    SELECT m.subject_id, d.feature, m.value, m.time, m.resource,
        ROW_NUMBER() OVER (PARTITION BY m.subject_id, d.feature
                           ORDER BY CASE WHEN d.answer = 'highest' THEN 0 - m.value ELSE m.value END ASC NULLS LAST,
                                    m.time DESC, m.resource DESC) AS place
    FROM measurements m JOIN feature_defs d ON d.kind = 'extreme' AND m.concept = d.concept CROSS JOIN params p
    WHERE d.window_days = 0 OR days_between(m.time, p.as_of_date) < d.window_days
) placed
WHERE place = 1
