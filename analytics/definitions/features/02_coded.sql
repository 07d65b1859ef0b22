-- The events of people; a medicine that is given as a reference gets the codes of that Medication.
SELECT e.subject_id, e.time, e.recorded, coalesce(m.code, e.code) AS code, e.numeric_value, e.text_value, e.unit, e.end_time, e.resource
FROM current_events e
LEFT JOIN (
    SELECT DISTINCT 'reference|' || resource AS pointer, code FROM current_events WHERE substring(resource, 1, 11) = 'Medication/'
) m ON e.code = m.pointer
WHERE e.subject_id IS NOT NULL
