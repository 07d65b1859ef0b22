-- The usable measurements: dated, in the canonical unit, plausible.
SELECT subject_id, concept, time, resource, comparator, inferred, value FROM measured WHERE reason IS NULL AND time IS NOT NULL
