-- 1 if a medicine of the class is in use at as_of; evidence is the newest order.
SELECT subject_id, feature, CAST(1 AS DOUBLE) AS value, time, resource
FROM (
    SELECT u.subject_id, d.feature, u.time, u.resource,
        ROW_NUMBER() OVER (PARTITION BY u.subject_id, d.feature ORDER BY u.time DESC, u.resource DESC) AS place
    FROM in_use u JOIN feature_defs d ON d.kind = 'in_use' AND u.concept = d.concept
) placed
WHERE place = 1
