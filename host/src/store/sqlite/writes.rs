//! What the writer does inside of a transaction beside the rules, one function a verb.

use super::error;
use crate::store::{Deploy, StoreError};
use pawl_engine::{FunctionId, Timestamp};
use rusqlite::{Connection, params};

/// One statement: how many rows it changed.
pub(super) fn execute(
    db: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<usize, StoreError> {
    db.prepare_cached(sql).and_then(|mut s| s.execute(params)).map_err(error)
}

/// The function is paused. `true`: it was not.
pub(super) fn pause(db: &Connection, function: &FunctionId, at: Timestamp) -> Result<bool, StoreError> {
    let sql = "INSERT INTO function_pauses (function, at) VALUES (?1, ?2) ON CONFLICT (function) DO NOTHING";
    execute(db, sql, params![function.as_str(), at.as_millis()]).map(|n| n > 0)
}

/// The function is not paused any more. `true`: it was.
pub(super) fn resume(db: &Connection, function: &FunctionId) -> Result<bool, StoreError> {
    execute(db, "DELETE FROM function_pauses WHERE function = ?1", [function.as_str()]).map(|n| n > 0)
}

/// Keeps a deployment and makes it what its source offers.
pub(super) fn deploy(db: &Connection, deploy: &Deploy) -> Result<(), StoreError> {
    let manifests =
        serde_json::to_string(&deploy.manifests).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    let at = deploy.at.as_millis();
    let sql = "INSERT INTO deployments (id, bytes, manifests, at) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (id) DO NOTHING";
    execute(db, sql, params![deploy.id.as_str(), deploy.bytes, manifests, at])?;
    let sql = "INSERT INTO sources (name, deployment, at) VALUES (?1, ?2, ?3) \
               ON CONFLICT (name) DO UPDATE SET deployment = excluded.deployment, at = excluded.at";
    execute(db, sql, params![deploy.source, deploy.id.as_str(), at]).map(|_| ())
}

/// Forgets what a source offers.
pub(super) fn withdraw(db: &Connection, source: &str) -> Result<(), StoreError> {
    execute(db, "DELETE FROM sources WHERE name = ?1", [source]).map(|_| ())
}

/// Sets or deletes a value.
pub(super) fn kv_set(
    db: &Connection,
    bucket: &str,
    key: &str,
    value: Option<&[u8]>,
) -> Result<(), StoreError> {
    let done = match value {
        Some(value) => execute(
            db,
            "INSERT INTO kv (bucket, key, value) VALUES (?1, ?2, ?3) \
             ON CONFLICT (bucket, key) DO UPDATE SET value = excluded.value",
            params![bucket, key, value],
        ),
        None => execute(db, "DELETE FROM kv WHERE bucket = ?1 AND key = ?2", params![bucket, key]),
    };
    done.map(|_| ())
}
