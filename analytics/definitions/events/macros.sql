-- Small vocabulary shared by the event files. The session's time zone is UTC.

-- FHIR date, dateTime or instant (R4 §2.24.0.1) -> UTC timestamp. A partial date stands for its first instant;
-- a time without zone is read as UTC; what cannot be read becomes NULL.
CREATE MACRO fhir_time(s) AS CAST(TRY_CAST(
    CASE length(s) WHEN 4 THEN s || '-01-01' WHEN 7 THEN s || '-01' ELSE s END AS TIMESTAMPTZ) AS TIMESTAMP);

-- The logical id at the end of a relative or absolute literal reference to the given type; NULL otherwise.
CREATE MACRO referenced_id(reference, type) AS
    nullif(regexp_extract(reference, '(?:^|/)' || type || '/([A-Za-z0-9.\-]{1,64})(?:/_history/.*)?$', 1), '');

CREATE MACRO system_code(coding) AS coalesce(coding.system, '') || '|' || coding.code;

CREATE MACRO item(code, numeric_value := NULL, text_value := NULL, unit := NULL, own_time := NULL) AS {
    'code': CAST(code AS VARCHAR), 'numeric_value': CAST(numeric_value AS DOUBLE),
    'text_value': CAST(text_value AS VARCHAR), 'unit': CAST(unit AS VARCHAR), 'own_time': CAST(own_time AS VARCHAR)};

-- One item for each coding of a CodeableConcept.
CREATE MACRO coded_items(concept, text_value := NULL) AS
    list_transform(list_filter(concept.coding, lambda c: c.code IS NOT NULL),
                   lambda c: item(system_code(c), text_value := text_value));
