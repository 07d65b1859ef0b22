-- 1 from the first record of the concept on.
SELECT subject_id, feature, CAST(1 AS DOUBLE) AS value, time, resource FROM placed_records WHERE kind = 'ever' AND from_first = 1
