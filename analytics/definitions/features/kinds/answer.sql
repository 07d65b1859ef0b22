-- 1 if the newest recorded answer to the question is the given one, 0 if it is another known one.
SELECT subject_id, feature, value, time, resource
FROM (
    SELECT f.subject_id, d.feature, CAST(CASE WHEN a.answer = d.answer THEN 1 ELSE 0 END AS DOUBLE) AS value, f.time, f.resource,
        ROW_NUMBER() OVER (PARTITION BY f.subject_id, d.feature ORDER BY f.time DESC, f.resource DESC) AS place
    FROM known f
    JOIN feature_defs d ON d.kind = 'answer' AND f.concept = d.concept
    JOIN answers a ON a.concept = f.concept AND a.code = f.text_value
    WHERE f.time IS NOT NULL
) placed
WHERE place = 1
