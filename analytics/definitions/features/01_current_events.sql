-- The newest version of each resource, without errors, and only what was known by as_of.
SELECT DISTINCT subject_id, time, code, numeric_value, text_value, unit, end_time, resource
FROM (
    SELECT e.*, RANK() OVER (PARTITION BY resource ORDER BY version DESC) AS newness
    FROM events e
) versions
CROSS JOIN params p
WHERE newness = 1
  AND (status IS NULL OR status NOT IN ('entered-in-error', 'refuted', 'cancelled', 'draft', 'not-done', 'do-not-perform', 'planned'))
  AND (time IS NULL OR time < p.as_of)
  AND (recorded IS NULL OR recorded < p.as_of)
