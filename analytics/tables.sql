-- The serving database, version 4. Only analytics/publish.py writes it, the app reads it; it holds what the app needs.
-- The same text for SQLite and PostgreSQL: what stands in /*postgresql ... */ holds there only, and what stands
-- between /*sqlite*/ and /**/ does not (serving_database.py).
-- A patient id means nothing without its EHR: every row hangs on a release, and a release on one EHR.

CREATE TABLE IF NOT EXISTS serving_schema (
    version INTEGER NOT NULL
);

INSERT INTO serving_schema SELECT 4 WHERE NOT EXISTS (SELECT * FROM serving_schema);

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
    firmness DOUBLE PRECISION
    /*sqlite*/, PRIMARY KEY (release_id, subject_id)/**/
) /*postgresql PARTITION BY LIST (release_id) */;

-- A group's people page by page, by firmness (none counts as -1: app/serving_tables.py has the same words) and by id.
CREATE INDEX IF NOT EXISTS membership_by_firmness
    ON membership (/*sqlite*/release_id, /**/rank, (coalesce(firmness, -1.0)), subject_id);
CREATE INDEX IF NOT EXISTS membership_by_id ON membership (/*sqlite*/release_id, /**/rank, subject_id);

CREATE TABLE IF NOT EXISTS current_release (
    ehr TEXT PRIMARY KEY,
    release_id TEXT NOT NULL REFERENCES "release" (release_id)
);
