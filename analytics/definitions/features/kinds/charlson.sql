-- Charlson index without age points: the weights (of 1987 or 2011, as the feature's answer says) of the groups on record,
-- a lighter group not counted beside the heavier one that takes its place (scores/charlson.toml).
WITH found AS (
    SELECT DISTINCT subject_id, concept FROM known WHERE family = 'charlson'
)
SELECT f.subject_id, d.feature, CAST(SUM(w.weight) AS DOUBLE) AS value,
    CAST(NULL AS TIMESTAMP) AS time, CAST(NULL AS STRING) AS resource
FROM found f
JOIN charlson_weights w ON f.concept = w.concept
JOIN feature_defs d ON d.kind = 'charlson' AND w.answer = d.answer
LEFT JOIN (
    SELECT h.subject_id, i.instead_of FROM found h JOIN charlson_instead i ON h.concept = i.concept
) heavier ON f.subject_id = heavier.subject_id AND f.concept = heavier.instead_of
WHERE heavier.instead_of IS NULL
GROUP BY f.subject_id, d.feature
