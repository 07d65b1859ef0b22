-- Days since the newest dated record of the concept; absent if there is none. An Observation without a value is no result.
SELECT subject_id, feature, CAST(days_between(CAST(time AS DATE), as_of_date) AS DOUBLE) AS value, time, resource
FROM (
    SELECT f.subject_id, d.feature, p.as_of_date, f.time, f.resource,
        ROW_NUMBER() OVER (PARTITION BY f.subject_id, d.feature ORDER BY f.time DESC, f.resource DESC) AS place
    FROM known f JOIN feature_defs d ON d.kind = 'days_since' AND f.concept = d.concept CROSS JOIN params p
    WHERE f.time IS NOT NULL
      AND NOT (substring(f.resource, 1, 12) = 'Observation/' AND f.numeric_value IS NULL AND f.text_value IS NULL)
) placed
WHERE place = 1
