-- Number of different days with an encounter of any kind within the window.
SELECT subject_id, feature, days AS value, time, resource FROM care WHERE kind = 'care_days'
