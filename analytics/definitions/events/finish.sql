-- The same last step for every type: check each resource, give a reason to those that cannot be used, and
-- turn the rest into events. Reads `mapped` (what a type's file selects, and the rules of the type) and `server` (one row). Whose resource it is: a
-- relative reference, or one below the base of this server, is ours; the same id on another server is somebody else.
-- A version is its instant, `#`, and a digest of the line: it parts two lines that claim the same instant, whichever comes first. DuckDB's own
-- hash costs a tenth of md5. Another DuckDB may hash otherwise: so load makes an export's events anew where another one made them
-- (analytics/load.py), and between two exports only the instants are compared (analytics/snapshot.py).
CREATE OR REPLACE TEMP TABLE checked AS
WITH timed AS (
    SELECT line_no, expected_type, has_subject, needs_time, type, id,
        nullif(whose.id, '') AS subject_id, nullif(whose.base, '') AS subject_base, status, items, time_text, end_text, recorded_text,
        fhir_time(time_text) AS time, fhir_time(end_text) AS end_time, fhir_time(recorded_text) AS recorded,
        updated(updated_text) || '#' || to_hex(digest) AS version
    FROM (SELECT *, reference_to(subject, 'Patient') AS whose FROM mapped)  -- once for all types of a chart: its patterns are dear
)
SELECT line_no, type, id, subject_id, status, items, time, end_time, recorded, version, CASE
    WHEN type IS DISTINCT FROM expected_type THEN 'other_type'
    -- The usual resource is seen to be sound at once, any other is asked for its reason (and whatever has an own_time).
    WHEN is_id(id)
        AND (subject_id IS NOT NULL OR NOT has_subject) AND subject_base IS NULL AND len(items) > 0
        AND (time BETWEEN earliest() AND latest() OR (time_text IS NULL AND NOT needs_time))
        AND (end_text IS NULL OR end_time BETWEEN earliest() AND latest())
        AND (recorded_text IS NULL OR recorded BETWEEN earliest() AND latest())
        AND len(list_filter(items, lambda i: i.own_time IS NOT NULL OR abs(i.numeric_value) > largest_value())) = 0 THEN NULL
    WHEN id IS NULL OR NOT is_id(id) THEN 'no_id'
    WHEN subject_id IS NULL AND has_subject THEN 'no_subject'
    WHEN subject_base IS NOT NULL AND server_of(subject_base) IS DISTINCT FROM server.base THEN 'subject_elsewhere'
    WHEN len(coalesce(items, [])) = 0 THEN 'no_code'
    WHEN time_text IS NULL AND needs_time THEN 'no_date'
    WHEN (time_text IS NOT NULL AND time IS NULL) OR (recorded_text IS NOT NULL AND recorded IS NULL)
        OR (end_text IS NOT NULL AND end_time IS NULL)
        OR len(list_filter(items, lambda i: i.own_time <> '' AND fhir_time(i.own_time) IS NULL)) > 0 THEN 'date_unreadable'
    WHEN time NOT BETWEEN earliest() AND latest()
        OR recorded NOT BETWEEN earliest() AND latest()
        OR end_time NOT BETWEEN earliest() AND latest()
        OR len(list_filter(items, lambda i: fhir_time(i.own_time) NOT BETWEEN earliest() AND latest())) > 0
        THEN 'date_out_of_range'
    WHEN len(list_filter(items, lambda i: NOT isfinite(i.numeric_value))) > 0 THEN 'value_not_a_number'
    WHEN len(list_filter(items, lambda i: abs(i.numeric_value) > largest_value())) > 0 THEN 'value_out_of_range'
    END AS reason
FROM timed CROSS JOIN server;

-- Events, and of a line that gives none one row with its line_no and reason.
CREATE OR REPLACE TEMP TABLE new_events AS
SELECT subject_id,
    CASE WHEN i.own_time IS NULL THEN time WHEN i.own_time = '' THEN NULL ELSE fhir_time(i.own_time) END AS time,
    i.code AS code, i.numeric_value AS numeric_value, i.text_value AS text_value, i.unit AS unit,
    end_time, status,
    CASE WHEN i.own_time IS NULL THEN coalesce(recorded, time) WHEN i.own_time = '' THEN NULL ELSE fhir_time(i.own_time) END AS recorded,
    type || '/' || id AS resource, version, line_no, reason
FROM (SELECT * EXCLUDE (items), unnest(CASE WHEN reason IS NULL THEN items ELSE [NULL] END) AS i FROM checked);
