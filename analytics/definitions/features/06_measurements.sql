-- The usable measurements: dated, in the canonical unit, plausible. Where no body mass index is recorded on the day, it is computed:
-- the weight with the newest height up to its day, or else the first one of the year after, both of an adult; its date and evidence are
-- those of the newer of the two. Nothing is computed without a birth date, and of what is not plausible.
WITH usable AS (
    SELECT subject_id, concept, time, resource, comparator, inferred, value FROM measured WHERE reason IS NULL AND time IS NOT NULL
), parts AS (
    SELECT m.subject_id, m.concept, m.time, m.resource, m.inferred, m.value
    FROM usable m JOIN (SELECT subject_id, MIN(time) AS born FROM known WHERE concept = 'born' GROUP BY subject_id) b
        ON m.subject_id = b.subject_id
    WHERE m.concept IN ('weight', 'height') AND m.comparator IS NULL
      AND years_between(b.born, m.time) >= 18
), weighed AS (
    SELECT w.* FROM parts w
    LEFT JOIN (SELECT DISTINCT subject_id, day_of(time) AS day FROM usable WHERE concept = 'body_mass_index') r
        ON w.subject_id = r.subject_id AND day_of(w.time) = r.day
    WHERE w.concept = 'weight' AND r.day IS NULL
), paired AS (
    SELECT w.subject_id, w.time AS weighed, w.resource AS weight_resource, w.value AS weight, w.inferred AS weight_inferred,
        h.time AS height_time, h.resource AS height_resource, h.value AS height, h.inferred AS height_inferred,
        CASE WHEN day_of(h.time) <= day_of(w.time) THEN 0 ELSE 1 END AS afterwards,
        abs(days_between(h.time, w.time)) AS days_apart
    FROM weighed w JOIN parts h ON w.subject_id = h.subject_id AND h.concept = 'height'
    WHERE days_between(w.time, h.time) <= 365
), placed AS (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY subject_id, weight_resource, weighed, weight
        ORDER BY afterwards ASC NULLS LAST, days_apart ASC NULLS LAST, height_time DESC NULLS LAST, height DESC NULLS LAST,
            height_resource DESC NULLS LAST) AS place
    FROM paired
), computed AS (
    SELECT subject_id, CASE WHEN height_time > weighed THEN height_time ELSE weighed END AS time,
        CASE WHEN height_time > weighed THEN height_resource ELSE weight_resource END AS resource,
        weight_inferred OR height_inferred AS inferred, FLOOR(weight * 1E6 / NULLIF(height * height, 0) + 0.5E0) / 1E2 AS value
    FROM placed WHERE place = 1
)
SELECT subject_id, concept, time, resource, comparator, inferred, value FROM usable
UNION ALL
SELECT c.subject_id, p.concept, c.time, c.resource, CAST(NULL AS STRING) AS comparator, c.inferred, c.value
FROM computed c JOIN plausible p ON p.concept = 'body_mass_index' AND c.value >= p.low AND c.value <= p.high
