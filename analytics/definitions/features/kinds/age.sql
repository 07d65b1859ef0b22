-- Completed years at as_of.
SELECT e.subject_id, d.feature,
    CAST(year(p.as_of_date) - year(e.born)
        - CASE WHEN month(p.as_of_date) < month(e.born)
                 OR (month(p.as_of_date) = month(e.born) AND day(p.as_of_date) < day(e.born)) THEN 1 ELSE 0 END AS DOUBLE) AS value,
    CAST(NULL AS TIMESTAMP) AS time, concat('Patient/', e.subject_id) AS resource
FROM people e CROSS JOIN params p JOIN feature_defs d ON d.kind = 'age'
WHERE e.born IS NOT NULL
