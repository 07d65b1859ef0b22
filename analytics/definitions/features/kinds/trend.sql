-- Slope of the least-squares line through the values within the window, per year of 365.25 days, if the first and the
-- last lie at least 90 days apart; evidence is the newest. Days count backwards from as_of, hence the order of the terms.
SELECT s.subject_id, d.feature,
    (s.sum_x * s.sum_d - s.n * s.sum_xd) / NULLIF(s.n * s.sum_dd - s.sum_d * s.sum_d, 0) / NULLIF(s.steps, 0) * 365.25E0 AS value,
    s.time, s.resource
FROM summaries s JOIN feature_defs d ON d.kind = 'trend' AND s.concept = d.concept AND s.window_days = d.window_days
WHERE s.oldest_days - s.newest_days >= 90
