-- From here on everything concerns one person at a time. Events whose code belongs to a concept; several codings of one
-- resource that mean the same concept count once.
WITH seen AS (
    SELECT DISTINCT code FROM coded
), meant AS (
    SELECT s.code, c.concept, c.family FROM seen s JOIN concepts c ON s.code = c.code AND NOT c.is_prefix
    UNION
    SELECT s.code, c.concept, c.family FROM seen s
    JOIN concepts c ON c.is_prefix AND substring(replace(s.code, '.', ''), 1, length(c.code)) = c.code
)
SELECT DISTINCT e.subject_id, m.concept, m.family, e.time, e.recorded, e.end_time, e.numeric_value, e.text_value, e.unit, e.resource
FROM coded e JOIN meant m ON e.code = m.code
