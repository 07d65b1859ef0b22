-- The newest version of each resource, without errors and without what did not happen. Needs the resources of everyone: one
-- may have moved between people.
SELECT DISTINCT subject_id, time, recorded, code, numeric_value, text_value, unit, end_time, resource
FROM (
    SELECT e.*, RANK() OVER (PARTITION BY resource ORDER BY version DESC) AS newness
    FROM events e
) versions
WHERE newness = 1
  AND (status IS NULL OR status NOT IN ('entered-in-error', 'refuted', 'cancelled', 'draft', 'not-done', 'do-not-perform', 'planned', 'preparation'))
  AND (status IS NULL OR status NOT IN ('stopped', 'on-hold') OR substring(resource, 1, 10) <> 'Procedure/')
