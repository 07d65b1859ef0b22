-- The measurements of one concept within a window, summed up once for all kinds that read them. The sums are of whole
-- numbers (steps of the concept's resolution above its lowest plausible value, and days before as_of): exact in any order.
WITH windows AS (
    SELECT DISTINCT d.concept, d.window_days, days_after(p.as_of, 0 - d.window_days) AS since FROM feature_defs d CROSS JOIN params p
    WHERE d.kind IN ('latest', 'change', 'value_age_days', 'variability', 'trend', 'egfr_2021')
), placed AS (
    SELECT m.subject_id, m.concept, w.window_days, m.value, m.time, m.resource, c.steps,
        CAST(FLOOR((m.value - c.low) * c.steps + 0.5E0) AS DOUBLE) AS x,
        CAST(days_between(m.time, p.as_of_date) AS DOUBLE) AS days,
        ROW_NUMBER() OVER (PARTITION BY m.subject_id, m.concept, w.window_days
                           ORDER BY m.time DESC, m.value DESC, m.resource DESC) AS from_newest,
        ROW_NUMBER() OVER (PARTITION BY m.subject_id, m.concept, w.window_days
                           ORDER BY m.time ASC, m.value DESC, m.resource DESC) AS from_oldest
    FROM measurements m JOIN plausible c ON m.concept = c.concept JOIN windows w ON m.concept = w.concept CROSS JOIN params p
    WHERE m.time >= w.since
)
SELECT subject_id, concept, window_days, CAST(COUNT(*) AS DOUBLE) AS n, MAX(steps) AS steps,
    MAX(CASE WHEN from_newest = 1 THEN value END) AS newest,
    MAX(CASE WHEN from_newest = 1 THEN time END) AS time,
    MAX(CASE WHEN from_newest = 1 THEN resource END) AS resource,
    MAX(CASE WHEN from_oldest = 1 THEN value END) AS oldest,
    MIN(days) AS newest_days, MAX(days) AS oldest_days,
    SUM(x) AS sum_x, SUM(x * x) AS sum_xx, SUM(days) AS sum_d, SUM(days * days) AS sum_dd, SUM(x * days) AS sum_xd
FROM placed GROUP BY subject_id, concept, window_days
