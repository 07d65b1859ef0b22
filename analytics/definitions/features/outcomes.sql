-- What happened in the year after the index date: an unplanned acute stay, or death. One row for each person who was
-- alive at the index date. Runs on the tables built at a later as_of; `index_params` holds the index date.
SELECT e.subject_id,
    MAX(CASE WHEN s.admitted >= i.index_time AND s.admitted < days_after(i.index_time, 365) THEN 1
             WHEN e.died_at >= i.index_time AND e.died_at < days_after(i.index_time, 365) THEN 1
             ELSE 0 END) AS outcome
FROM people e CROSS JOIN index_params i LEFT JOIN stays s ON e.subject_id = s.subject_id
WHERE e.died = 0 OR e.died_at >= i.index_time
GROUP BY e.subject_id
