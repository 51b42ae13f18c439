-- What people look at. Events get a number that no VACUUM changes and that is never given
-- twice: what is found by its text is found by it. `trace`: the W3C trace context that an event came with.
CREATE TABLE events_2 (
    n           INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    data        TEXT NOT NULL,
    user        TEXT,
    at          INTEGER NOT NULL,
    version     TEXT,
    source      TEXT,
    sender_id   TEXT,
    received_at INTEGER NOT NULL,
    trace       TEXT
);
INSERT INTO events_2 (id, name, data, user, at, version, source, sender_id, received_at)
    SELECT id, name, data, user, at, version, source, sender_id, received_at FROM events ORDER BY id;
DROP TABLE events;
ALTER TABLE events_2 RENAME TO events;
CREATE INDEX events_by_name ON events (name, id);

-- Runs that were made (`Queued`) and that ended, by the minute and the hour (`grain`, in
-- milliseconds) and by how long they took (`engine/stats.rs`).
CREATE TABLE run_counts (
    grain       INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    function    TEXT NOT NULL,
    status      TEXT NOT NULL,
    took        INTEGER NOT NULL,
    n           INTEGER NOT NULL,
    PRIMARY KEY (grain, at, function, status, took)
) WITHOUT ROWID;

CREATE TABLE event_counts (
    grain       INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    name        TEXT NOT NULL,
    n           INTEGER NOT NULL,
    PRIMARY KEY (grain, at, name)
) WITHOUT ROWID;

-- How deep queues were, minute by minute, where they were not empty.
CREATE TABLE backlog (
    at          INTEGER NOT NULL,
    function    TEXT NOT NULL,
    ready       INTEGER NOT NULL,
    age         INTEGER NOT NULL,
    PRIMARY KEY (at, function)
) WITHOUT ROWID;

-- Webhooks that came to the door.
CREATE TABLE deliveries (
    n           INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    provider    TEXT NOT NULL,
    answered    TEXT NOT NULL,
    reason      TEXT,
    detail      TEXT,
    sender_id   TEXT,
    event       TEXT,
    event_name  TEXT
);
CREATE INDEX deliveries_by_answer ON deliveries (answered, n);

CREATE TABLE delivery_counts (
    grain       INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    provider    TEXT NOT NULL,
    answered    TEXT NOT NULL,
    n           INTEGER NOT NULL,
    PRIMARY KEY (grain, at, provider, answered)
) WITHOUT ROWID;

-- What people did.
CREATE TABLE audits (
    n           INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    who         TEXT NOT NULL,
    action      TEXT NOT NULL,
    subject     TEXT NOT NULL,
    detail      TEXT NOT NULL
);

CREATE TABLE alert_records (
    n           INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    rule        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    state       TEXT NOT NULL,
    text        TEXT NOT NULL
);

-- What functions logged.
CREATE TABLE lines (
    run         TEXT NOT NULL,
    n           INTEGER NOT NULL,
    line        TEXT NOT NULL,
    PRIMARY KEY (run, n)
) WITHOUT ROWID;

-- Finding runs. Nearly all are completed: those are met wherever one looks, and are in no
-- index by status, which spares each run a write.
DROP INDEX runs_by_status;
CREATE INDEX runs_by_status ON runs (status, id) WHERE status <> 'Completed';
CREATE INDEX runs_by_bad_end ON runs (function, status, id) WHERE status = 'Failed' OR status = 'Cancelled';
