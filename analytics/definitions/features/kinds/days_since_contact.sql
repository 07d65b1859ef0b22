-- Days since the newest encounter of any kind; absent if there never was one.
SELECT c.subject_id, c.feature, CAST(days_between(c.time, p.as_of_date) AS DOUBLE) AS value, c.time, c.resource
FROM care c CROSS JOIN params p WHERE c.kind = 'days_since_contact'
