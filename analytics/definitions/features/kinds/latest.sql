-- The newest value within the window; of several at the same instant the largest.
SELECT s.subject_id, d.feature, s.newest AS value, s.time, s.resource
FROM summaries s JOIN feature_defs d ON d.kind = 'latest' AND s.concept = d.concept AND s.window_days = d.window_days
