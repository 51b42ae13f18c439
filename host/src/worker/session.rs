//! One run in one instance, as the guest sees it: questions go to the engine's
//! replay, and nothing is answered before what the answer rests on is durable.

use crate::clock;
use crate::runtime::{KvCall, KvReply, Level, Open, Reply, Steps, Stop};
use crate::store::{Claim, Commit, Store, StoreError, Then};
use crate::telemetry::one_line;
use async_trait::async_trait;
use pawl_engine::replay::{Answer, Refused, Replay, Settled, StepCall};
use pawl_engine::{Entry, Failure, FunctionId, Index, Outcome, Payload, Phase};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Keys in one answer of a listing.
const KV_PAGE: usize = 1_000;

/// Bytes of a key and of a value in a bucket.
const KV_KEY_BYTES: usize = 1_024;
const KV_VALUE_BYTES: usize = 1 << 20;

/// A run's pass, with what has to be written of it.
pub(super) struct Session {
    store: Arc<dyn Store>,
    claim: Claim,
    function: FunctionId,
    pub(super) replay: Replay,
    /// Decided, not yet durable: nobody was told anything that rests on them.
    pending: Vec<Entry>,
    /// How many entries are durable.
    written: u32,
}

impl Session {
    pub(super) fn new(
        store: Arc<dyn Store>,
        claim: Claim,
        function: FunctionId,
        (replay, first): (Replay, Option<Entry>),
    ) -> Self {
        let written = replay.run().seq - u32::from(first.is_some());
        Self { store, claim, function, replay, pending: first.into_iter().collect(), written }
    }

    /// Makes everything that was decided durable; the run stays claimed.
    async fn flush(&mut self) -> Result<(), Stop> {
        self.commit(Then::Keep).await
    }

    /// Makes everything durable and leaves the run as it now stands.
    async fn leave(&mut self) -> Result<(), Stop> {
        self.commit(Then::Release(Index::of(self.replay.run()))).await
    }

    async fn commit(&mut self, then: Then) -> Result<(), Stop> {
        let entries = std::mem::take(&mut self.pending);
        let written = self.written + u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let commit = Commit { expect: self.written, entries, then };
        match self.store.commit(&self.claim, commit).await {
            Ok(()) => {
                self.written = written;
                Ok(())
            }
            Err(StoreError::Fenced) => Err(Stop::Fenced),
            Err(e) => Err(Stop::Unrecorded(e.to_string())),
        }
    }

    async fn ask(&mut self, calls: &[StepCall]) -> Result<Reply, Stop> {
        let (answer, entries) = match self.replay.ask(calls, clock::now()) {
            Ok(decided) => decided,
            Err(refused @ (Refused::Diverged(..) | Refused::TooManySteps | Refused::Illegal(_))) => {
                return Err(Stop::Failed(refused.to_failure()));
            }
            Err(refused) => return Ok(Reply::Refused(refused.to_failure())),
        };
        // the time at which a sleep ends must not move when a sibling's code breaks
        let begins_sleep = entries.iter().any(|e| matches!(e, Entry::SleepStarted { .. }));
        self.pending.extend(entries);
        match answer {
            Answer::Recorded(place, result) => Ok(Reply::Recorded(place, result)),
            Answer::Execute(place, attempt) => {
                if begins_sleep {
                    self.flush().await?;
                }
                let open = Open {
                    idempotency_key: format!("{}:{}", self.claim.run, attempt.step),
                    step: attempt.step,
                    number: attempt.number,
                    max: attempt.max,
                    timeout: attempt.timeout,
                };
                Ok(Reply::Execute(place, open))
            }
            Answer::Park => {
                self.leave().await?;
                Err(Stop::Parked)
            }
        }
    }

    pub(super) async fn finish(&mut self, result: Result<Payload, Failure>) -> Result<Option<Failure>, Stop> {
        if let (Err(failure), Some(open)) = (&result, self.replay.open_attempt()) {
            let (run, function, step) = (&self.claim.run, &self.function, &open.step);
            let (attempt, of) = (open.number + 1, open.max);
            let message = one_line(&failure.message);
            tracing::warn!(%run, %function, %step, attempt, of, name = failure.name, "attempt failed: {message}");
        }
        let (settled, entries) =
            self.replay.finish(result, clock::now()).map_err(|r| Stop::Failed(r.to_failure()))?;
        self.pending.extend(entries);
        match settled {
            Settled::Completed => self.flush().await.map(|()| None),
            Settled::Failed(failure) => self.flush().await.map(|()| Some(failure)),
            Settled::Park => {
                self.leave().await?;
                Err(Stop::Parked)
            }
        }
    }

    /// The function ended: the run is over, or parked for another try.
    pub(super) async fn end(&mut self, result: Result<Payload, Failure>) -> Result<(), Stop> {
        let entries = self.replay.end(result, clock::now()).map_err(|r| Stop::Failed(r.to_failure()))?;
        self.pending.extend(entries);
        self.leave().await?;
        let (run, function, steps) = (&self.claim.run, &self.function, self.replay.run().steps.len());
        match &self.replay.run().phase {
            Phase::Finished(Outcome::Failed(f)) => {
                tracing::error!(%run, %function, steps, name = f.name, "run failed: {}", one_line(&f.message));
            }
            Phase::Finished(_) => tracing::info!(%run, %function, steps, "run completed"),
            Phase::Sleeping { until } => {
                tracing::warn!(%run, %function, tries = self.replay.run().tries, again_in = ?(*until - clock::now()).to_std(), "function failed outside of its steps");
            }
            Phase::Queued | Phase::Running => {}
        }
        Ok(())
    }

    fn log(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        if !self.replay.logs_anew() {
            return;
        }
        let (run, function) = (&self.claim.run, &self.function);
        let step = self.replay.open_attempt().map(|a| a.step.to_string());
        let step = step.as_deref().unwrap_or_default();
        let fields = fields.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
        let (fields, message) = (one_line(&fields), one_line(message));
        match level {
            Level::Trace => tracing::trace!(target: "guest", %run, %function, step, fields, "{message}"),
            Level::Debug => tracing::debug!(target: "guest", %run, %function, step, fields, "{message}"),
            Level::Info => tracing::info!(target: "guest", %run, %function, step, fields, "{message}"),
            Level::Warn => tracing::warn!(target: "guest", %run, %function, step, fields, "{message}"),
            Level::Error => tracing::error!(target: "guest", %run, %function, step, fields, "{message}"),
        }
    }

    async fn kv(&self, call: KvCall) -> Result<KvReply, String> {
        let bucket = self.function.as_str();
        let sorry = |e: StoreError| format!("the key-value store: {e}");
        match call {
            KvCall::Get(key) => self.store.kv_get(bucket, &key).await.map(KvReply::Value).map_err(sorry),
            KvCall::Set(key, _) if key.is_empty() || key.len() > KV_KEY_BYTES => {
                Err(format!("a key has 1 to {KV_KEY_BYTES} bytes, not {}", key.len()))
            }
            KvCall::Set(_, Some(value)) if value.len() > KV_VALUE_BYTES => {
                Err(format!("a value has at most {KV_VALUE_BYTES} bytes, not {}", value.len()))
            }
            KvCall::Set(key, value) => {
                self.store.kv_set(bucket, &key, value).await.map(|()| KvReply::Done).map_err(sorry)
            }
            KvCall::Keys(after) => {
                let mut keys = self.store.kv_keys(bucket, &after, KV_PAGE + 1).await.map_err(sorry)?;
                let more = keys.len() > KV_PAGE;
                keys.truncate(KV_PAGE);
                Ok(KvReply::Keys(keys, more))
            }
        }
    }
}

/// A session as the sandbox holds it. The lock is never waited for: the guest asks,
/// and when it is gone its keeper does.
pub(super) struct Handle(pub(super) Arc<Mutex<Session>>);

#[async_trait]
impl Steps for Handle {
    async fn ask(&mut self, calls: &[StepCall]) -> Result<Reply, Stop> {
        self.0.lock().await.ask(calls).await
    }

    async fn finish(&mut self, result: Result<Payload, Failure>) -> Result<Option<Failure>, Stop> {
        self.0.lock().await.finish(result).await
    }

    fn log(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        if let Ok(mut session) = self.0.try_lock() {
            session.log(level, message, fields);
        }
    }

    async fn kv(&mut self, call: KvCall) -> Result<KvReply, String> {
        self.0.lock().await.kv(call).await
    }
}
