-- 1 if the newest recorded answer to the question is the given one, 0 if it is another known one.
SELECT subject_id, feature, CAST(answered AS DOUBLE) AS value, time, resource FROM placed_records WHERE kind = 'answer' AND from_newest = 1
