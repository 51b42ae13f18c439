//! The one writer: a thread that makes many writes durable with one fsync.
//!
//! While a commit waits for the disk, the next writes queue up; they become the
//! next transaction. Nobody is answered before the commit that holds their write.
//! Claims are answered between transactions, so that they only see what is durable.

use super::error;
use crate::pulse::Pulse;
use crate::store::StoreError;
use crate::store::state::{State, Watched};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

/// Writes that wait. Full: callers wait, and so push back on their senders.
const QUEUE: usize = 4_096;

/// Writes in one transaction: bounds the time that the first of them waits.
const BATCH: usize = 512;

/// What is to be said when the transaction's fate is known.
type Reply = Box<dyn FnOnce(Result<(), StoreError>, &mut State) + Send>;

/// A write: given the transaction, or why there is none.
type Write = Box<dyn FnOnce(Result<&Connection, StoreError>, &State) -> Reply + Send>;

/// Work between transactions.
type Between = Box<dyn FnOnce(&Connection, &mut State) + Send>;

enum Job {
    /// Part of a transaction.
    Write(Write),
    /// Between transactions.
    Between(Between),
}

/// A handle to the writer thread; the thread ends with the last handle.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    /// What somebody may watch for.
    pub(super) watched: Watched,
}

impl Writer {
    /// Starts the thread on this connection; what becomes durable is told to `pulse`.
    pub(super) fn start(db: Connection, pulse: Pulse) -> Result<Self, StoreError> {
        let state = super::reads::state(&db, pulse.clone())?;
        let watched = state.watched();
        let (jobs, waiting) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("pawl-writer".into())
            .spawn(move || write_all(&db, &pulse, state, waiting))
            .map_err(|e| StoreError::Unavailable(e.to_string()))?;
        Ok(Self { jobs, watched })
    }

    /// Does `work` in the next transaction; `after` runs when that is durable, and
    /// before the caller hears of it. An error undoes this work alone.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &State) -> Result<T, StoreError> + Send + 'static,
        after: impl FnOnce(&mut T, &mut State) + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_one(|db, state| in_savepoint(db, |db| work(db, state)), after).await
    }

    /// The same for work that undoes itself: a single statement does.
    pub(super) async fn write_one<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &State) -> Result<T, StoreError> + Send + 'static,
        after: impl FnOnce(&mut T, &mut State) + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let job = Job::Write(Box::new(move |db, state| {
            let done = db.and_then(|db| work(still_open(db)?, state));
            Box::new(move |fate, state: &mut State| {
                let mut result = fate.and(done);
                if let Ok(value) = &mut result {
                    after(value, state);
                }
                let _gone = tell.send(result);
            })
        }));
        self.submit(job, told).await
    }

    /// Writes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// Does `work` between transactions: it sees what is durable and may change what
    /// is held in memory.
    pub(super) async fn between<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &mut State) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let job = Job::Between(Box::new(move |db, state| {
            let _gone = tell.send(work(db, state));
        }));
        self.submit(job, told).await
    }

    async fn submit<T>(
        &self,
        job: Job,
        told: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let ended = |_| StoreError::Unavailable("the writer has ended".into());
        self.jobs.send(job).await.map_err(|_| ended(()))?;
        told.await.map_err(|_| ended(()))?
    }
}

fn write_all(db: &Connection, pulse: &Pulse, mut state: State, mut waiting: mpsc::Receiver<Job>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut writes = Vec::new();
        let mut between = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Write(work) => writes.push(work),
                Job::Between(work) => between.push(work),
            }
            next = if writes.len() < BATCH { waiting.try_recv().ok() } else { None };
        }
        if !writes.is_empty() {
            commit_together(db, pulse, &mut state, writes);
        }
        between.into_iter().for_each(|work| work(db, &mut state));
    }
}

fn commit_together(db: &Connection, pulse: &Pulse, state: &mut State, writes: Vec<Write>) {
    let (committing, all) = (pulse.commits(), writes.len());
    let begun = run(db, "BEGIN IMMEDIATE");
    let in_transaction = |work: Write| work(begun.clone().map(|()| db), state);
    let replies: Vec<Reply> = writes.into_iter().map(in_transaction).collect();
    let counts = state.take_counts();
    let counted = begun.and_then(|()| super::records::add_counts(still_open(db)?, &counts));
    let fate = counted.and_then(|()| run(db, "COMMIT"));
    if fate.is_ok() {
        committing.is_done(all);
    }
    if fate.is_err() && !db.is_autocommit() {
        // it failed and left the transaction open: nothing of it may stay
        let _undone = run(db, "ROLLBACK");
    }
    replies.into_iter().for_each(|reply| reply(fate.clone(), state));
}

fn run(db: &Connection, sql: &str) -> Result<(), StoreError> {
    db.prepare_cached(sql).and_then(|mut s| s.execute([])).map(|_| ()).map_err(error)
}

/// A full disk ends the whole transaction: what came now would be one of its own.
fn still_open(db: &Connection) -> Result<&Connection, StoreError> {
    let undone = || StoreError::Unavailable("the transaction was undone".into());
    (!db.is_autocommit()).then_some(db).ok_or_else(undone)
}

/// A transaction of its own, for work between the others.
pub(super) fn in_transaction<T>(
    db: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    run(db, "BEGIN IMMEDIATE")?;
    let done = work(db).and_then(|done| run(db, "COMMIT").map(|()| done));
    if done.is_err() && !db.is_autocommit() {
        let _undone = run(db, "ROLLBACK");
    }
    done
}

/// Work that leaves nothing behind when it fails.
pub(super) fn in_savepoint<T>(
    db: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    run(db, "SAVEPOINT work")?;
    let done = work(db);
    if done.is_err() {
        run(db, "ROLLBACK TO work")?;
    }
    run(db, "RELEASE work")?;
    done
}
