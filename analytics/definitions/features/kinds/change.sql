-- Newest minus oldest value within the window, if they lie at least 90 days apart; evidence is the newest.
SELECT s.subject_id, d.feature, s.newest - s.oldest AS value, s.time, s.resource
FROM summaries s JOIN feature_defs d ON d.kind = 'change' AND s.concept = d.concept AND s.window_days = d.window_days
WHERE s.oldest_days - s.newest_days >= 90
