-- Newest minus oldest value within the window, if they lie at least 90 days apart; evidence is the newest.
WITH placed AS (
    SELECT m.subject_id, d.feature, m.value, m.time, m.resource,
        ROW_NUMBER() OVER (PARTITION BY m.subject_id, d.feature ORDER BY m.time DESC, m.value DESC, m.resource DESC) AS from_newest,
        ROW_NUMBER() OVER (PARTITION BY m.subject_id, d.feature ORDER BY m.time ASC, m.value DESC, m.resource DESC) AS from_oldest
    FROM measurements m JOIN feature_defs d ON d.kind = 'change' AND m.concept = d.concept CROSS JOIN params p
    WHERE days_between(CAST(m.time AS DATE), p.as_of_date) < d.window_days
)
SELECT n.subject_id, n.feature, n.value - o.value AS value, n.time, n.resource
FROM placed n JOIN placed o ON n.subject_id = o.subject_id AND n.feature = o.feature
WHERE n.from_newest = 1 AND o.from_oldest = 1 AND days_between(CAST(o.time AS DATE), CAST(n.time AS DATE)) >= 90
