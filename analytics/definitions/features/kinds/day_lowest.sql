-- The lowest value of the latest day within the window that has one; evidence is the reading. With an answer, another
-- measurement taken together with it: only readings outside of stays and emergency visits count (by their time), and only
-- a day that has both.
WITH asked AS (
    SELECT m.subject_id, d.feature, d.concept, d.answer, m.concept AS measured, m.value, m.time, m.resource, day_of(m.time) AS day
    FROM measurements m JOIN feature_defs d ON d.kind = 'day_lowest' AND (m.concept = d.concept OR m.concept = d.answer) CROSS JOIN params p
    WHERE days_between(m.time, p.as_of_date) < d.window_days
), in_hospital AS (
    SELECT DISTINCT a.subject_id, a.resource
    FROM asked a JOIN encounters e ON a.subject_id = e.subject_id AND a.time >= e.time AND a.time <= e.end_time
    WHERE a.answer <> '' AND (e.inpatient = 1 OR e.emergency = 1)
), usable AS (
    SELECT a.subject_id, a.feature, a.concept, a.answer, a.measured, a.value, a.time, a.resource, a.day
    FROM asked a LEFT JOIN in_hospital h ON a.subject_id = h.subject_id AND a.resource = h.resource AND a.answer <> ''
    WHERE h.resource IS NULL
), complete_days AS (
    SELECT subject_id, feature, day FROM usable
    GROUP BY subject_id, feature, day, answer HAVING answer = '' OR MIN(measured) <> MAX(measured)
)
SELECT subject_id, feature, value, time, resource
FROM (
    SELECT u.subject_id, u.feature, u.value, u.time, u.resource,
        ROW_NUMBER() OVER (PARTITION BY u.subject_id, u.feature
                           ORDER BY u.day DESC NULLS LAST, u.value ASC, u.time DESC, u.resource DESC) AS place
    FROM usable u JOIN complete_days y ON u.subject_id = y.subject_id AND u.feature = y.feature AND u.day = y.day
    WHERE u.measured = u.concept
) placed
WHERE place = 1
