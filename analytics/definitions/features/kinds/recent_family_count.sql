-- Number of different concepts of a family recorded within the window.
SELECT subject_id, feature, n AS value, time, CAST(NULL AS STRING) AS resource FROM families WHERE kind = 'recent_family_count'
