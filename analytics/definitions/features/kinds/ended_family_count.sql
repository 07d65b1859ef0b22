-- Number of different concepts of a family on record whose every record has ended (abatement) by as_of. Point in time on purpose: the
-- clinical status of today says nothing about a date in the past.
SELECT subject_id, feature, CAST(COUNT(*) AS DOUBLE) AS value, CAST(NULL AS TIMESTAMP) AS time, CAST(NULL AS STRING) AS resource
FROM (
    SELECT f.subject_id, d.feature, f.concept, MAX(CASE WHEN f.end_time < p.as_of THEN 0 ELSE 1 END) AS goes_on
    FROM known f JOIN feature_defs d ON d.kind = 'ended_family_count' AND f.family = d.concept CROSS JOIN params p
    GROUP BY f.subject_id, d.feature, f.concept
) ended
WHERE goes_on = 0
GROUP BY subject_id, feature
