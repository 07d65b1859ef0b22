-- Events whose code belongs to a concept. Several codings of one resource that mean the same concept count once.
WITH coded AS (
    SELECT * FROM current_events WHERE subject_id IS NOT NULL
    UNION ALL
    SELECT e.subject_id, e.time, e.recorded, m.code, e.numeric_value, e.text_value, e.unit, e.end_time, e.resource
    FROM current_events e
    JOIN current_events m ON m.subject_id IS NULL AND e.code = concat('reference|', m.resource)
), seen AS (
    SELECT DISTINCT code FROM coded
), meant AS (
    SELECT s.code, c.concept, c.family FROM seen s JOIN concepts c ON s.code = c.code AND NOT c.is_prefix
    UNION
    SELECT s.code, c.concept, c.family FROM seen s
    JOIN concepts c ON c.is_prefix AND substring(replace(s.code, '.', ''), 1, length(c.code)) = c.code
)
SELECT DISTINCT e.subject_id, m.concept, m.family, e.time, e.recorded, e.end_time, e.numeric_value, e.text_value, e.unit, e.resource
FROM coded e JOIN meant m ON e.code = m.code
