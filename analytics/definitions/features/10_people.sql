-- One row for each person: birth, and death if it was known by as_of. sex and other_sex are one unless both are on record.
SELECT subject_id,
    MIN(CASE WHEN concept = 'born' THEN time END) AS born,
    MAX(CASE WHEN concept = 'died' THEN 1 ELSE 0 END) AS died,
    MAX(CASE WHEN concept = 'died' THEN time END) AS died_at,
    MIN(CASE WHEN concept IN ('female', 'male') THEN concept END) AS sex,
    MAX(CASE WHEN concept IN ('female', 'male') THEN concept END) AS other_sex
FROM known WHERE family = 'person' GROUP BY subject_id
