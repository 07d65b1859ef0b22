-- The newest version of each resource, without errors and without what did not happen. Needs the resources of everyone: one
-- may have moved between people.
SELECT DISTINCT resource, code, time, recorded, end_time, numeric_value, text_value, unit, subject_id
FROM (
    SELECT resource, code, time, recorded, end_time, numeric_value, text_value, unit, subject_id, status,
        RANK() OVER (PARTITION BY resource ORDER BY version DESC) AS newness
    FROM events
) versions
WHERE newness = 1
  AND (status IS NULL OR status NOT IN ('entered-in-error', 'refuted', 'cancelled', 'draft', 'not-done', 'do-not-perform', 'planned', 'preparation'))
  AND (status IS NULL OR status NOT IN ('stopped', 'on-hold') OR substring(resource, 1, 10) <> 'Procedure/')
