-- How many different concepts of a family a feature counts, and the newest record of any: once for all kinds that read it.
-- ended: of how many every record has ended (abatement) by as_of; point in time on purpose: the clinical status of today says nothing
-- about a date in the past.
SELECT subject_id, feature, kind, CAST(COUNT(*) AS DOUBLE) AS n, CAST(SUM(1 - goes_on) AS DOUBLE) AS ended, MAX(time) AS time
FROM (
    SELECT subject_id, feature, kind, concept, MAX(goes_on) AS goes_on, MAX(time) AS time
    FROM (
        SELECT f.subject_id, d.feature, d.kind, f.concept, CASE WHEN f.end_time < p.as_of THEN 0 ELSE 1 END AS goes_on, f.time
        FROM known f JOIN feature_defs d ON f.family = d.concept CROSS JOIN params p
        WHERE d.kind IN ('family_count', 'ended_family_count')
           OR (d.kind = 'recent_family_count' AND days_between(f.time, p.as_of_date) < d.window_days)
        UNION ALL
        SELECT u.subject_id, d.feature, d.kind, u.concept, 1 AS goes_on, u.time
        FROM in_use u JOIN feature_defs d ON u.family = d.concept
        LEFT JOIN used_before b ON u.subject_id = b.subject_id AND u.concept = b.concept
        WHERE d.kind = 'in_use_count' OR (d.kind = 'starts' AND b.concept IS NULL)
        UNION ALL
        SELECT b.subject_id, d.feature, d.kind, b.concept, 1 AS goes_on, CAST(NULL AS TIMESTAMP) AS time
        FROM used_before b JOIN feature_defs d ON d.kind = 'stops'
        LEFT JOIN in_use u ON b.subject_id = u.subject_id AND b.concept = u.concept
        WHERE u.concept IS NULL
    ) records
    GROUP BY subject_id, feature, kind, concept
) concepts_found
GROUP BY subject_id, feature, kind
