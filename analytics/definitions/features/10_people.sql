-- One row for each person: birth, and death if it was known by as_of.
SELECT subject_id,
    MIN(CASE WHEN concept = 'born' THEN time END) AS born,
    MAX(CASE WHEN concept = 'died' THEN 1 ELSE 0 END) AS died,
    MAX(CASE WHEN concept = 'died' THEN time END) AS died_at
FROM known WHERE family = 'person' GROUP BY subject_id
