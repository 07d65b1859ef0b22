-- Number of medicine classes in use at as_of that were not in use a year before; time is the newest order among them.
SELECT subject_id, feature, n AS value, time, CAST(NULL AS STRING) AS resource FROM families WHERE kind = 'starts'
