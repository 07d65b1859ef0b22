-- Years of 365.25 days from the first dated record of the concept to as_of.
SELECT f.subject_id, d.feature, CAST(days_between(CAST(f.time AS DATE), p.as_of_date) AS DOUBLE) / 365.25E0 AS value, f.time, f.resource
FROM first_records f JOIN feature_defs d ON d.kind = 'years_since_onset' AND f.concept = d.concept CROSS JOIN params p
WHERE f.time IS NOT NULL
