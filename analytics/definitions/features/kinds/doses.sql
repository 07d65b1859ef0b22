-- Number of doses on record: a record less than 28 days after the one before is the same dose told twice, or one too early
-- to count (the shortest interval of the two-dose series). Evidence is the newest dose.
SELECT subject_id, feature, CAST(COUNT(*) AS DOUBLE) AS value, MAX(time) AS time,
    MAX(CASE WHEN place = 1 THEN resource END) AS resource
FROM (
    SELECT subject_id, feature, time, resource,
        ROW_NUMBER() OVER (PARTITION BY subject_id, feature ORDER BY time DESC, resource DESC) AS place
    FROM placed_records
    WHERE kind = 'doses' AND (time_before IS NULL OR days_between(time_before, time) >= 28)
) counted
GROUP BY subject_id, feature
