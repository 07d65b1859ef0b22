-- Number of different concepts of a family on record whose every record has ended by as_of.
SELECT subject_id, feature, ended AS value, CAST(NULL AS TIMESTAMP) AS time, CAST(NULL AS STRING) AS resource FROM families WHERE kind = 'ended_family_count' AND ended > 0
