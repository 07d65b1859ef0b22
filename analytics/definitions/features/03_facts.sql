-- From here on everything concerns one person at a time. Events whose code belongs to a concept; several codings of one
-- resource that mean the same concept count once. by_name: no code of an order is known, and what its medicine is called names it
-- (medicine_names.toml), unless words beside the name say otherwise.
WITH seen AS (
    SELECT DISTINCT code FROM coded
), lengths AS (
    SELECT DISTINCT length(code) AS letters FROM concepts WHERE is_prefix
), meant AS (
    SELECT s.code, c.concept, c.family FROM seen s JOIN concepts c ON s.code = c.code AND NOT c.is_prefix
    UNION
    SELECT s.code, c.concept, c.family FROM (SELECT e.code, substring(replace(e.code, '.', ''), 1, l.letters) AS beginning FROM seen e CROSS JOIN lengths l) s
    JOIN concepts c ON c.is_prefix AND s.beginning = c.code
), called AS (
    SELECT code, ' ' || substring(code, 6) || ' ' AS words FROM seen WHERE substring(code, 1, 5) = 'name|'
), ruled_out AS (
    SELECT DISTINCT s.code, r.name FROM called s JOIN medicine_names_not r ON instr(s.words, ' ' || r.words || ' ') > 0
), named AS (
    SELECT DISTINCT s.code, n.concept, n.family
    FROM called s JOIN medicine_names n ON instr(s.words, ' ' || n.name || ' ') > 0
    LEFT JOIN ruled_out r ON s.code = r.code AND (r.name = '' OR r.name = n.name)
    WHERE r.code IS NULL
), known_orders AS (
    SELECT DISTINCT e.resource FROM coded e JOIN meant m ON e.code = m.code
    WHERE m.family IN ('ingredient', 'medicine', 'medicine_detail')
)
SELECT DISTINCT e.resource, m.concept, m.family, e.time, e.recorded, e.end_time, e.numeric_value, e.text_value, e.unit, e.subject_id,
    0 AS by_name
FROM coded e JOIN meant m ON e.code = m.code
UNION ALL
SELECT DISTINCT e.resource, n.concept, n.family, e.time, e.recorded, e.end_time, e.numeric_value, e.text_value, e.unit, e.subject_id,
    1 AS by_name
FROM coded e JOIN named n ON e.code = n.code LEFT JOIN known_orders k ON e.resource = k.resource
WHERE k.resource IS NULL
