//! The tables, as numbered migrations: a released one is never edited.

use crate::store::StoreError;
use rusqlite::Connection;

/// Migration `n` brings a database from version `n` to `n + 1`.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_flow.sql"),
    include_str!("migrations/0003_people.sql"),
];

/// Brings the database to the newest version, each step in a transaction of its own.
pub(super) fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    let version: usize =
        db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(super::error)?;
    if version > MIGRATIONS.len() {
        return Err(StoreError::Corrupt(format!(
            "the database has version {version}, this host knows {}: a newer pawl wrote it",
            MIGRATIONS.len()
        )));
    }
    // a table that others refer to cannot be exchanged for a new one while that is checked;
    // inside of a transaction this would change nothing
    db.pragma_update(None, "foreign_keys", false).map_err(super::error)?;
    for (n, sql) in MIGRATIONS.iter().enumerate().skip(version) {
        let tx = db.transaction().map_err(super::error)?;
        tx.execute_batch(sql).map_err(super::error)?;
        tx.pragma_update(None, "user_version", n + 1).map_err(super::error)?;
        tx.commit().map_err(super::error)?;
    }
    db.pragma_update(None, "foreign_keys", true).map_err(super::error)
}
