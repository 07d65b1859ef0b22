
CREATE TABLE IF NOT EXISTS "release" (
    release_id TEXT PRIMARY KEY,
    ehr TEXT NOT NULL,
    created_at TEXT NOT NULL,
    as_of TEXT NOT NULL,
    index_date TEXT NOT NULL,
    definitions_hash TEXT NOT NULL,
    model TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS risk_group (
    release_id TEXT NOT NULL REFERENCES "release" (release_id),
    rank INTEGER NOT NULL,
    name TEXT NOT NULL,
    n INTEGER,
    followed INTEGER,
    events INTEGER,
    rate DOUBLE PRECISION,
    low DOUBLE PRECISION,
    high DOUBLE PRECISION,
    PRIMARY KEY (release_id, rank)
);

CREATE TABLE IF NOT EXISTS membership (
    release_id TEXT NOT NULL REFERENCES "release" (release_id),
    subject_id TEXT NOT NULL,
    rank INTEGER NOT NULL,
    second_rank INTEGER,
    firmness DOUBLE PRECISION,
    PRIMARY KEY (release_id, subject_id)
);

CREATE TABLE IF NOT EXISTS current_release (
    ehr TEXT PRIMARY KEY,
    release_id TEXT NOT NULL REFERENCES "release" (release_id)
);
