-- Completed years at as_of.
SELECT e.subject_id, d.feature,
    CAST(years_between(e.born, p.as_of_date) AS DOUBLE) AS value,
    CAST(NULL AS TIMESTAMP) AS time, 'Patient/' || e.subject_id AS resource
FROM people e CROSS JOIN params p JOIN feature_defs d ON d.kind = 'age'
WHERE e.born IS NOT NULL
