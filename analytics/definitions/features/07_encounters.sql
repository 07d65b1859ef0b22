-- One row for each encounter. An emergency visit of a day or longer is a stay (some systems code admissions so). sent_on: it
-- ended with a transfer to another hospital, or was left against advice (discharge disposition, HL7's words or NUBC's numbers).
WITH typed AS (
    SELECT subject_id, resource, time,
        MAX(end_time) AS end_time,
        MAX(CASE WHEN concept = 'inpatient' THEN 1 ELSE 0 END) AS inpatient,
        MAX(CASE WHEN concept = 'emergency' THEN 1 ELSE 0 END) AS emergency,
        MAX(CASE WHEN family = 'encounter_type' THEN 1 ELSE 0 END) AS excluded,
        MAX(CASE WHEN text_value IN ('other-hcf', '02', '66', 'aadvice', '07') THEN 1 ELSE 0 END) AS sent_on
    FROM known
    WHERE family IN ('encounter', 'encounter_type') AND time IS NOT NULL
    GROUP BY subject_id, resource, time
)
SELECT subject_id, resource, time,
    CASE WHEN end_time IS NULL OR end_time < time THEN time WHEN end_time > p.as_of THEN p.as_of ELSE end_time END AS end_time,
    inpatient, emergency, sent_on,
    CASE WHEN excluded = 0 AND (inpatient = 1 OR (emergency = 1 AND end_time >= time + INTERVAL '24' HOUR)) THEN 1 ELSE 0 END AS acute_stay
FROM typed CROSS JOIN params p
