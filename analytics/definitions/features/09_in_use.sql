-- Medicines in use at as_of: ordered before it, and not past the end of the order; an order without an end lasts a year.
-- Point in time on purpose: the status of today says nothing about a date in the past. What is proposed is not ordered,
-- and an allergy to a medicine is no use of it.
SELECT f.subject_id, f.concept, f.family, f.time, f.resource
FROM known f CROSS JOIN params p
WHERE f.family IN ('medicine', 'medicine_detail', 'ingredient') AND f.time IS NOT NULL
  AND substring(f.resource, 1, 19) <> 'AllergyIntolerance/'
  AND (f.text_value IS NULL OR f.text_value NOT IN ('proposal', 'option'))
  AND ((f.end_time IS NULL AND f.time >= days_after(p.as_of, -365)) OR f.end_time >= p.as_of)
