-- CKD-EPI 2021 from the newest creatinine within the window, the age on its day and the sex; coefficients from
-- scores/ckd_epi_2021.toml. Absent without birth date or sex, with two sexes on record, and below the age of the equation.
-- Rounded to a millionth: powers may differ between engines in the last digit of a double.
WITH given AS (
    SELECT s.subject_id, d.feature, s.time, s.resource, k.*, s.newest / NULLIF(k.kappa, 0) AS ratio,
        years_between(e.born, s.time) AS age
    FROM summaries s
    JOIN feature_defs d ON d.kind = 'egfr_2021' AND s.concept = d.concept AND s.window_days = d.window_days
    JOIN people e ON s.subject_id = e.subject_id
    JOIN ckd_epi k ON e.sex = k.sex AND e.other_sex = k.sex
    WHERE e.born IS NOT NULL
)
SELECT subject_id, feature,
    FLOOR(1E6 * (scale * POWER(CASE WHEN ratio < 1 THEN ratio ELSE 1E0 END, alpha)
                       * POWER(CASE WHEN ratio > 1 THEN ratio ELSE 1E0 END, beta)
                       * POWER(per_year, CAST(age AS DOUBLE)) * factor) + 0.5E0) / 1E6 AS value,
    time, resource
FROM given WHERE age >= min_age AND age <= max_age
