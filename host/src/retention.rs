//! Forgetting: what is older than people want to keep goes, a small batch at a time, and
//! with rests between them that leave the store to those who have events to bring.

use crate::clock;
use crate::config::Keep;
use crate::store::records::{Pruned, Retention};
use crate::store::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// After a batch there is a rest of so many times as long: a fifth of the store's time at most.
const REST: u32 = 4;

/// The shortest rest between batches.
const LEAST_REST: Duration = Duration::from_millis(20);

/// Between rounds.
const ROUNDS: Duration = Duration::from_secs(600);

/// The same where the size is near its limit, or the store took nothing.
const SOON: Duration = Duration::from_secs(60);

/// The part of its size from which a store is near its limit, in percent.
const NEAR: u64 = 90;

/// What forgets.
pub struct Forgetting {
    store: Arc<dyn Store>,
    keep: Retention,
}

impl Forgetting {
    /// Keeps so much in this store.
    pub fn new(store: Arc<dyn Store>, keep: Keep) -> Self {
        tracing::info!("kept: {keep}");
        let keep = Retention { runs: keep.runs, events: keep.events, lines: keep.logs, bytes: keep.size };
        Self { store, keep }
    }

    /// Forgets until the end.
    pub async fn run(self, end: CancellationToken) {
        while !end.is_cancelled() {
            let rest = match self.round(&end).await {
                Ok(is_near) => {
                    if is_near {
                        SOON
                    } else {
                        ROUNDS
                    }
                }
                Err(e) => {
                    tracing::error!(error = %e, "what is old cannot be forgotten: trying again");
                    SOON
                }
            };
            tokio::select! {
                () = end.cancelled() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    /// Forgets until nothing is too old; whether the size is near its limit after that.
    async fn round(&self, end: &CancellationToken) -> Result<bool, StoreError> {
        let mut sum = Pruned::default();
        while !end.is_cancelled() {
            let begun = clock::instant();
            let batch = self.store.records().prune(self.keep, clock::now()).await?;
            sum.runs += batch.runs;
            sum.events += batch.events;
            sum.lines += batch.lines;
            sum.others += batch.others;
            if batch.is_done {
                break;
            }
            let rest = (begun.elapsed() * REST).max(LEAST_REST);
            tokio::select! {
                () = end.cancelled() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
        let Pruned { runs, events, lines, others, .. } = sum;
        if runs + events + lines + others > 0 {
            tracing::info!(runs, events, lines, others, "forgotten");
        }
        let Some(limit) = self.keep.bytes else { return Ok(false) };
        Ok(self.store.records().size().await?.used >= limit / 100 * NEAR)
    }
}
