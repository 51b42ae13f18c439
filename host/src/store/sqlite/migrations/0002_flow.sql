-- Runs that wait for each other, for events, and for their turn under the terms of their
-- functions. `lane`: where a run queues once it has a journal, if that is not its
-- function's open lane. `extras`: what else is stored of it (`store/tx.rs`).
CREATE TABLE runs_2 (
    id          TEXT NOT NULL PRIMARY KEY,
    event       TEXT NOT NULL REFERENCES events (id),
    function    TEXT NOT NULL,
    deployment  TEXT NOT NULL REFERENCES deployments (id),
    status      TEXT NOT NULL
        CHECK (status IN ('Queued', 'Running', 'Sleeping', 'Paused', 'Completed', 'Failed', 'Cancelled')),
    created_at  INTEGER NOT NULL,
    started_at  INTEGER,
    ended_at    INTEGER,
    lane        TEXT,
    extras      INTEGER NOT NULL DEFAULT 0,
    parent_run  TEXT,
    parent_step TEXT
);
INSERT INTO runs_2 (id, event, function, deployment, status, created_at, started_at, ended_at)
    SELECT id, event, function, deployment, status, created_at, started_at, ended_at FROM runs;
DROP TABLE runs;
ALTER TABLE runs_2 RENAME TO runs;
CREATE INDEX runs_by_event ON runs (event);
CREATE INDEX runs_by_function ON runs (function, id);
CREATE INDEX runs_by_status ON runs (status, id);

-- Only runs that are not over, each in a lane (`engine/flow/lane.rs`), in which they are
-- taken by their places, though not before they are ready.
CREATE TABLE queue_2 (
    lane        TEXT NOT NULL,
    place       INTEGER NOT NULL,
    run         TEXT NOT NULL,
    ready_at    INTEGER NOT NULL,
    PRIMARY KEY (lane, place, run)
) WITHOUT ROWID;
INSERT INTO queue_2 (lane, place, run, ready_at)
    SELECT json_object('f', function), ready_at, run, ready_at FROM queue;
DROP TABLE queue;
ALTER TABLE queue_2 RENAME TO queue;
CREATE UNIQUE INDEX queue_by_run ON queue (run);
CREATE INDEX queue_by_time ON queue (ready_at);

-- The events of a batch that has more than one, in their order.
CREATE TABLE run_events (
    run         TEXT NOT NULL,
    n           INTEGER NOT NULL,
    event       TEXT NOT NULL REFERENCES events (id),
    PRIMARY KEY (run, n)
) WITHOUT ROWID;
CREATE INDEX run_events_by_event ON run_events (event);

-- Runs that events did not make, and why.
CREATE TABLE skips (
    event       TEXT NOT NULL,
    function    TEXT NOT NULL,
    why         TEXT NOT NULL,
    run         TEXT,
    at          INTEGER NOT NULL,
    PRIMARY KEY (event, function)
) WITHOUT ROWID;

-- Keys that live runs hold: the only one of a kind, or the one that takes more events.
CREATE TABLE holds (
    kind        TEXT NOT NULL,
    key         TEXT NOT NULL,
    run         TEXT NOT NULL,
    first_at    INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX holds_by_run ON holds (run);

-- Memories of rates (`engine/flow/rate.rs`), of limits and of throttles.
CREATE TABLE rates (
    key         TEXT NOT NULL PRIMARY KEY,
    memory      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX rates_by_memory ON rates (memory);

-- Events that live runs watch for. No path: without an equation. No step: they cancel.
CREATE TABLE watches (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    path        TEXT NOT NULL,
    value       TEXT NOT NULL,
    run         TEXT NOT NULL,
    step        TEXT,
    filter      TEXT,
    until       INTEGER NOT NULL
);
CREATE INDEX watches_by_value ON watches (name, path, value);
CREATE INDEX watches_by_run ON watches (run);

-- What live runs have been told and have not read.
CREATE TABLE mail (
    run         TEXT NOT NULL,
    n           INTEGER NOT NULL,
    mail        TEXT NOT NULL,
    PRIMARY KEY (run, n)
) WITHOUT ROWID;

-- When live runs are to be cancelled.
CREATE TABLE alarms (
    run         TEXT NOT NULL,
    bell        TEXT NOT NULL,
    at          INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    PRIMARY KEY (run, bell)
) WITHOUT ROWID;
CREATE INDEX alarms_by_time ON alarms (at);

-- Functions whose runs are not claimed, and since when.
CREATE TABLE function_pauses (
    function    TEXT NOT NULL PRIMARY KEY,
    at          INTEGER NOT NULL
) WITHOUT ROWID;
