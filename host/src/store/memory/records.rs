//! What is kept for people, in maps.

use super::Memory;
use super::tables::Tables;
use crate::store::StoreError;
use crate::store::counts::{cut, grains};
use crate::store::records::*;
use async_trait::async_trait;
use pawl_engine::flow::Lane;
use pawl_engine::{FunctionId, Line, RunId, Span, Timestamp, limits};
use std::collections::{BTreeMap, BTreeSet};

/// The next number of a map.
fn next<V>(map: &BTreeMap<u64, V>) -> u64 {
    map.last_key_value().map_or(1, |(n, _)| n + 1)
}

/// Whether it has been kept long enough.
fn is_old(at: Timestamp, now: Timestamp, kept: Option<Span>) -> bool {
    kept.is_some_and(|kept| now - at > kept)
}

impl Tables {
    /// All at once: the model is small.
    fn prune(&mut self, keep: Retention, now: Timestamp) -> Pruned {
        let mut pruned = Pruned { is_done: true, ..Pruned::default() };
        let over = self.runs.iter().filter(|(_, run)| run.status.is_final());
        let old: Vec<RunId> = over
            .filter(|(_, run)| run.ended_at.is_some_and(|at| is_old(at, now, keep.runs)))
            .map(|(id, _)| id.clone())
            .collect();
        for id in old {
            self.runs.remove(&id);
            self.journal.retain(|(run, _), _| *run != id);
            self.lines.retain(|(run, _), _| *run != id);
            self.batches.retain(|(run, _), _| *run != id);
            pruned.runs += 1;
        }
        let had: BTreeSet<_> =
            self.runs.values().map(|run| &run.event).chain(self.batches.values()).cloned().collect();
        let newest = self.events.values().map(|event| event.received_at).max();
        let old =
            self.events.values().filter(|e| is_old(e.received_at, now, keep.events) && !had.contains(&e.id));
        let old: Vec<_> = old.filter(|e| Some(e.received_at) != newest).map(|e| e.id.clone()).collect();
        for id in old {
            self.events.remove(&id);
            self.skips.retain(|(event, _), _| *event != id);
            pruned.events += 1;
        }
        let lines = self.lines.len();
        let runs = &self.runs;
        self.lines.retain(|(run, _), _| {
            !runs.get(run).is_some_and(|run| run.ended_at.is_some_and(|at| is_old(at, now, keep.lines)))
        });
        pruned.lines = (lines - self.lines.len()) as u64;
        self.senders.retain(|_, (_, at)| now - *at <= limits::SENDER_ID_KEPT);
        pruned
    }
}

#[async_trait]
impl Records for Memory {
    async fn lines(
        &self,
        run: &RunId,
        after: Option<u32>,
        limit: usize,
    ) -> Result<Vec<(u32, Line)>, StoreError> {
        let inner = self.inner();
        let of = inner.tables.lines.range((run.clone(), 0)..=(run.clone(), u32::MAX));
        let of = of.map(|((_, n), line)| (*n, line.clone()));
        Ok(of.filter(|(n, _)| after.is_none_or(|after| *n > after)).take(limit).collect())
    }

    async fn run_counts(
        &self,
        period: Period,
        function: Option<&FunctionId>,
        by: By,
    ) -> Result<Vec<RunCount>, StoreError> {
        Ok(self.inner().tables.counts.runs_of(&period, function, by))
    }

    async fn event_counts(&self, period: Period) -> Result<Vec<EventCount>, StoreError> {
        Ok(self.inner().tables.counts.events_of(&period))
    }

    async fn depths(&self, now: Timestamp) -> Result<Vec<Depth>, StoreError> {
        let inner = self.inner();
        let mut found = BTreeMap::<FunctionId, Depth>::new();
        let held = inner.state.held_by_function();
        for (run, place) in &inner.tables.queue {
            let Ok(Lane { function, .. }) = Lane::from_json(&place.lane) else { continue };
            let function = held.get(run).cloned().unwrap_or(function);
            let depth = found.entry(function.clone()).or_insert(Depth {
                function,
                ready: 0,
                oldest: None,
                running: 0,
                later: 0,
            });
            if held.contains_key(run) {
                depth.running += 1;
            } else if place.ready_at <= now.as_millis() {
                depth.ready += 1;
                let ready_at = Timestamp::from_millis(place.ready_at);
                depth.oldest = depth.oldest.into_iter().chain([ready_at]).min();
            } else if place.ready_at < i64::MAX {
                depth.later += 1;
            }
        }
        Ok(found.into_values().filter(|depth| depth.function.as_str() != "!").collect())
    }

    async fn keep_depths(&self, at: Timestamp, depths: Vec<Depth>) -> Result<(), StoreError> {
        let [(_, minute), _] = grains(at);
        let minute = Timestamp::from_millis(minute);
        let mut inner = self.inner();
        for depth in depths.into_iter().filter(|depth| depth.ready > 0) {
            let age = depth.oldest.map_or(Span::ZERO, |oldest| at - oldest);
            let point =
                BacklogPoint { at: minute, function: depth.function.clone(), ready: depth.ready, age };
            let kept = inner.tables.backlog.entry((minute, depth.function)).or_insert(point);
            (kept.ready, kept.age) = (kept.ready.max(depth.ready), kept.age.max(age));
        }
        Ok(())
    }

    async fn backlog(
        &self,
        period: Period,
        function: Option<&FunctionId>,
    ) -> Result<Vec<BacklogPoint>, StoreError> {
        let (_, from, until, every) = cut(&period);
        let mut found = BTreeMap::new();
        for point in self.inner().tables.backlog.values() {
            let at = point.at.as_millis();
            if (from..until).contains(&at) && function.is_none_or(|f| *f == point.function) {
                let at = Timestamp::from_millis(at - at.rem_euclid(every));
                let deepest =
                    found.entry((at, point.function.clone())).or_insert(BacklogPoint { at, ..point.clone() });
                (deepest.ready, deepest.age) = (deepest.ready.max(point.ready), deepest.age.max(point.age));
            }
        }
        Ok(found.into_values().collect())
    }

    async fn gates(&self, function: &FunctionId) -> Result<Vec<GateState>, StoreError> {
        Ok(self.inner().state.gates(function))
    }

    async fn keep_deliveries(&self, deliveries: Vec<Delivery>) -> Result<(), StoreError> {
        let mut inner = self.inner();
        for delivery in deliveries {
            let n = next(&inner.tables.deliveries);
            inner.tables.deliveries.insert(n, Delivery { n, ..delivery });
        }
        Ok(())
    }

    async fn deliveries(&self, filter: DeliveryFilter) -> Result<Vec<Delivery>, StoreError> {
        let inner = self.inner();
        let wanted = |d: &&Delivery| {
            filter.answered.is_none_or(|a| a == d.answered)
                && filter.provider.as_ref().is_none_or(|p| *p == d.provider)
                && filter.before.is_none_or(|before| d.n < before)
        };
        Ok(inner.tables.deliveries.values().rev().filter(wanted).take(filter.limit).cloned().collect())
    }

    async fn delivery_counts(&self, period: Period) -> Result<Vec<DeliveryCount>, StoreError> {
        let (_, from, until, every) = cut(&period);
        let mut found = BTreeMap::<_, u64>::new();
        for delivery in self.inner().tables.deliveries.values() {
            let at = delivery.at.as_millis();
            if (from..until).contains(&at) {
                let key = (at - at.rem_euclid(every), delivery.provider.clone(), delivery.answered);
                *found.entry(key).or_default() += 1;
            }
        }
        let count = |((at, provider, answered), n)| DeliveryCount {
            at: Timestamp::from_millis(at),
            provider,
            answered,
            n,
        };
        Ok(found.into_iter().map(count).collect())
    }

    async fn keep_audit(&self, audit: Audit) -> Result<(), StoreError> {
        let mut inner = self.inner();
        let n = next(&inner.tables.audits);
        inner.tables.audits.insert(n, Audit { n, ..audit });
        Ok(())
    }

    async fn audits(&self, before: Option<u64>, limit: usize) -> Result<Vec<Audit>, StoreError> {
        let inner = self.inner();
        let older = inner.tables.audits.range(..before.unwrap_or(u64::MAX));
        Ok(older.rev().map(|(_, audit)| audit.clone()).take(limit).collect())
    }

    async fn keep_alert(&self, record: AlertRecord) -> Result<(), StoreError> {
        let mut inner = self.inner();
        let n = next(&inner.tables.alert_records);
        inner.tables.alert_records.insert(n, AlertRecord { n, ..record });
        Ok(())
    }

    async fn alert_records(&self, before: Option<u64>, limit: usize) -> Result<Vec<AlertRecord>, StoreError> {
        let inner = self.inner();
        let older = inner.tables.alert_records.range(..before.unwrap_or(u64::MAX));
        Ok(older.rev().map(|(_, record)| record.clone()).take(limit).collect())
    }

    async fn prune(&self, keep: Retention, now: Timestamp) -> Result<Pruned, StoreError> {
        Ok(self.inner().tables.prune(keep, now))
    }

    async fn size(&self) -> Result<Size, StoreError> {
        Ok(Size::default())
    }
}
