-- Number of different concepts of a family ever recorded.
SELECT subject_id, feature, n AS value, CAST(NULL AS TIMESTAMP) AS time, CAST(NULL AS STRING) AS resource FROM families WHERE kind = 'family_count'
