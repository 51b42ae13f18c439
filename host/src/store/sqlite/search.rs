//! The index by which events are found by a value: a file of its own beside the database,
//! filled behind it by a thread that comes after everybody else. It holds nothing that is
//! not made from the database: broken or gone, it is made anew, and what is not in it yet is
//! looked through by who asks (`find`).

use super::{connect, error};
use crate::store::StoreError;
use crate::store::find::{Texts, tokens};
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The file's name.
pub(super) const FILE: &str = "search.db";

/// What is in it. Another number: it is made anew.
const VERSION: i32 = 1;

/// Each event's values as words, by its number: which events have a word, and nothing else.
const TABLES: &str = "CREATE VIRTUAL TABLE words USING fts5(word, content = '', contentless_delete = 1, \
     detail = none, tokenize = 'ascii'); \
     CREATE TABLE last (n INTEGER NOT NULL, event TEXT NOT NULL); INSERT INTO last VALUES (0, '');";

/// Events that are taken in by one transaction, and numbers that go with one.
const BATCH: usize = 500;

/// Pages in its write-ahead log before they are copied back: 2 MB.
const CHECKPOINT_PAGES: u32 = 500;

/// How long it waits for more.
const TICK: Duration = Duration::from_millis(500);

/// Ticks between two sweeps: an hour.
const REST: u32 = 7_200;

/// How much later than others its thread comes.
#[cfg(target_os = "linux")]
const NICE: i32 = 15;

/// Searches at once: the other connections are for who claims runs.
const TURNS: usize = 2;

/// The index, as it is asked.
pub(super) struct Index {
    path: PathBuf,
    /// Events up to this number are in it.
    indexed: AtomicI64,
    reader: Mutex<Option<Connection>>,
    told: Mutex<Told>,
    changed: Condvar,
    turns: Semaphore,
}

/// What the thread is told, and tells.
#[derive(Default)]
struct Told {
    is_over: bool,
    is_broken: bool,
    /// Events have been forgotten since it was last swept.
    has_gone: bool,
    /// Somebody waits until there is nothing to do: passes that were asked for, and done.
    asked: u64,
    done: u64,
}

/// The index with the thread that fills it; the thread ends with it.
pub(super) struct Indexer {
    index: Arc<Index>,
    thread: Option<JoinHandle<()>>,
}

impl Indexer {
    /// Opens the index beside a database and begins to fill it.
    pub(super) fn start(database: &Path) -> Result<Self, StoreError> {
        let filling = Filling::open(database)?;
        let index = filling.index.clone();
        let thread = std::thread::Builder::new().name("pawl-search".into()).spawn(move || filling.work());
        let thread = thread.inspect_err(|e| tracing::warn!(error = %e, "nothing fills the search index"));
        Ok(Self { index, thread: thread.ok() })
    }

    /// What is asked.
    pub(super) fn index(&self) -> Arc<Index> {
        self.index.clone()
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.index.tell(|told| told.is_over = true);
        let _panicked = self.thread.take().map(JoinHandle::join);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Index {
    /// Events up to this number are in it.
    pub(super) fn indexed(&self) -> i64 {
        self.indexed.load(Ordering::Acquire)
    }

    /// Waits for one's turn to search.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        self.turns.acquire().await.map_err(|e| StoreError::Unavailable(e.to_string()))
    }

    /// The numbers, the highest first, of events that have one of these words. `None`: it
    /// does not know, and has forgotten what was `indexed`.
    pub(super) fn find(
        &self,
        words: &[String],
        indexed: i64,
        among: RangeInclusive<i64>,
        most: usize,
    ) -> Option<Vec<i64>> {
        if among.is_empty() || indexed == 0 {
            return Some(Vec::new());
        }
        let mut reader = lock(&self.reader);
        if self.indexed() < indexed {
            return None;
        }
        let mut find = || -> Result<Vec<i64>, StoreError> {
            let db = match reader.take() {
                Some(db) => db,
                None => connect(&self.path)?,
            };
            let sql = "SELECT rowid FROM words WHERE words MATCH ?1 AND rowid BETWEEN ?2 AND ?3 \
                       ORDER BY rowid DESC LIMIT ?4";
            let asked = params![words.join(" OR "), among.start(), among.end(), most as i64];
            let mut statement = db.prepare_cached(sql).map_err(broken)?;
            let found = statement.query_map(asked, |row| row.get(0)).and_then(Iterator::collect);
            drop(statement);
            *reader = Some(db);
            found.map_err(broken)
        };
        match find() {
            Ok(found) => Some(found),
            Err(e) => {
                tracing::debug!(error = %e, "the search index cannot be read");
                self.tell(|told| told.is_broken |= matches!(e, StoreError::Corrupt(_)));
                None
            }
        }
    }

    /// Events have been forgotten: in time their words go, too.
    pub(super) fn events_went(&self) {
        self.tell(|told| told.has_gone = true);
    }

    fn tell(&self, tell: impl FnOnce(&mut Told)) {
        tell(&mut lock(&self.told));
        self.changed.notify_all();
    }

    /// Waits until all that there was when this was called is in it.
    #[cfg(test)]
    pub(super) fn settle(&self) {
        let mut told = lock(&self.told);
        told.asked += 1;
        let pass = told.asked;
        self.changed.notify_all();
        while told.done < pass {
            told = self.changed.wait(told).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// What fills the index.
pub(super) struct Filling {
    index: Arc<Index>,
    events: Connection,
    db: Option<Connection>,
    is_warned: bool,
    /// How far it is swept, while it is.
    swept: Option<i64>,
    /// Ticks until it may be swept again.
    rest: u32,
}

/// An event on its way into the index.
struct Entering {
    n: i64,
    event: String,
    words: String,
}

impl Filling {
    /// Opens the index beside a database. Without one, searches take longer: that is no
    /// reason not to start.
    pub(super) fn open(database: &Path) -> Result<Self, StoreError> {
        let events = connect(database)?;
        events.pragma_update(None, "query_only", true).map_err(error)?;
        let index = Arc::new(Index {
            path: database.with_file_name(FILE),
            indexed: AtomicI64::new(0),
            reader: Mutex::new(None),
            told: Mutex::default(),
            changed: Condvar::new(),
            turns: Semaphore::new(TURNS),
        });
        let mut filling = Self { index, events, db: None, is_warned: false, swept: None, rest: 0 };
        match filling.open_file() {
            Ok(db) => filling.db = Some(db),
            Err(e) => {
                filling.fail(&e);
            }
        }
        Ok(filling)
    }

    fn work(mut self) {
        #[cfg(target_os = "linux")]
        if let Err(e) = rustix::process::nice(NICE) {
            tracing::debug!(error = %e, "fills the search index as everybody else");
        }
        let mut has_more = true;
        loop {
            let mut told = lock(&self.index.told);
            let is_idle = !has_more && told.asked == told.done && !told.is_broken && !told.is_over;
            if is_idle {
                told = self.index.changed.wait_timeout(told, TICK).unwrap_or_else(PoisonError::into_inner).0;
                self.rest = self.rest.saturating_sub(1);
            }
            if told.is_over {
                return;
            }
            let asked = told.asked;
            if self.rest == 0 && std::mem::take(&mut told.has_gone) {
                (self.swept, self.rest) = (Some(0), REST);
            }
            let is_broken = std::mem::take(&mut told.is_broken);
            drop(told);
            let pass =
                if is_broken { Err(StoreError::Corrupt("as a search found".into())) } else { self.pass() };
            has_more = pass.unwrap_or_else(|e| self.fail(&e));
            if !has_more {
                self.index.tell(|told| told.done = asked);
            }
        }
    }

    /// One batch. `true`: there is more to do.
    pub(super) fn pass(&mut self) -> Result<bool, StoreError> {
        let db = match self.db.take() {
            Some(db) => db,
            None => self.open_file()?,
        };
        let indexed = self.index.indexed();
        let entering = self.entering(indexed).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        let first = self.first(indexed).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        let gone = self.gone(&db, first).map_err(broken)?;
        write(&db, &entering, &gone).map_err(broken)?;
        self.db = Some(db);
        self.is_warned = false;
        if let Some(last) = entering.last() {
            self.index.indexed.store(last.n, Ordering::Release);
        }
        Ok(entering.len() == BATCH || gone.len() >= BATCH || self.swept.is_some())
    }

    /// Events that are not in it.
    fn entering(&self, indexed: i64) -> rusqlite::Result<Vec<Entering>> {
        let sql = "SELECT n, id, sender_id, data, user FROM events WHERE n > ?1 ORDER BY n LIMIT ?2";
        let mut statement = self.events.prepare_cached(sql)?;
        let entering = statement.query_map(params![indexed, BATCH as i64], |row| {
            let event = Texts {
                id: row.get_ref(1)?.as_str()?,
                sender_id: row.get_ref(2)?.as_str_or_null()?,
                data: row.get_ref(3)?.as_str()?,
                user: row.get_ref(4)?.as_str_or_null()?,
            };
            Ok(Entering { n: row.get(0)?, event: event.id.to_owned(), words: tokens(&event).join(" ") })
        })?;
        entering.collect()
    }

    /// The lowest number that there is.
    fn first(&self, indexed: i64) -> rusqlite::Result<i64> {
        let mut statement = self.events.prepare_cached("SELECT min(n) FROM events")?;
        let first: Option<i64> = statement.query_row([], |row| row.get(0))?;
        // without any event what is in it is gone
        Ok(first.unwrap_or(indexed + 1))
    }

    /// Some of those in it that are no more: below the `first` that there is, and between
    /// others as far as it is swept.
    fn gone(&mut self, db: &Connection, first: i64) -> rusqlite::Result<Vec<i64>> {
        // contentless: the numbers that there are stand in a table beside
        let some = |sql: &str, bound: i64| -> rusqlite::Result<Vec<i64>> {
            db.prepare_cached(sql)?.query_map(params![bound, BATCH as i64], |row| row.get(0))?.collect()
        };
        let mut gone = some("SELECT id FROM words_docsize WHERE id < ?1 ORDER BY id LIMIT ?2", first)?;
        if let Some(at) = self.swept {
            let next = "SELECT id FROM words_docsize WHERE id > ?1 ORDER BY id LIMIT ?2";
            let next = some(next, at.max(first - 1))?;
            self.swept = next.last().copied();
            let mut is_there = self.events.prepare_cached("SELECT 1 FROM events WHERE n = ?1")?;
            for n in next {
                if !is_there.exists([n])? {
                    gone.push(n);
                }
            }
        }
        Ok(gone)
    }

    /// The file, made when it is missing and anew when it belongs to another database.
    fn open_file(&self) -> Result<Connection, StoreError> {
        let db = file(&self.index.path)?;
        let (n, event) = db
            .query_row("SELECT n, event FROM last", [], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
            .map_err(broken)?;
        let is_ours = self.is_ours(n, &event).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        if !is_ours {
            return Err(StoreError::Corrupt("it was made from another database".into()));
        }
        self.index.indexed.store(n, Ordering::Release);
        Ok(db)
    }

    /// Whether the last event of the index is, or was, one of the database's.
    fn is_ours(&self, n: i64, event: &str) -> rusqlite::Result<bool> {
        let one = |sql: &str| self.events.query_row(sql, [n], |row| row.get::<_, String>(0)).optional();
        Ok(match one("SELECT id FROM events WHERE n = ?1")? {
            Some(id) => id == event,
            None => {
                n == 0
                    || one("SELECT name FROM sqlite_sequence WHERE name = 'events' AND seq >= ?1")?.is_some()
            }
        })
    }

    /// What cannot be read is thrown away. `true`: it may go on at once.
    fn fail(&mut self, e: &StoreError) -> bool {
        let is_broken = matches!(e, StoreError::Corrupt(_));
        let is_first = !std::mem::replace(&mut self.is_warned, true);
        if is_first {
            let cure = if is_broken { "it is made anew" } else { "it is tried again" };
            tracing::warn!(error = %e, file = %self.index.path.display(), "the search index cannot be used: {cure}");
        }
        if !is_broken {
            return false;
        }
        let mut reader = lock(&self.index.reader);
        self.index.indexed.store(0, Ordering::Release);
        (*reader, self.db) = (None, None);
        for end in ["", "-wal", "-shm"] {
            let mut path = self.index.path.clone().into_os_string();
            path.push(end);
            let _missing = std::fs::remove_file(path);
        }
        drop(reader);
        // one that breaks again and again waits in between
        self.open_file().map(|db| self.db = Some(db)).is_ok() && is_first
    }
}

/// Nothing is lost with this file: where waiting does not help, it is not worth a look.
fn broken(e: rusqlite::Error) -> StoreError {
    use ErrorCode as E;
    match e.sqlite_error_code() {
        Some(
            E::DatabaseBusy
            | E::DatabaseLocked
            | E::DiskFull
            | E::SystemIoFailure
            | E::CannotOpen
            | E::ReadOnly
            | E::PermissionDenied
            | E::OutOfMemory,
        ) => StoreError::Unavailable(e.to_string()),
        _ => StoreError::Corrupt(e.to_string()),
    }
}

fn file(path: &Path) -> Result<Connection, StoreError> {
    let mut db = connect(path)?;
    let open = |db: &mut Connection| -> rusqlite::Result<i32> {
        // what a power cut takes is made again
        db.pragma_update(None, "synchronous", "NORMAL")?;
        // many short copies: a long one would hold up the disk for who waits for a commit
        db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        let tx = db.transaction()?;
        let mut version: i32 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == 0 {
            tx.execute_batch(TABLES)?;
            tx.pragma_update(None, "user_version", VERSION)?;
            version = VERSION;
        }
        tx.commit()?;
        Ok(version)
    };
    match open(&mut db).map_err(broken)? {
        VERSION => Ok(db),
        other => Err(StoreError::Corrupt(format!("version {other}"))),
    }
}

/// One transaction: events come in, others go.
fn write(db: &Connection, entering: &[Entering], gone: &[i64]) -> rusqlite::Result<()> {
    if entering.is_empty() && gone.is_empty() {
        return Ok(());
    }
    let tx = db.unchecked_transaction()?;
    for event in entering {
        tx.prepare_cached("INSERT INTO words (rowid, word) VALUES (?1, ?2)")?
            .execute(params![event.n, event.words])?;
    }
    for n in gone {
        tx.prepare_cached("DELETE FROM words WHERE rowid = ?1")?.execute([n])?;
    }
    if let Some(last) = entering.last() {
        tx.prepare_cached("UPDATE last SET n = ?1, event = ?2")?.execute(params![last.n, last.event])?;
    }
    tx.commit()
}
