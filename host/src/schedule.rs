//! Functions that start by the clock.
//!
//! A tick is an event like any other, known by its function, schedule and time: given twice,
//! it starts one run. Which tick was the last is kept, so that a host that was down at the
//! time makes up for it: for the latest tick only, and for none that is older than a day.

use crate::catalog::Catalog;
use crate::clock;
use crate::intake::Intake;
use crate::store::{Store, StoreError};
use pawl_engine::cron::Schedule;
use pawl_engine::manifest::Trigger;
use pawl_engine::{FunctionId, Span, Timestamp, retry};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Where the last ticks are kept.
const BUCKET: &str = "pawl:cron";

/// How long the clock is left alone at most: it may be set, and the machine sleep.
const LONGEST_REST: Span = Span::from_secs(30);

/// How old a missed tick is made up for.
const MADE_UP_FOR: Span = Span::from_days(1);

/// How long the clock rests when the store takes nothing.
const STORE_REST: Duration = Duration::from_millis(500);

fn key(function: &FunctionId, schedule: &Schedule) -> String {
    format!("{function} {}", schedule.source())
}

/// What gives functions their ticks.
pub struct Clockwork {
    store: Arc<dyn Store>,
    catalog: Arc<Catalog>,
    intake: Intake,
    /// The last tick of each schedule, or since when it is known.
    last: HashMap<String, Timestamp>,
}

impl Clockwork {
    /// For these functions.
    pub fn new(store: Arc<dyn Store>, catalog: Arc<Catalog>, intake: Intake) -> Self {
        Self { store, catalog, intake, last: HashMap::new() }
    }

    /// Gives ticks until the end.
    pub async fn run(mut self, end: CancellationToken) {
        while !end.is_cancelled() {
            let rest = match self.tick_all().await {
                Ok(next) => (next - clock::now()).to_std(),
                Err(e) => {
                    tracing::error!(error = %e, "schedules cannot be followed: trying again");
                    STORE_REST
                }
            };
            tokio::select! {
                () = end.cancelled() => {}
                () = self.catalog.changed() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    /// Gives the ticks that are due; when the next one is.
    async fn tick_all(&mut self) -> Result<Timestamp, StoreError> {
        let now = clock::now();
        let mut next = now + LONGEST_REST;
        self.forget_gone().await?;
        for offer in self.catalog.snapshot().functions.values() {
            for trigger in &offer.manifest.triggers {
                let Trigger::Cron { schedule, jitter } = trigger else { continue };
                self.tick(&offer.manifest.id, schedule, *jitter, now).await?;
                next = schedule.next_after(now).map_or(next, |at| at.min(next));
            }
        }
        Ok(next)
    }

    /// A schedule that is not offered any more counts from its return, if it returns.
    async fn forget_gone(&mut self) -> Result<(), StoreError> {
        let snapshot = self.catalog.snapshot();
        let offered = snapshot.functions.values().flat_map(|o| {
            o.manifest.triggers.iter().filter_map(|trigger| match trigger {
                Trigger::Cron { schedule, .. } => Some(key(&o.manifest.id, schedule)),
                Trigger::Event { .. } => None,
            })
        });
        let offered: HashSet<_> = offered.collect();
        let gone: Vec<_> = self.last.keys().filter(|key| !offered.contains(*key)).cloned().collect();
        for key in gone {
            self.store.kv_set(BUCKET, &key, None).await?;
            self.last.remove(&key);
        }
        Ok(())
    }

    async fn tick(
        &mut self,
        function: &FunctionId,
        schedule: &Schedule,
        jitter: Span,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = key(function, schedule);
        let oldest = Timestamp::from_millis(now.as_millis() - MADE_UP_FOR.as_millis() as i64);
        let since = self.last(&key, now).await?.max(oldest);
        let Some(tick) = schedule.last_at(now, since) else { return Ok(()) };
        let seed = retry::seed(&[&key], u32::try_from(tick.as_millis() / 1_000 % (1 << 31)).unwrap_or(0));
        let delay = Span::from_millis(seed.checked_rem(jitter.as_millis()).unwrap_or(0));
        self.intake.tick(function, schedule.source(), tick, delay).await?;
        tracing::info!(%function, schedule = schedule.source(), "scheduled");
        self.remember(key, tick).await
    }

    /// The schedule's last tick. One that was not known before counts from now on.
    async fn last(&mut self, key: &str, now: Timestamp) -> Result<Timestamp, StoreError> {
        if let Some(last) = self.last.get(key) {
            return Ok(*last);
        }
        let kept = self.store.kv_get(BUCKET, key).await?;
        let kept = kept.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| text.parse().ok());
        let last = match kept.map(Timestamp::from_millis) {
            // a clock that was ahead must not stop the schedule until that time
            Some(last) if last <= now => last,
            _ => {
                self.remember(key.to_owned(), now).await?;
                now
            }
        };
        self.last.insert(key.to_owned(), last);
        Ok(last)
    }

    async fn remember(&mut self, key: String, tick: Timestamp) -> Result<(), StoreError> {
        self.store.kv_set(BUCKET, &key, Some(tick.as_millis().to_string().into_bytes())).await?;
        self.last.insert(key, tick);
        Ok(())
    }
}
