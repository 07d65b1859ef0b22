-- Unplanned acute stays; stays less than 24 hours apart are one (transfers).
WITH ordered AS (
    SELECT subject_id, resource, time, end_time,
        MAX(end_time) OVER (PARTITION BY subject_id ORDER BY time, end_time, resource
                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier_end
    FROM encounters WHERE acute_stay = 1
), numbered AS (
    SELECT *, SUM(CASE WHEN earlier_end IS NULL OR time > earlier_end + INTERVAL '24' HOUR THEN 1 ELSE 0 END)
        OVER (PARTITION BY subject_id ORDER BY time, end_time, resource ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS stay
    FROM ordered
)
SELECT subject_id, MIN(time) AS admitted, MAX(end_time) AS discharged, MIN(resource) AS resource
FROM numbered GROUP BY subject_id, stay
