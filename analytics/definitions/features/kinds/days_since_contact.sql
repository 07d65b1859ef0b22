-- Days since the newest encounter of any kind; absent if there never was one.
SELECT e.subject_id, d.feature, CAST(days_between(CAST(MAX(e.time) AS DATE), MAX(p.as_of_date)) AS DOUBLE) AS value,
    MAX(e.time) AS time, CAST(NULL AS STRING) AS resource
FROM encounters e JOIN feature_defs d ON d.kind = 'days_since_contact' CROSS JOIN params p
GROUP BY e.subject_id, d.feature
