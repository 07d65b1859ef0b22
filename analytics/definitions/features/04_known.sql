-- What was on record by as_of, measurements apart (measured).
SELECT f.subject_id, f.concept, f.family, f.time, f.end_time, f.numeric_value, f.text_value, f.unit, f.resource, f.by_name
FROM facts f CROSS JOIN params p
WHERE f.family <> 'measurement' AND (f.time IS NULL OR f.time < p.as_of) AND (f.recorded IS NULL OR f.recorded < p.as_of)
