-- Days from the newest recorded answer to as_of.
SELECT r.subject_id, r.feature, CAST(days_between(r.time, p.as_of_date) AS DOUBLE) AS value, r.time, r.resource
FROM placed_records r CROSS JOIN params p WHERE r.kind = 'answer_age_days' AND r.from_newest = 1
