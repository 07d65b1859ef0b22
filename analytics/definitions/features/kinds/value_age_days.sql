-- Days from the newest value within the window to as_of.
SELECT s.subject_id, d.feature, s.newest_days AS value, s.time, s.resource
FROM summaries s JOIN feature_defs d ON d.kind = 'value_age_days' AND s.concept = d.concept AND s.window_days = d.window_days
