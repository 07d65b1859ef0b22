-- Each measurement on record by as_of in the canonical unit of its concept, or the reason why it cannot be used.
SELECT f.subject_id, f.concept, f.time, f.resource, f.text_value AS comparator, u.inferred,
    f.numeric_value * u.factor + u.shift AS value,
    CASE
        WHEN f.numeric_value IS NULL THEN 'no_value'
        WHEN u.factor IS NULL THEN 'unit_unknown'
        WHEN f.numeric_value * u.factor + u.shift < c.low OR f.numeric_value * u.factor + u.shift > c.high THEN 'implausible'
    END AS reason
FROM facts f CROSS JOIN params p
JOIN plausible c ON f.concept = c.concept
LEFT JOIN units u ON f.concept = u.concept AND coalesce(f.unit, '') = u.unit
    AND f.numeric_value >= u.low AND f.numeric_value <= u.high
WHERE f.family = 'measurement' AND (f.time IS NULL OR f.time < p.as_of) AND (f.recorded IS NULL OR f.recorded < p.as_of)
