-- Nights of the unplanned acute stays that started within the window.
SELECT subject_id, feature, nights AS value, time, CAST(NULL AS STRING) AS resource FROM care WHERE kind = 'bed_days'
