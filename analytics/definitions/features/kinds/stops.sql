-- Number of medicine classes that were in use a year before as_of and are not now.
SELECT subject_id, feature, n AS value, CAST(NULL AS TIMESTAMP) AS time, CAST(NULL AS STRING) AS resource FROM families WHERE kind = 'stops'
