-- Number of unplanned acute stays that started within the window; evidence is the newest.
SELECT subject_id, feature, n AS value, time, resource FROM care WHERE kind = 'stays'
