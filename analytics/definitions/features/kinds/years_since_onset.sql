-- Years of 365.25 days from the first dated record of the concept to as_of.
SELECT r.subject_id, r.feature, CAST(days_between(r.time, p.as_of_date) AS DOUBLE) / 365.25E0 AS value, r.time, r.resource
FROM placed_records r CROSS JOIN params p WHERE r.kind = 'years_since_onset' AND r.from_first = 1 AND r.time IS NOT NULL
