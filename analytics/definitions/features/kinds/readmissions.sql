-- Number of unplanned acute stays within the window that are readmissions; evidence is the newest.
SELECT subject_id, feature, n AS value, time, resource FROM care WHERE kind = 'readmissions'
