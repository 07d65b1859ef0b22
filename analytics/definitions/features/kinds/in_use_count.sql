-- Number of different classes, or ingredients, in use at as_of.
SELECT subject_id, feature, n AS value, CAST(NULL AS TIMESTAMP) AS time, CAST(NULL AS STRING) AS resource FROM families WHERE kind = 'in_use_count'
