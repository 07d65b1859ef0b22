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
), measured_days AS (
    SELECT subject_id, day_of(time) AS day, MAX(CASE WHEN concept = 'height' THEN 1 ELSE 0 END) AS has_height,
        MAX(CASE WHEN concept = 'weight' THEN 1 ELSE 0 END) AS has_weight
    FROM parts GROUP BY subject_id, day_of(time)
), height_days AS (
    SELECT subject_id, day, has_weight,
        MAX(CASE WHEN has_height = 1 THEN day END) OVER (PARTITION BY subject_id ORDER BY day ASC NULLS LAST) AS up_to_it,
        MIN(CASE WHEN has_height = 1 THEN day END) OVER (PARTITION BY subject_id ORDER BY day DESC NULLS LAST) AS from_it_on
    FROM measured_days
), days AS (
    SELECT d.subject_id, d.day, CASE WHEN d.up_to_it IS NULL AND days_between(d.day, d.from_it_on) <= 365 THEN d.from_it_on ELSE d.up_to_it END AS height_day
    FROM height_days d
    LEFT JOIN (SELECT DISTINCT subject_id, day_of(time) AS day FROM usable WHERE concept = 'body_mass_index') r
        ON d.subject_id = r.subject_id AND d.day = r.day
    WHERE d.has_weight = 1 AND r.day IS NULL
), heights AS (
    SELECT subject_id, day_of(time) AS day, time, resource, value, inferred,
        ROW_NUMBER() OVER (PARTITION BY subject_id, day_of(time) ORDER BY time DESC, value DESC, resource DESC) AS place
    FROM parts WHERE concept = 'height'
), weights AS (
    SELECT subject_id, day_of(time) AS day, time, resource, value, inferred,
        ROW_NUMBER() OVER (PARTITION BY subject_id, resource, time, value ORDER BY inferred ASC NULLS LAST) AS place
    FROM parts WHERE concept = 'weight'
), paired AS (
    SELECT w.subject_id, w.time AS weighed, w.resource AS weight_resource, w.value AS weight, w.inferred AS weight_inferred,
        h.time AS height_time, h.resource AS height_resource, h.value AS height, h.inferred AS height_inferred
    FROM weights w
    JOIN days d ON w.subject_id = d.subject_id AND w.day = d.day
    JOIN heights h ON d.subject_id = h.subject_id AND d.height_day = h.day AND h.place = 1
    WHERE w.place = 1
), computed AS (
    SELECT subject_id, CASE WHEN height_time > weighed THEN height_time ELSE weighed END AS time,
        CASE WHEN height_time > weighed THEN height_resource ELSE weight_resource END AS resource,
        weight_inferred OR height_inferred AS inferred, FLOOR(weight * 1E6 / NULLIF(height * height, 0) + 0.5E0) / 1E2 AS value
    FROM paired
)
SELECT subject_id, concept, time, resource, comparator, inferred, value FROM usable
UNION ALL
SELECT c.subject_id, p.concept, c.time, c.resource, CAST(NULL AS STRING) AS comparator, c.inferred, c.value
FROM computed c JOIN plausible p ON p.concept = 'body_mass_index' AND c.value >= p.low AND c.value <= p.high
