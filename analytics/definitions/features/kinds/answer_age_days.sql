-- Days from the newest recorded answer to as_of; one that is not known, such as "unknown if ever smoked", is none.
SELECT subject_id, feature, CAST(days_between(CAST(time AS DATE), as_of_date) AS DOUBLE) AS value, time, resource
FROM (
    SELECT f.subject_id, d.feature, p.as_of_date, f.time, f.resource,
        ROW_NUMBER() OVER (PARTITION BY f.subject_id, d.feature ORDER BY f.time DESC, f.resource DESC) AS place
    FROM known f
    JOIN feature_defs d ON d.kind = 'answer_age_days' AND f.concept = d.concept
    JOIN answers a ON a.concept = f.concept AND a.code = f.text_value
    CROSS JOIN params p
    WHERE f.time IS NOT NULL
) placed
WHERE place = 1
