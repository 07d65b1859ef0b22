-- What a chart's score needs of one person's stages beside the values: (part, name, value, time, resource). DuckDB alone.
SELECT 'person' AS part, subject_id AS name, CAST(died AS DOUBLE) AS value, born AS time, concat('Patient/', subject_id) AS resource
FROM people
UNION ALL
SELECT 'unusable', reason, CAST(COUNT(*) AS DOUBLE), NULL, NULL FROM measured WHERE reason IS NOT NULL GROUP BY reason
UNION ALL
-- The newest measurements of each concept, whatever their age: what the values are picked from.
SELECT 'series', concept, value, time, resource FROM measurements
QUALIFY ROW_NUMBER() OVER (PARTITION BY concept ORDER BY time DESC, value DESC, resource DESC) <= 40
UNION ALL
-- Every code of the patient's own resource and of the conditions on record by as_of.
SELECT DISTINCT CASE WHEN starts_with(c.resource, 'Patient/') THEN 'patient_code' ELSE 'condition_code' END, c.code,
    CAST(NULL AS DOUBLE), CAST(NULL AS TIMESTAMP), NULL
FROM coded c CROSS JOIN params p
WHERE (starts_with(c.resource, 'Patient/') OR starts_with(c.resource, 'Condition/'))
  AND (c.time IS NULL OR c.time < p.as_of) AND (c.recorded IS NULL OR c.recorded < p.as_of)
UNION ALL
-- The newest stay; how many emergency visits lie in the 182 days before it, the one that led to it apart; and how many
-- parts of it have no end.
SELECT what, NULL, CAST(value AS DOUBLE), time, resource
FROM (
    WITH newest AS (SELECT admitted, discharged, resource FROM stays ORDER BY admitted DESC, resource DESC LIMIT 1)
    SELECT 'admitted' AS what, 0 AS value, admitted AS time, resource FROM newest
    UNION ALL SELECT 'discharged', 0, discharged, resource FROM newest
    UNION ALL
    SELECT 'visits_before', COUNT(*), NULL, NULL FROM encounters e CROSS JOIN newest n
    WHERE e.emergency = 1 AND e.time < n.admitted AND e.time >= n.admitted - INTERVAL '182' DAY
    UNION ALL
    SELECT 'unended', COUNT(*), NULL, NULL FROM encounters e CROSS JOIN newest n JOIN known k ON e.resource = k.resource
    WHERE e.acute_stay = 1 AND k.family IN ('encounter', 'encounter_by_type') AND k.end_time IS NULL AND e.time >= n.admitted AND e.time <= n.discharged
)
UNION ALL
-- The newest creatinine and urine albumin that are at least 90 days older than the newest ones: does an abnormality last?
SELECT 'before', concept, value, time, resource
FROM (
    SELECT m.concept, m.value, m.time, m.resource,
        ROW_NUMBER() OVER (PARTITION BY m.concept ORDER BY m.time DESC, m.resource DESC) AS place
    FROM measurements m
    JOIN (SELECT concept, MAX(time) AS newest FROM measurements GROUP BY concept) n ON m.concept = n.concept
    WHERE m.concept IN ('creatinine', 'urine_acr') AND m.time <= n.newest - INTERVAL '90' DAY
) older WHERE place = 1
UNION ALL
-- The medicines in use, by class and by ingredient, with each order of them.
SELECT DISTINCT 'in_use', concept, CAST(NULL AS DOUBLE), time, resource FROM in_use
UNION ALL
-- Every dated record of what a feature counts the days since: the newest may have ended while an older one has not.
SELECT 'dated', feature, CAST(NULL AS DOUBLE), time, resource FROM placed_records WHERE kind = 'days_since'
