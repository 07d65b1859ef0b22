-- The first record of each concept that a feature asks for; one with a date comes before one without.
SELECT subject_id, concept, time, resource
FROM (
    SELECT f.subject_id, f.concept, f.time, f.resource,
        ROW_NUMBER() OVER (PARTITION BY f.subject_id, f.concept ORDER BY f.time ASC NULLS LAST, f.resource ASC) AS place
    FROM known f JOIN (SELECT DISTINCT concept FROM feature_defs WHERE kind IN ('ever', 'years_since_onset')) d ON f.concept = d.concept
) placed
WHERE place = 1
