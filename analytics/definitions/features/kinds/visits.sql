-- Number of emergency visits that started within the window, those that became a stay included; evidence is the newest.
SELECT subject_id, feature, n AS value, time, resource FROM care WHERE kind = 'visits'
