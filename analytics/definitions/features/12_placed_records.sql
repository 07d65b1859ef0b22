-- The records that count for the features of a concept, each placed within its feature: from_first (one with a date before one without)
-- and from_newest. Placed once for all kinds that read them. time_before: that of the record before it. An Observation without a value is
-- no result; an answer that is not known, such as "unknown if ever smoked", is none; an allergy that has resolved is none.
SELECT subject_id, feature, kind, answered, time, resource,
    LAG(time) OVER (PARTITION BY subject_id, feature ORDER BY time ASC NULLS LAST, resource ASC) AS time_before,
    ROW_NUMBER() OVER (PARTITION BY subject_id, feature ORDER BY time ASC NULLS LAST, resource ASC) AS from_first,
    ROW_NUMBER() OVER (PARTITION BY subject_id, feature ORDER BY time DESC NULLS LAST, resource DESC) AS from_newest
FROM (
    SELECT f.subject_id, d.feature, d.kind, f.time, f.resource, CASE WHEN a.answer = d.answer THEN 1 ELSE 0 END AS answered
    FROM known f JOIN feature_defs d ON f.concept = d.concept CROSS JOIN params p
    LEFT JOIN answers a ON a.concept = f.concept AND a.code = f.text_value
    WHERE d.kind IN ('ever', 'years_since_onset')
       OR (d.kind = 'allergy' AND substring(f.resource, 1, 19) = 'AllergyIntolerance/'
           AND (f.text_value IS NULL OR f.text_value NOT IN ('resolved', 'inactive')))
       OR (d.kind IN ('answer', 'answer_age_days') AND a.answer IS NOT NULL AND f.time IS NOT NULL)
       OR (d.kind = 'days_since' AND f.time IS NOT NULL
           AND NOT (substring(f.resource, 1, 12) = 'Observation/' AND f.numeric_value IS NULL AND f.text_value IS NULL))
       OR (d.kind = 'doses' AND f.time IS NOT NULL)
       OR (d.kind = 'records' AND days_between(f.time, p.as_of_date) < d.window_days)
    UNION ALL
    SELECT u.subject_id, d.feature, d.kind, u.time, u.resource, 1 AS answered
    FROM in_use u JOIN feature_defs d ON d.kind = 'in_use' AND u.concept = d.concept
) counting
