//! Alerts: rules of `pawl.toml` looked at again and again, and people told of what they
//! come to.
//!
//! What is told is decided in [`pawl_engine::alert`]. One write makes a turn true: the alert's
//! new state with the turn in it. From there everything is done again after a crash, under
//! the same ids: the record, the notifications in their outbox, the event. So a turn is lost
//! nowhere, and told twice only where a receiver's answer was.

mod measure;
mod message;
mod outbox;

use crate::catalog::Snapshot;
use crate::clock;
use crate::config::alerts::Alerts;
use crate::intake::{Functions, Intake};
use crate::pulse::Fact;
use crate::store::records::{AlertRecord, AlertState};
use crate::store::{Store, StoreError};
use measure::Numbers;
use message::Notice;
use outbox::Outbox;
use pawl_engine::alert::{Phase, Reading, Rule, Subject, Turn, When, decide};
use pawl_engine::manifest::Trigger;
use pawl_engine::{FunctionId, Payload, Status, Timestamp, trigger};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

pub use outbox::Undelivered;

/// Where the states of alerts are kept.
const BUCKET: &str = "pawl:alerts";

/// How soon after the last look a run that failed may ask for another.
const SOONEST: Duration = Duration::from_secs(1);

/// Turns that are looked through for one that was told before a crash.
const LAST_RECORDS: usize = 200;

/// A rule's name, and what it is about.
type Key = (String, String);

/// An alert, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    rule: String,
    subject: String,
    /// Since when the rule has been looked at.
    known: Timestamp,
    phase: Phase,
    /// What is being told: done again at the next start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    telling: Option<Notice>,
}

/// A rule with one of its alerts, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleView {
    /// The rule's name.
    pub name: String,
    /// What it looks at: `failed`, `error_rate`, `slow`, `spike`, `silence`, `backlog`.
    pub when: &'static str,
    /// The function or the event that it is about; a pattern while nothing is raised.
    pub subject: String,
    /// Its condition in words.
    pub limit: String,
    /// Where it stands.
    pub state: RuleState,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What was measured last, in words.
    pub value: String,
    /// Who is told.
    pub to: Vec<String>,
}

/// Where a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleState {
    /// Its condition does not hold.
    Ok,
    /// It holds, not yet for long enough.
    Pending,
    /// It is raised.
    Raised,
}

impl RuleState {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Pending => "pending",
            Self::Raised => "raised",
        }
    }
}

/// What is known of the alerts now.
#[derive(Debug, Default)]
struct Known {
    alerts: BTreeMap<Key, Kept>,
    readings: BTreeMap<Key, Reading>,
}

/// The rules, and where their alerts stand. Clones are the same.
#[derive(Clone)]
pub struct Rules(Arc<Inner>);

struct Inner {
    alerts: Alerts,
    store: Arc<dyn Store>,
    functions: Functions,
    intake: Intake,
    outbox: Outbox,
    known: Mutex<Known>,
    started_at: Timestamp,
}

impl Rules {
    /// These rules about what is in this store.
    pub fn new(alerts: Alerts, store: Arc<dyn Store>, functions: Functions, intake: Intake) -> Self {
        let outbox = Outbox::new(store.clone(), alerts.channels.clone());
        let known = Mutex::default();
        Self(Arc::new(Inner { alerts, store, functions, intake, outbox, known, started_at: clock::now() }))
    }

    /// Looks at the rules and tells people, until the end.
    pub async fn run(self, end: CancellationToken) {
        let sending = tokio::spawn(self.0.outbox.clone().run(end.clone()));
        if let Err(e) = self.0.restore().await {
            tracing::error!(error = %e, "the states of alerts cannot be read: all begin anew");
        }
        if !self.0.alerts.rules.is_empty() {
            tracing::info!(rules = self.0.alerts.rules.len(), "alerts are on");
            self.look(&end).await;
        }
        end.cancelled().await;
        let _stopped = sending.await;
    }

    async fn look(&self, end: &CancellationToken) {
        let every = self.0.alerts.every.to_std();
        let mut facts = self.0.store.pulse().listen();
        let mut last = clock::instant();
        let mut next = last;
        loop {
            tokio::select! {
                () = end.cancelled() => return,
                () = tokio::time::sleep_until(next.into()) => {
                    if let Err(e) = self.0.evaluate(clock::now()).await {
                        tracing::error!(error = %e, "alerts cannot be looked at: trying again");
                    }
                    last = clock::instant();
                    next = last + every;
                }
                fact = facts.recv() => match fact {
                    Ok(fact) if !self.0.is_urgent(&fact) => {}
                    // what was missed may have been a failure
                    Ok(_) | Err(RecvError::Lagged(_)) => next = next.min(last + SOONEST),
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }

    /// Every rule with its alerts: those that are not quiet, or one line for all of them.
    pub fn view(&self) -> Vec<RuleView> {
        let known = self.0.known();
        self.0.alerts.rules.iter().flat_map(|rule| view(rule, &known)).collect()
    }

    /// The channels' names.
    pub fn channels(&self) -> Vec<String> {
        self.0.alerts.channels.keys().cloned().collect()
    }

    /// Sends a channel something to see that it arrives. `None`: there is no such channel.
    pub async fn test(&self, channel: &str) -> Option<Result<(), Undelivered>> {
        self.0.outbox.test(channel, self.0.alerts.url.clone()).await
    }
}

fn view(rule: &Rule, known: &Known) -> Vec<RuleView> {
    let of_rule = known.readings.iter().filter(|((name, _), _)| *name == rule.name);
    let line = |subject: &str, phase: Phase, reading: Option<&Reading>| RuleView {
        name: rule.name.clone(),
        when: rule.when.as_str(),
        subject: subject.to_owned(),
        limit: message::limit(rule),
        state: match phase {
            Phase::Ok => RuleState::Ok,
            Phase::Pending { .. } => RuleState::Pending,
            Phase::Raised { .. } => RuleState::Raised,
        },
        since: match phase {
            Phase::Ok => None,
            Phase::Pending { since } | Phase::Raised { since, .. } => Some(since),
        },
        value: reading.map_or_else(String::new, |reading| message::value(rule, *reading)),
        to: rule.to.clone(),
    };
    let loud: Vec<_> = known
        .alerts
        .iter()
        .filter(|((name, _), kept)| *name == rule.name && kept.phase != Phase::Ok)
        .map(|(key, kept)| line(&key.1, kept.phase, known.readings.get(key)))
        .collect();
    if !loud.is_empty() {
        return loud;
    }
    // the one that is nearest to its limit
    let share = |reading: &Reading| match reading {
        Reading::Is { value, limit } => value / limit,
        Reading::Unknown => -1.0,
    };
    let nearest = of_rule.max_by(|a, b| share(a.1).total_cmp(&share(b.1))).map(|(_, reading)| reading);
    vec![line(rule.subject.pattern().as_str(), Phase::Ok, nearest)]
}

impl Inner {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a rule wants to know of this at once.
    fn is_urgent(&self, fact: &Fact) -> bool {
        let Fact::Ended { status: Status::Failed, function, .. } = fact else { return false };
        self.alerts.rules.iter().any(|rule| {
            matches!(rule.when, When::Failed { .. }) && rule.subject.pattern().matches(function.as_str())
        })
    }

    /// Reads the states. Those of rules that have gone go.
    async fn restore(&self) -> Result<(), StoreError> {
        let is_known = |kept: &Kept| self.alerts.rules.iter().any(|rule| rule.name == kept.rule);
        let mut after = String::new();
        loop {
            let keys = self.store.kv_keys(BUCKET, &after, 100).await?;
            let Some(last) = keys.last() else { return Ok(()) };
            after.clone_from(last);
            for key in keys {
                let bytes = self.store.kv_get(BUCKET, &key).await?.unwrap_or_default();
                let kept = serde_json::from_slice::<Kept>(&bytes).ok();
                match kept {
                    Some(kept) if is_known(&kept) => {
                        self.known().alerts.insert((kept.rule.clone(), kept.subject.clone()), kept);
                    }
                    _ => self.store.kv_set(BUCKET, &key, None).await?,
                }
            }
        }
    }

    /// Tells what was being told when the store, or the host, broke off.
    async fn tell_rest(&self) -> Result<(), StoreError> {
        let rest: Vec<_> = self.known().alerts.values().filter(|k| k.telling.is_some()).cloned().collect();
        for kept in rest {
            let rule = self.alerts.rules.iter().find(|rule| rule.name == kept.rule);
            if let (Some(rule), Some(notice)) = (rule, &kept.telling) {
                self.tell(rule, &kept, notice, true).await?;
            }
        }
        Ok(())
    }

    /// Looks at every rule once.
    async fn evaluate(&self, now: Timestamp) -> Result<(), StoreError> {
        self.tell_rest().await?;
        let snapshot = (self.functions)();
        let numbers = Numbers::of(&*self.store, &self.alerts.rules, now).await?;
        let mut readings = BTreeMap::new();
        for rule in &self.alerts.rules {
            for subject in self.subjects(rule, &numbers, &snapshot) {
                let key = (rule.name.clone(), subject);
                let known = self.known().alerts.get(&key).map_or(now, |kept| kept.known);
                let is_gone = matches!((&rule.when, &rule.subject), (When::Silence, Subject::Function(_)))
                    && !snapshot.functions.contains_key(&FunctionId::new(key.1.as_str()));
                let reading = match is_gone {
                    // nobody listens for it any more
                    true => Reading::Is { value: 0.0, limit: 1.0 },
                    false => numbers.read(rule, &key.1, now, known, self.started_at),
                };
                readings.insert(key.clone(), reading);
                self.follow(rule, key, reading, now).await?;
            }
        }
        self.known().readings = readings;
        Ok(())
    }

    /// What a rule is about at this moment: what was measured, and what is not quiet yet.
    fn subjects(&self, rule: &Rule, numbers: &Numbers, snapshot: &Snapshot) -> BTreeSet<String> {
        let known = self.known();
        let loud = known.alerts.values().filter(|kept| kept.rule == rule.name && kept.phase != Phase::Ok);
        let mut subjects: BTreeSet<_> = loud.map(|kept| kept.subject.clone()).collect();
        match &rule.subject {
            Subject::Event(pattern) => drop(subjects.insert(pattern.as_str().to_owned())),
            Subject::Function(pattern) => {
                let is_ours = |function: &&FunctionId| pattern.matches(function.as_str());
                let there = snapshot.functions.keys().chain(numbers.functions());
                subjects.extend(there.filter(is_ours).map(ToString::to_string));
            }
        }
        subjects
    }

    /// An alert's next state; durable, and told, when it returns.
    async fn follow(
        &self,
        rule: &Rule,
        key: Key,
        reading: Reading,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let before = self.known().alerts.get(&key).cloned();
        let phase = before.as_ref().map_or(Phase::Ok, |kept| kept.phase);
        let known = before.as_ref().map_or(now, |kept| kept.known);
        // a rule that listens for silence has to know since when it has been listening
        let is_new = before.is_none() && matches!(rule.when, When::Silence);
        let (phase_now, turn) = decide(rule, phase, reading, now);
        if phase_now == phase && turn.is_none() && !is_new {
            return Ok(());
        }
        let telling =
            turn.map(|turn| Notice::new(rule, &key.1, turn, reading, now, self.alerts.url.as_deref()));
        let kept = Kept { rule: key.0.clone(), subject: key.1.clone(), known, phase: phase_now, telling };
        self.keep(rule, &kept).await?;
        self.known().alerts.insert(key, kept.clone());
        match &kept.telling {
            Some(notice) => self.tell(rule, &kept, notice, false).await,
            None => Ok(()),
        }
    }

    async fn keep(&self, rule: &Rule, kept: &Kept) -> Result<(), StoreError> {
        // of one that is quiet there is nothing to know, but since when silence has been listened for
        let says_nothing = kept.phase == Phase::Ok && kept.telling.is_none() && rule.when != When::Silence;
        let value = serde_json::to_vec(kept).ok().filter(|_| !says_nothing);
        self.store.kv_set(BUCKET, &format!("{}\n{}", kept.rule, kept.subject), value).await
    }

    /// Everything that a turn means for others. Done twice, it is done once.
    async fn tell(
        &self,
        rule: &Rule,
        kept: &Kept,
        notice: &Notice,
        is_again: bool,
    ) -> Result<(), StoreError> {
        let (turn, text) = (notice.turn.as_str(), notice.text.as_str());
        tracing::warn!(rule = %rule.name, subject = %kept.subject, turn, text, "alert");
        let state = match notice.turn {
            Turn::Raised => Some(AlertState::Raised),
            Turn::Resolved => Some(AlertState::Resolved),
            Turn::Repeated => None,
        };
        if let Some(state) = state {
            let (rule, subject) = (kept.rule.clone(), kept.subject.clone());
            let record = AlertRecord { n: 0, at: notice.at, rule, subject, state, text: text.to_owned() };
            if !(is_again && self.has(&record).await?) {
                self.store.records().keep_alert(record).await?;
            }
        }
        for channel in &rule.to {
            self.outbox.put(channel, notice).await?;
        }
        if let Some(state) = state
            && !self.would_feed_itself(kept, rule)
        {
            let name = match state {
                AlertState::Raised => "pawl/alert.raised",
                AlertState::Resolved => "pawl/alert.resolved",
            };
            self.intake.tell(name, Payload::from_value(&notice.data()), notice.id.clone()).await?;
        }
        let told = Kept { telling: None, ..kept.clone() };
        self.keep(rule, &told).await?;
        self.known().alerts.insert((told.rule.clone(), told.subject.clone()), told);
        Ok(())
    }

    /// Whether the record was kept before a crash.
    async fn has(&self, record: &AlertRecord) -> Result<bool, StoreError> {
        let last = self.store.records().alert_records(None, LAST_RECORDS).await?;
        let is_same = |r: &AlertRecord| AlertRecord { n: 0, ..r.clone() } == *record;
        Ok(last.iter().any(is_same))
    }

    /// An alert about a function that takes alerts is no event: it would be alarmed at itself.
    fn would_feed_itself(&self, kept: &Kept, rule: &Rule) -> bool {
        let Subject::Function(_) = rule.subject else { return false };
        let snapshot = (self.functions)();
        let Some(offer) = snapshot.functions.get(&FunctionId::new(kept.subject.as_str())) else {
            return false;
        };
        offer.manifest.triggers.iter().any(|trigger| match trigger {
            Trigger::Event { name, .. } => {
                ["pawl/alert.raised", "pawl/alert.resolved"].iter().any(|event| trigger::matches(name, event))
            }
            Trigger::Cron { .. } => false,
        })
    }
}

#[cfg(test)]
mod tests;
