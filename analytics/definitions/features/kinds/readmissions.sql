-- Number of unplanned acute stays within the window that began within 30 days of the end of the stay before, unless that
-- one ended with a transfer or against advice, was psychiatric or to treat cancer; evidence is the newest.
SELECT subject_id, feature, CAST(COUNT(*) AS DOUBLE) AS value, MAX(admitted) AS time,
    MAX(CASE WHEN place = 1 THEN resource END) AS resource
FROM (
    SELECT s.subject_id, d.feature, s.admitted, s.resource,
        ROW_NUMBER() OVER (PARTITION BY s.subject_id, d.feature ORDER BY s.admitted DESC, s.resource DESC) AS place
    FROM (
        SELECT subject_id, admitted, resource,
            LAG(discharged) OVER (PARTITION BY subject_id ORDER BY admitted, resource) AS left_before,
            LAG(CASE WHEN sent_on = 1 OR apart = 1 THEN 1 ELSE 0 END) OVER (PARTITION BY subject_id ORDER BY admitted, resource) AS no_index
        FROM stays
    ) s JOIN feature_defs d ON d.kind = 'readmissions' CROSS JOIN params p
    WHERE s.no_index = 0 AND days_between(CAST(s.left_before AS DATE), CAST(s.admitted AS DATE)) <= 30
      AND days_between(CAST(s.admitted AS DATE), p.as_of_date) < d.window_days
) placed
GROUP BY subject_id, feature
