-- Standard deviation (of a sample) of the values within the window, if there are at least three; evidence is the newest.
SELECT s.subject_id, d.feature,
    SQRT((s.n * s.sum_xx - s.sum_x * s.sum_x) / NULLIF(s.n * (s.n - 1), 0)) / NULLIF(s.steps, 0) AS value, s.time, s.resource
FROM summaries s JOIN feature_defs d ON d.kind = 'variability' AND s.concept = d.concept AND s.window_days = d.window_days
WHERE s.n >= 3 AND s.n * s.sum_xx >= s.sum_x * s.sum_x
