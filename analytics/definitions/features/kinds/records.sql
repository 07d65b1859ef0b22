-- Number of different resources that record the concept within the window; evidence is the newest.
SELECT subject_id, feature, CAST(COUNT(DISTINCT resource) AS DOUBLE) AS value, MAX(time) AS time,
    MAX(CASE WHEN from_newest = 1 THEN resource END) AS resource
FROM placed_records WHERE kind = 'records'
GROUP BY subject_id, feature
