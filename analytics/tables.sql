-- The serving database, version 6. Only analytics/publish.py writes it, the app reads it; it holds what the app needs.
-- The same text for SQLite and PostgreSQL: what stands in /*postgresql ... */ holds there only, and what stands
-- between /*sqlite*/ and /**/ does not (serving_database.py).
-- A patient id means nothing without its EHR: every row hangs on a release, and a release on one EHR.

CREATE TABLE IF NOT EXISTS serving_schema (
    version INTEGER NOT NULL
);

INSERT INTO serving_schema SELECT 6 WHERE NOT EXISTS (SELECT * FROM serving_schema);

CREATE TABLE IF NOT EXISTS "release" (
    release_id TEXT PRIMARY KEY,
    ehr TEXT NOT NULL,
    created_at TEXT NOT NULL,
    as_of TEXT NOT NULL,
    index_date TEXT NOT NULL,
    definitions_hash TEXT NOT NULL,
    model TEXT NOT NULL,
    published_at TEXT NOT NULL,
    last_current TEXT NOT NULL DEFAULT '' -- when another became current in its place
);

-- What is told about a release beside its model: evidence, map, drift, funnel, model-card, cohorts (docs/release.md). Never changed.
CREATE TABLE IF NOT EXISTS release_document (
    release_id TEXT NOT NULL REFERENCES "release" (release_id),
    name TEXT NOT NULL,
    body TEXT NOT NULL, -- JSON
    PRIMARY KEY (release_id, name)
);

-- In PostgreSQL each release is a partition with its own key: made aside, attached whole, dropped whole.
CREATE TABLE IF NOT EXISTS membership (
    release_id TEXT NOT NULL,
    subject_id TEXT /*postgresql COLLATE "C" */ NOT NULL,
    rank INTEGER NOT NULL,
    second_rank INTEGER,
    firmness DOUBLE PRECISION,
    place BIGINT NOT NULL
    /*sqlite*/, PRIMARY KEY (release_id, subject_id)/**/
) /*postgresql PARTITION BY LIST (release_id) */;

-- A group's people page by page: each member of a release has a place of its own, those of a group from rank * 2^56 on,
-- the greater the firmer, without a firmness first (serving_rows.py makes them, app/serving_tables.py reads them). One
-- whole number, because PostgreSQL sorts rank, firmness and id in twice the processor's time (scripts/bench/README.md).
CREATE INDEX IF NOT EXISTS membership_by_place ON membership (/*sqlite*/release_id, /**/place);

CREATE TABLE IF NOT EXISTS current_release (
    ehr TEXT PRIMARY KEY,
    release_id TEXT NOT NULL REFERENCES "release" (release_id)
);
