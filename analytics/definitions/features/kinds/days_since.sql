-- Days since the newest dated record of the concept; absent if there is none.
SELECT r.subject_id, r.feature, CAST(days_between(r.time, p.as_of_date) AS DOUBLE) AS value, r.time, r.resource
FROM placed_records r CROSS JOIN params p WHERE r.kind = 'days_since' AND r.from_newest = 1
