-- 1 if a medicine of the class is in use at as_of; evidence is the newest order.
SELECT subject_id, feature, CAST(1 AS DOUBLE) AS value, time, resource FROM placed_records WHERE kind = 'in_use' AND from_newest = 1
