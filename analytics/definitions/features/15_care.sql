-- Encounters and stays within the window of each feature that counts them, once for all kinds: n, different days, nights, the newest
-- and its resource. A window reaches to as_of: the newest within it is the newest of all. A readmission began within 30 days of the
-- end of the stay before, unless that one ended with a transfer or against advice, was psychiatric or to treat cancer.
WITH contacts AS (
    SELECT subject_id, 'care_days' AS kind, time, CAST(NULL AS STRING) AS resource, 0 AS nights FROM encounters
    UNION ALL
    SELECT subject_id, 'visits' AS kind, time, resource, 0 AS nights FROM encounters WHERE emergency = 1
    UNION ALL
    SELECT subject_id, 'stays' AS kind, admitted AS time, resource,
        days_between(admitted, discharged) AS nights
    FROM stays
    UNION ALL
    SELECT subject_id, 'readmissions' AS kind, admitted AS time, resource, 0 AS nights
    FROM (
        SELECT subject_id, admitted, resource,
            LAG(discharged) OVER (PARTITION BY subject_id ORDER BY admitted, resource) AS left_before,
            LAG(CASE WHEN sent_on = 1 OR apart = 1 THEN 1 ELSE 0 END) OVER (PARTITION BY subject_id ORDER BY admitted, resource) AS no_index
        FROM stays
    ) after_another
    WHERE no_index = 0 AND days_between(left_before, admitted) <= 30
), placed AS (
    SELECT subject_id, kind, time, resource, nights,
        ROW_NUMBER() OVER (PARTITION BY subject_id, kind ORDER BY time DESC, resource DESC NULLS LAST) AS place
    FROM contacts
)
SELECT c.subject_id, d.feature, d.kind, CAST(COUNT(*) AS DOUBLE) AS n,
    CAST(COUNT(DISTINCT day_of(c.time)) AS DOUBLE) AS days, CAST(SUM(c.nights) AS DOUBLE) AS nights,
    MAX(c.time) AS time, MAX(CASE WHEN c.place = 1 THEN c.resource END) AS resource
FROM placed c
JOIN feature_defs d ON c.kind = CASE d.kind WHEN 'bed_days' THEN 'stays' WHEN 'days_since_contact' THEN 'care_days' ELSE d.kind END
CROSS JOIN params p
WHERE d.kind = 'days_since_contact' OR days_between(c.time, p.as_of_date) < d.window_days
GROUP BY c.subject_id, d.feature, d.kind
