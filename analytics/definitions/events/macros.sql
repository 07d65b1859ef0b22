-- Small vocabulary shared by the event files. The session's time zone is UTC.

-- FHIR date, dateTime or instant (R4 §2.24.0.1) -> UTC timestamp. A partial date stands for its first instant;
-- a time without zone is read as UTC; what cannot be read becomes NULL.
CREATE MACRO fhir_instant(s) AS TRY_CAST(
    CASE length(s) WHEN 4 THEN s || '-01-01' WHEN 7 THEN s || '-01' ELSE s END AS TIMESTAMPTZ);
-- (By its microseconds: a cast asks the calendar, at three times the cost. 'infinity' has none.)
CREATE MACRO fhir_time(s) AS coalesce(make_timestamp(epoch_us(fhir_instant(s))), CAST(fhir_instant(s) AS TIMESTAMP));

-- meta.lastUpdated as the text that sorts as the instants do, empty where there is none.
CREATE MACRO updated(s) AS coalesce(CAST(fhir_time(s) AS VARCHAR), '');

-- A literal reference to the given type (R4 §2.3.0.1): its base, '' where it is relative, and the id; of a reference to a version the id
-- of what it is a version of. Both are '' where it is none: contained (#x), urn:uuid, a search, or not as R4 writes it.
-- (The relative one apart: nearly all are, and its pattern costs a tenth.)
CREATE MACRO reference_to(reference, type) AS CASE
    WHEN starts_with(reference, type || '/') THEN {'base': '', 'id':
        regexp_extract(reference, '^' || type || '/([A-Za-z0-9.\-]{1,64})(?:/_history/[A-Za-z0-9.\-]{1,64})?$', 1)}
    ELSE regexp_extract(reference,
        '^((?i:https?)://[^?#]*)/' || type || '/([A-Za-z0-9.\-]{1,64})(?:/_history/[A-Za-z0-9.\-]{1,64})?$', ['base', 'id']) END;

-- A logical id (R4 §2.24.0.1). (To count apart: '{1,64}' becomes 64 states, and each statement of a chart sets them up anew.)
CREATE MACRO is_id(s) AS regexp_full_match(s, '[A-Za-z0-9.\-]+') AND length(s) <= 64;

-- The server of a FHIR base, as R4 compares addresses (§3.1.0.1.3, Identity): http and https are one, the path counts letter by letter;
-- the host is in lower case and the scheme's own port left out (RFC 3986 §6.2). Whatever else differs is another server.
CREATE MACRO server_of(base) AS
    regexp_replace(lower(regexp_extract(base, '^[^/]*//[^/]*')), '^(?:http://(.*?)(?::(?:80)?)?|https://(.*?)(?::(?:443)?)?)$', '\1\2')
    || regexp_extract(base, '^[^/]*//[^/]*(.*)$', 1);

CREATE MACRO system_code(coding) AS coalesce(coding.system, '') || '|' || coding.code;

CREATE MACRO item(code, numeric_value := NULL, text_value := NULL, unit := NULL, own_time := NULL) AS {
    'code': CAST(code AS VARCHAR), 'numeric_value': CAST(numeric_value AS DOUBLE),
    'text_value': CAST(text_value AS VARCHAR), 'unit': CAST(unit AS VARCHAR), 'own_time': CAST(own_time AS VARCHAR)};

-- One item for each coding of a CodeableConcept.
CREATE MACRO coded_items(concept, text_value := NULL) AS
    list_transform(list_filter(concept.coding, lambda c: c.code IS NOT NULL),
                   lambda c: item(system_code(c), text_value := text_value));

-- The text and the displays of a CodeableConcept; NULL where there is none.
CREATE MACRO names_of(concept) AS
    list_concat([concept.text], list_transform(list_filter(concept.coding, lambda d: d.display IS DISTINCT FROM concept.text), lambda d: d.display));

-- A text in small letters as its words, apart by one space. (Most names are that as they come; to replace costs five times a look.)
CREATE MACRO words_of(s) AS CASE WHEN regexp_full_match(s, '[a-z0-9]+( [a-z0-9]+)*') THEN s
    ELSE trim(regexp_replace(s, '[^a-z0-9]+', ' ', 'g')) END;

-- What a medicine is called, as one item 'name|words': text and displays in small letters and digits, whole words apart by one space.
CREATE MACRO name_items(texts, text_value := NULL) AS list_transform(
    list_filter([left(words_of(strip_accents(lower(array_to_string(texts, ' ')))), 300)], lambda w: w <> ''),
    lambda w: item('name|' || w, text_value := text_value));
