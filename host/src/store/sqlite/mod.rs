//! The store on SQLite: one file, one host.
//!
//! WAL with `synchronous=FULL`: a commit is on the disk when it returns. All writes
//! go through `writer`; people's queries have connections of their own (`reads`).
//! A lock file keeps a second host out, which is what lets claims live in memory.

mod find;
mod prune;
mod reads;
mod records;
mod rows;
mod schema;
mod search;
mod txn;
mod writer;
mod writes;

use super::records::Depth;
use super::state::State;
use super::tx::Effects;
use super::*;
use super::{admit, apply};
use reads::Readers;
use rusqlite::{Connection, ErrorCode};
use search::Indexer;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;
use txn::{Durable, Txn};
use writer::{Writer, in_savepoint, in_transaction};

/// How long a write waits when another program (a backup, a shell) has the database.
const BUSY: Duration = Duration::from_secs(2);

/// Pages in the write-ahead log before they are copied back: 16 MB, so that the copy
/// happens seldom and stays short.
const CHECKPOINT_PAGES: u32 = 4_000;

/// Locked for as long as a host has the folder.
const LOCK_FILE: &str = "pawl.lock";

/// Each connection's own cache. The system's page cache is behind it, and five of
/// these are part of what the host weighs.
const CACHE_KB: i32 = 4_000;

/// Statements that each connection keeps prepared: all that there are.
const STATEMENTS: usize = 128;

/// A store in one SQLite file.
pub struct Sqlite {
    path: PathBuf,
    writer: Writer,
    readers: Readers,
    pulse: Pulse,
    /// How far forgetting has come.
    pruning: Mutex<prune::Progress>,
    /// Where runs stood a moment ago.
    depths: tokio::sync::Mutex<Option<(Timestamp, Vec<Depth>)>>,
    indexer: Indexer,
    /// Held for as long as the store lives.
    _lock: File,
}

/// Whether a living host has this data folder. One that keeps nothing there (a store in
/// memory) cannot be told from one.
pub fn is_in_use(folder: &Path) -> bool {
    match File::open(folder.join(LOCK_FILE)) {
        Ok(lock) => lock.try_lock_shared().is_err(),
        Err(_) => true,
    }
}

impl Sqlite {
    /// Opens the store in this folder, making what is missing.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let io = |e: std::io::Error| StoreError::Unavailable(format!("{}: {e}", folder.display()));
        std::fs::create_dir_all(folder).map_err(io)?;
        let lock = File::create(folder.join(LOCK_FILE)).map_err(io)?;
        lock.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => StoreError::Unavailable(format!(
                "another pawl uses the data folder {}: stop it, or name another with --data",
                folder.display()
            )),
            TryLockError::Error(e) => io(e),
        })?;
        let path = folder.join("pawl.db");
        let mut db = connect(&path)?;
        schema::migrate(&mut db)?;
        let pulse = Pulse::default();
        let writer = Writer::start(db, pulse.clone())?;
        let readers = Readers::open(&path)?;
        let indexer = Indexer::start(&path)?;
        Ok(Self {
            path,
            writer,
            readers,
            pulse,
            indexer,
            pruning: Mutex::default(),
            depths: tokio::sync::Mutex::default(),
            _lock: lock,
        })
    }

    /// The runs that could be read. An unreadable one must not keep the others waiting:
    /// it is left, and not looked at again before a restart.
    async fn usable(&self, loaded: Vec<Loaded>) -> Vec<Claimed> {
        let mut usable = Vec::with_capacity(loaded.len());
        for run in loaded {
            match run {
                Ok(run) => usable.push(run),
                Err((claim, e @ (StoreError::Corrupt(_) | StoreError::NotFound))) => {
                    tracing::error!(run = %claim.run, error = %e, "a run cannot be read: skipped until a restart");
                    let end = move |_: &Connection, state: &mut State| {
                        state.end(&claim);
                        Ok(())
                    };
                    let _writer_has_ended = self.writer.between(end).await;
                }
                Err((claim, e)) => {
                    tracing::error!(run = %claim.run, error = %e, "a run cannot be read now");
                    self.release(&claim).await;
                }
            }
        }
        usable
    }

    /// What belongs to claimed runs. Where nothing at all can be read, the claims are
    /// given back.
    async fn load(&self, claims: Vec<Claim>) -> Result<Vec<Loaded>, StoreError> {
        let taken = claims.clone();
        let load = |db: &Connection, claim: Claim| reads::claimed(db, claim.clone()).map_err(|e| (claim, e));
        let loaded = self.readers.read(move |db| Ok(claims.into_iter().map(|c| load(db, c)).collect())).await;
        if loaded.is_err() {
            for claim in taken {
                self.release(&claim).await;
            }
        }
        loaded
    }

    /// Bytes of the database's files.
    fn files(&self) -> u64 {
        let size = |end: &str| {
            let mut path = self.path.clone().into_os_string();
            path.push(end);
            std::fs::metadata(path).map_or(0, |file| file.len())
        };
        ["", "-wal", "-shm"].map(size).into_iter().sum()
    }

    async fn held(&self) -> Result<Vec<RunId>, StoreError> {
        self.writer.between(|_, state| Ok(state.claims.runs().cloned().collect())).await
    }
}

/// A claimed run, or the claim whose run cannot be read.
type Loaded = Result<Claimed, (Claim, StoreError)>;

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let set = || -> rusqlite::Result<Connection> {
        let db = Connection::open(path)?;
        db.busy_timeout(BUSY)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        db.pragma_update(None, "cache_size", -CACHE_KB)?;
        db.pragma_update(None, "temp_store", "MEMORY")?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(db)
    };
    set().map_err(error)
}

/// An error of SQLite by what the caller can do about it.
fn error(e: rusqlite::Error) -> StoreError {
    match e.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => StoreError::Conflict,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch) => {
            StoreError::Corrupt(e.to_string())
        }
        Some(_) => StoreError::Unavailable(e.to_string()),
        None => StoreError::Corrupt(e.to_string()),
    }
}

/// What people see of a run that is claimed: it runs, though its start may not be
/// written yet.
fn overlay(mut run: RunRow, is_held: bool) -> RunRow {
    if is_held && !run.index.status.is_final() {
        run.index.status = Status::Running;
        run.index.wake_at = None;
    }
    run
}

#[async_trait]
impl Store for Sqlite {
    fn records(&self) -> &dyn Records {
        self
    }

    fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    fn waiting(&self) -> usize {
        self.writer.waiting()
    }

    async fn find_runs(&self, query: RunQuery) -> Result<Page<RunRow>, StoreError> {
        let index = self.indexer.index();
        let is_long = query.text.is_some() || query.event_name.is_some();
        let _turn = if is_long { Some(index.turn().await?) } else { None };
        let (held, index) = (self.held().await?, index.clone());
        self.readers.read(move |db| find::runs(db, &index, &query, &held)).await
    }

    async fn find_events(&self, query: EventQuery) -> Result<Page<Event>, StoreError> {
        let index = self.indexer.index();
        let _turn = if query.text.is_some() { Some(index.turn().await?) } else { None };
        let index = index.clone();
        self.readers.read(move |db| find::events(db, &index, &query)).await
    }

    async fn accept(&self, accepts: Vec<Accept>) -> Result<Vec<Accepted>, StoreError> {
        let work = move |db: &Connection, state: &State| {
            let mut fx = Effects::default();
            let accepted = in_savepoint(db, |db| {
                let mut tx = Txn { db, state };
                accepts
                    .iter()
                    .map(|accept| admit::accept(&mut tx, &mut fx, accept))
                    .collect::<Result<Vec<_>, _>>()
            })?;
            state.count(&fx.facts);
            Ok((accepted, fx))
        };
        self.writer.write_one(work, |(_, fx), state| state.absorb(fx)).await.map(|(accepted, _)| accepted)
    }

    async fn start(&self, events: &[EventId], run: NewRun) -> Result<(), StoreError> {
        let events = events.to_vec();
        let work = move |db: &Connection, state: &State| {
            let mut fx = Effects::default();
            in_savepoint(db, |db| admit::start(&mut Txn { db, state }, &mut fx, &events, &run))?;
            state.count(&fx.facts);
            Ok(fx)
        };
        self.writer.write_one(work, |fx, state| state.absorb(fx)).await.map(|_| ())
    }

    async fn claim(&self, ask: Ask) -> Result<Vec<Claimed>, StoreError> {
        let claims = self.writer.between(move |db, state| claim(db, state, &ask)).await?;
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        let loaded = self.load(claims).await?;
        Ok(self.usable(loaded).await)
    }

    async fn widen(&self, claim: &Claim, wanted: u32) -> u32 {
        let claim = claim.clone();
        self.writer.between(move |_, state| Ok(state.widen(&claim, wanted))).await.unwrap_or(0)
    }

    async fn narrow(&self, claim: &Claim, units: u32) {
        let claim = claim.clone();
        let narrow = move |_: &Connection, state: &mut State| {
            state.narrow(&claim, units);
            Ok(())
        };
        let _writer_has_ended = self.writer.between(narrow).await;
    }

    async fn seize(&self, run: &RunId) -> Result<Option<Claimed>, StoreError> {
        let run = run.clone();
        let seize = move |db: &Connection, state: &mut State| {
            let (row, _) = reads::columns(db, &run)?;
            if row.index.status.is_final() {
                return Ok(None);
            }
            let place = rows::first(db, txn::PLACE, [run.as_str()], txn::place)?;
            Ok(Some(state.seize(&run, &row.function, place.as_ref())))
        };
        let Some(claim) = self.writer.between(seize).await? else { return Ok(None) };
        match self.load(vec![claim]).await?.pop() {
            Some(Ok(claimed)) => Ok(Some(claimed)),
            Some(Err((claim, e))) => {
                self.release(&claim).await;
                Err(e)
            }
            None => Ok(None),
        }
    }

    async fn commit(&self, claim: &Claim, commit: Commit) -> Result<(), StoreError> {
        let (held, then) = (claim.clone(), commit.then);
        let claim = claim.clone();
        let work = move |db: &Connection, state: &State| {
            if !state.claims.holds(&claim) {
                return Err(StoreError::Fenced);
            }
            let mut fx = Effects::default();
            let mut go =
                |db: &Connection| apply::commit(&mut Txn { db, state }, &mut fx, &claim.run, &commit);
            // one statement undoes itself; several need a savepoint around them
            if apply::is_one_entry(&commit) && state.claims.is_settled(&claim.run) {
                go(db)?;
            } else {
                in_savepoint(db, go)?;
            }
            state.count(&fx.facts);
            Ok(fx)
        };
        let after = move |fx: &mut Effects, state: &mut State| {
            if matches!(then, Then::Release(_)) {
                state.end(&held);
            }
            state.absorb(fx);
        };
        self.writer.write_one(work, after).await.map(|_| ())
    }

    async fn release(&self, claim: &Claim) {
        let claim = claim.clone();
        let release = move |db: &Connection, state: &mut State| {
            state.end(&claim);
            match rows::first(db, txn::PLACE, [claim.run.as_str()], txn::place) {
                Ok(place) => place.iter().for_each(|place| state.see(place)),
                // wherever it stands: the queue is walked from its beginning again
                Err(e) => {
                    state.forget_queue();
                    return Err(e);
                }
            }
            Ok(())
        };
        if let Err(e) = self.writer.between(release).await {
            tracing::error!(error = %e, "the place of a run in the queue could not be read");
        }
    }

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.writer.between(move |db, state| reads::next_due(db, state, now)).await
    }

    async fn pause(&self, function: &FunctionId, at: Timestamp) -> Result<bool, StoreError> {
        let (function, paused) = (function.clone(), function.clone());
        let work = move |db: &Connection, _: &State| writes::pause(db, &function, at);
        self.writer.write(work, move |_, state| state.pause(&paused)).await
    }

    async fn resume(&self, function: &FunctionId) -> Result<bool, StoreError> {
        let (function, resumed) = (function.clone(), function.clone());
        let work = move |db: &Connection, _: &State| writes::resume(db, &function);
        self.writer.write(work, move |_, state| state.resume(&resumed)).await
    }

    async fn paused(&self) -> Result<Vec<(FunctionId, Timestamp)>, StoreError> {
        self.readers.read(reads::paused).await
    }

    async fn deploy(&self, deploy: Deploy) -> Result<(), StoreError> {
        self.writer.write(move |db, _| writes::deploy(db, &deploy), |(), _| ()).await
    }

    async fn withdraw(&self, source: &str) -> Result<(), StoreError> {
        let source = source.to_owned();
        self.writer.write(move |db, _| writes::withdraw(db, &source), |(), _| ()).await
    }

    async fn deployments(&self) -> Result<(Vec<Deployment>, Vec<Source>), StoreError> {
        self.readers.read(reads::deployments).await
    }

    async fn artifact(&self, id: &DeploymentId) -> Result<Vec<u8>, StoreError> {
        let id = id.clone();
        self.readers.read(move |db| reads::artifact(db, &id)).await
    }

    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, StoreError> {
        let held = self.held().await?;
        self.readers
            .read(move |db| {
                let found = reads::runs(db, &filter, &held)?;
                let shown = found.into_iter().map(|run| {
                    let is_held = held.contains(&run.id);
                    overlay(run, is_held)
                });
                Ok(shown.filter(|run| filter.status.is_none_or(|s| s == run.index.status)).collect())
            })
            .await
    }

    async fn run(&self, id: &RunId) -> Result<RunRow, StoreError> {
        let run = id.clone();
        let is_held = self.writer.between(move |_, state| Ok(state.claims.is_held(&run))).await?;
        let run = id.clone();
        self.readers.read(move |db| reads::run(db, &run).map(|run| overlay(run, is_held))).await
    }

    async fn events(&self, filter: EventFilter) -> Result<Vec<Event>, StoreError> {
        self.readers.read(move |db| reads::events(db, &filter)).await
    }

    async fn event(&self, id: &str) -> Result<Event, StoreError> {
        let id = id.to_owned();
        self.readers.read(move |db| reads::event(db, &id)).await
    }

    fn may_hear(&self, name: &str) -> bool {
        self.writer.watched.may_hear(name)
    }

    async fn unread(&self, run: &RunId) -> Result<Vec<Mail>, StoreError> {
        let run = run.clone();
        // after all that is on its way to the disk: whoever sent it may have been answered when this is
        self.writer.between(move |db, _| rows::mail(db, &run)).await
    }

    async fn skips(&self, event: &EventId) -> Result<Vec<Skip>, StoreError> {
        let event = event.clone();
        self.readers.read(move |db| reads::skips(db, &event)).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.writer.write(|db, _| writes::kv_set(db, "pawl:ready", "ready", Some(b"1")), |(), _| ()).await
    }

    async fn kv_get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.readers.read(move |db| reads::kv_get(db, &bucket, &key)).await
    }

    async fn kv_set(&self, bucket: &str, key: &str, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let work = move |db: &Connection, _: &State| writes::kv_set(db, &bucket, &key, value.as_deref());
        self.writer.write(work, |(), _| ()).await
    }

    async fn kv_keys(&self, bucket: &str, after: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let (bucket, after) = (bucket.to_owned(), after.to_owned());
        self.readers.read(move |db| reads::kv_keys(db, &bucket, &after, limit)).await
    }
}

/// Rings, and then claims. Both make durable what they decide before anybody hears of it.
fn claim(db: &Connection, state: &mut State, ask: &Ask) -> Result<Vec<Claim>, StoreError> {
    if state.is_alarm_due(ask.now)
        && let Err(e) = ring(db, state, ask.now)
    {
        // they ring with the next claim; others need not wait for that
        tracing::error!(error = %e, "runs whose time is up could not be cancelled");
    }
    let keep = |rates: &std::collections::BTreeMap<String, Timestamp>| {
        in_transaction(db, |db| {
            rates.iter().try_for_each(|(key, memory)| txn::set_rate(db, key, *memory, ask.now))
        })
    };
    state.claim(&Durable(db), ask, keep)
}

fn ring(db: &Connection, state: &mut State, now: Timestamp) -> Result<(), StoreError> {
    loop {
        let mut fx = Effects::default();
        let is_done = in_transaction(db, |db| apply::ring(&mut Txn { db, state }, &mut fx, now))?;
        state.absorb(&mut fx);
        if is_done {
            state.set_alarm(reads::first_alarm(db)?);
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
