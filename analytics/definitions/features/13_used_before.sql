-- Medicine classes that were in use a year before as_of, by the rule of in_use.
SELECT DISTINCT f.subject_id, f.concept
FROM known f CROSS JOIN params p
WHERE f.family = 'medicine' AND substring(f.resource, 1, 19) <> 'AllergyIntolerance/'
  AND (f.text_value IS NULL OR f.text_value NOT IN ('proposal', 'option'))
  AND f.time < days_after(p.as_of, -365)
  AND ((f.end_time IS NULL AND f.time >= days_after(p.as_of, -730)) OR f.end_time >= days_after(p.as_of, -365))
