-- One row for each encounter, its kind by the class, or where no class is known by the type. An emergency visit of a day or longer is a
-- stay (some systems code admissions so). begun: a stay begins with the emergency visit or observation that ends at most an hour before
-- it (CMS529), one of both before the other. A stay is planned by its priority, type or reason, or by a planned treatment within it that
-- did not come about in an emergency. sent_on: it ended with a transfer to another hospital, or was left against advice (discharge
-- disposition, HL7's words or NUBC's numbers). apart: psychiatric, or to treat cancer: a stay after it is no readmission.
WITH typed AS (
    SELECT subject_id, resource, time,
        MAX(end_time) AS end_time,
        MAX(CASE WHEN family = 'encounter' THEN 1 ELSE 0 END) AS classed,
        MAX(CASE WHEN concept = 'inpatient' THEN 1 ELSE 0 END) AS inpatient_class,
        MAX(CASE WHEN concept = 'emergency' THEN 1 ELSE 0 END) AS emergency_class,
        MAX(CASE WHEN concept = 'inpatient_by_type' THEN 1 ELSE 0 END) AS inpatient_type,
        MAX(CASE WHEN concept = 'emergency_by_type' THEN 1 ELSE 0 END) AS emergency_type,
        MAX(CASE WHEN concept = 'observation_stay' THEN 1 ELSE 0 END) AS observed,
        MAX(CASE WHEN family = 'encounter_type' OR concept = 'planned_reason' THEN 1 ELSE 0 END) AS excluded,
        MAX(CASE WHEN concept = 'urgent' THEN 1 ELSE 0 END) AS urgent,
        MAX(CASE WHEN concept IN ('cancer_reason', 'psychiatric_reason', 'specialty_psychiatry') THEN 1 ELSE 0 END) AS apart,
        MAX(CASE WHEN text_value IN ('other-hcf', '02', '66', 'aadvice', '07') THEN 1 ELSE 0 END) AS sent_on
    FROM known
    WHERE family IN ('encounter', 'encounter_by_type', 'encounter_type', 'encounter_reason', 'encounter_urgency', 'specialty')
        AND time IS NOT NULL AND substring(resource, 1, 10) <> 'Procedure/' -- some codes name a stay and what was done
    GROUP BY subject_id, resource, time
    HAVING MAX(CASE WHEN family IN ('encounter', 'encounter_by_type', 'encounter_type') THEN 1 ELSE 0 END) = 1
), kinds AS (
    SELECT subject_id, resource, time, end_time, observed, excluded, urgent, apart, sent_on,
        CASE WHEN end_time IS NULL OR end_time < time THEN time ELSE end_time END AS left_at,
        hours_after(CASE WHEN end_time IS NULL OR end_time < time THEN time ELSE end_time END, 1) AS leads_on_until,
        CASE WHEN classed = 1 THEN inpatient_class ELSE inpatient_type END AS inpatient,
        CASE WHEN classed = 1 THEN emergency_class ELSE emergency_type END AS emergency
    FROM typed
), led_to AS (
    SELECT s.subject_id, s.resource, s.time, MIN(v.time) AS begun, MAX(v.emergency) AS emergency
    FROM kinds s JOIN kinds v ON s.subject_id = v.subject_id AND s.resource <> v.resource AND (v.emergency = 1 OR v.observed = 1)
        AND v.time <= s.time AND v.leads_on_until >= s.time
    WHERE s.inpatient = 1
    GROUP BY s.subject_id, s.resource, s.time
), led_to_that AS (
    SELECT s.subject_id, s.resource, s.time, MIN(v.time) AS begun, MAX(v.emergency) AS emergency
    FROM led_to s JOIN kinds v ON s.subject_id = v.subject_id AND s.resource <> v.resource AND (v.emergency = 1 OR v.observed = 1)
        AND v.time <= s.begun AND v.leads_on_until >= s.begun
    GROUP BY s.subject_id, s.resource, s.time
), treated AS (
    SELECT DISTINCT s.subject_id, s.resource, s.time
    FROM kinds s JOIN known k ON s.subject_id = k.subject_id AND k.family = 'planned_care' AND k.time >= s.time AND k.time <= s.left_at
    WHERE s.inpatient = 1 AND s.emergency = 0 AND s.urgent = 0
      AND (k.concept <> 'sleep_study' OR s.left_at <= hours_after(s.time, 36))
)
SELECT k.subject_id, k.resource, k.time, coalesce(b.begun, a.begun, k.time) AS begun,
    CASE WHEN k.left_at > p.as_of THEN p.as_of ELSE k.left_at END AS end_time,
    k.inpatient, k.emergency, k.sent_on, k.apart,
    CASE WHEN k.excluded = 0 AND (t.resource IS NULL OR coalesce(b.emergency, a.emergency, 0) = 1)
          AND (k.inpatient = 1 OR (k.emergency = 1 AND k.end_time >= hours_after(k.time, 24))) THEN 1 ELSE 0 END AS acute_stay
FROM kinds k CROSS JOIN params p
LEFT JOIN led_to a ON k.subject_id = a.subject_id AND k.resource = a.resource AND k.time = a.time
LEFT JOIN led_to_that b ON k.subject_id = b.subject_id AND k.resource = b.resource AND k.time = b.time
LEFT JOIN treated t ON k.subject_id = t.subject_id AND k.resource = t.resource AND k.time = t.time
