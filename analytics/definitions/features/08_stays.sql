-- Unplanned acute stays; stays less than 24 hours apart are one (transfers). admitted: with the visit that led to it. sent_on is that of
-- the part that ended last, apart that of any part.
WITH ordered AS (
    SELECT subject_id, resource, time, begun, end_time, sent_on, apart,
        MAX(end_time) OVER (PARTITION BY subject_id ORDER BY time, end_time, resource
                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier_end
    FROM encounters WHERE acute_stay = 1
), numbered AS (
    SELECT *, SUM(CASE WHEN earlier_end IS NULL OR time > hours_after(earlier_end, 24) THEN 1 ELSE 0 END)
        OVER (PARTITION BY subject_id ORDER BY time, end_time, resource ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS stay
    FROM ordered
)
SELECT n.subject_id, MIN(n.begun) AS admitted, MAX(n.end_time) AS discharged, MIN(n.resource) AS resource,
    MAX(CASE WHEN n.end_time = l.end_time THEN n.sent_on ELSE 0 END) AS sent_on, MAX(n.apart) AS apart
FROM numbered n JOIN (SELECT subject_id, stay, MAX(end_time) AS end_time FROM numbered GROUP BY subject_id, stay) l
    ON n.subject_id = l.subject_id AND n.stay = l.stay
GROUP BY n.subject_id, n.stay
