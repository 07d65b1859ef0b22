-- 1 if an allergy or intolerance to the concept is on record and has not resolved; evidence is the first record.
SELECT subject_id, feature, CAST(1 AS DOUBLE) AS value, time, resource FROM placed_records WHERE kind = 'allergy' AND from_first = 1
