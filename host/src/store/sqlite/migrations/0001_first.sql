-- Bytes of components, kept as long as a run may need them.
CREATE TABLE deployments (
    id          TEXT NOT NULL PRIMARY KEY,
    bytes       BLOB NOT NULL,
    manifests   TEXT NOT NULL,
    at          INTEGER NOT NULL
);

-- What each source (a file, an upload) offers now.
CREATE TABLE sources (
    name        TEXT NOT NULL PRIMARY KEY,
    deployment  TEXT NOT NULL REFERENCES deployments (id),
    at          INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE events (
    id          TEXT NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL,
    data        TEXT NOT NULL,
    user        TEXT,
    at          INTEGER NOT NULL,
    version     TEXT,
    source      TEXT,
    sender_id   TEXT,
    received_at INTEGER NOT NULL
);
CREATE INDEX events_by_name ON events (name, id);

-- Ids that senders gave: what makes an event a duplicate.
CREATE TABLE senders (
    sender_id   TEXT NOT NULL,
    source      TEXT NOT NULL,
    event       TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (sender_id, source)
) WITHOUT ROWID;

CREATE TABLE runs (
    id          TEXT NOT NULL PRIMARY KEY,
    event       TEXT NOT NULL REFERENCES events (id),
    function    TEXT NOT NULL,
    deployment  TEXT NOT NULL REFERENCES deployments (id),
    status      TEXT NOT NULL
        CHECK (status IN ('Queued', 'Running', 'Sleeping', 'Completed', 'Failed', 'Cancelled')),
    created_at  INTEGER NOT NULL,
    started_at  INTEGER,
    ended_at    INTEGER
);
CREATE INDEX runs_by_event ON runs (event);
CREATE INDEX runs_by_function ON runs (function, id);
CREATE INDEX runs_by_status ON runs (status, id);

-- The truth of a run: append-only.
CREATE TABLE journal (
    run         TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    entry       TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) WITHOUT ROWID;

-- Only runs that are not over. Small, whatever the history: a claim's cost must not
-- grow with it.
CREATE TABLE queue (
    function    TEXT NOT NULL,
    ready_at    INTEGER NOT NULL,
    run         TEXT NOT NULL,
    PRIMARY KEY (function, ready_at, run)
) WITHOUT ROWID;
CREATE UNIQUE INDEX queue_by_run ON queue (run);

CREATE TABLE kv (
    bucket      TEXT NOT NULL,
    key         TEXT NOT NULL,
    value       BLOB NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
