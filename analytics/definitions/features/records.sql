-- What the score of one chart needs of its stages: (part, name, value, time, resource). SQLite alone.
SELECT 'value' AS part, feature AS name, value, time, resource FROM feature_values
UNION ALL
SELECT 'person', NULL, died, born, 'Patient/' || subject_id FROM people
UNION ALL
SELECT 'unusable', reason, COUNT(*), NULL, NULL FROM measured WHERE reason IS NOT NULL GROUP BY reason
UNION ALL
-- The newest measurements of each concept, whatever their age: what the values are picked from.
SELECT 'series', concept, value, time, resource
FROM (
    SELECT concept, value, time, resource, ROW_NUMBER() OVER (PARTITION BY concept ORDER BY time DESC, value DESC, resource DESC) AS place
    FROM measurements
) placed WHERE place <= 40
UNION ALL
-- The measurements that came without a unit and are read by their size (measurements.toml, unitless).
SELECT 'unit_assumed', concept, value, time, resource FROM measurements WHERE inferred
UNION ALL
-- Every code of the patient's own resource and of the conditions on record by as_of.
SELECT DISTINCT CASE WHEN substring(c.resource, 1, 8) = 'Patient/' THEN 'patient_code' ELSE 'condition_code' END, c.code, NULL, NULL, NULL
FROM coded c CROSS JOIN params p
WHERE (substring(c.resource, 1, 8) = 'Patient/' OR substring(c.resource, 1, 10) = 'Condition/')
  AND (c.time IS NULL OR c.time < p.as_of) AND (c.recorded IS NULL OR c.recorded < p.as_of)
UNION ALL
-- The newest stay; how many emergency visits lie in the 182 days before it, the one that led to it apart; and how many
-- parts of it have no end. Neither has a row where there are none.
SELECT what, NULL, value, time, resource
FROM (
    WITH newest AS (
        SELECT admitted, discharged, resource
        FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY admitted DESC, resource DESC) AS place FROM stays) placed
        WHERE place = 1
    )
    SELECT 'admitted' AS what, 0 AS value, admitted AS time, resource FROM newest
    UNION ALL SELECT 'discharged', 0, discharged, resource FROM newest
    UNION ALL
    SELECT 'visits_before', COUNT(*), NULL, NULL FROM encounters e CROSS JOIN newest n
    WHERE e.emergency = 1 AND e.time < n.admitted AND e.time >= days_after(n.admitted, -182) HAVING COUNT(*) > 0
    UNION ALL
    SELECT 'unended', COUNT(*), NULL, NULL FROM encounters e CROSS JOIN newest n JOIN known k ON e.resource = k.resource
    WHERE e.acute_stay = 1 AND k.family IN ('encounter', 'encounter_by_type') AND k.end_time IS NULL AND e.time >= n.admitted AND e.time <= n.discharged
    HAVING COUNT(*) > 0
)
UNION ALL
-- The newest creatinine and urine albumin that are at least 90 days older than the newest ones: does an abnormality last?
SELECT 'before', concept, value, time, resource
FROM (
    SELECT m.concept, m.value, m.time, m.resource, ROW_NUMBER() OVER (PARTITION BY m.concept ORDER BY m.time DESC, m.value DESC, m.resource DESC) AS place
    FROM measurements m
    JOIN (
        SELECT concept, days_after(MAX(time), -90) AS last_time FROM measurements WHERE concept IN ('creatinine', 'urine_acr') GROUP BY concept
    ) n ON m.concept = n.concept
    WHERE m.time <= n.last_time
) older WHERE place = 1
UNION ALL
-- The medicines in use, by class and by ingredient, with each order of them.
SELECT DISTINCT 'in_use', concept, NULL, time, resource FROM in_use
UNION ALL
-- Every dated record of what a feature counts the days since: the newest may have ended while an older one has not.
SELECT 'dated', feature, NULL, time, resource FROM placed_records WHERE kind = 'days_since'
