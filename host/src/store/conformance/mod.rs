//! What every store must do, as cases that each get an empty store.

use super::*;
use pawl_engine::event::SenderId;
use pawl_engine::expr::{Expr, Scope};
use pawl_engine::flow::{Check, Gate, GateRule, Gather, Lane, Rate, SingletonMode};
use pawl_engine::trace::TraceParent;
use pawl_engine::{Failure, Outcome, Payload, Span, StepKey, limits};

/// The cases of a file.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        pub(super) async fn check(make: &impl AsyncFn() -> Box<dyn Store>) {
            $($case(Host::new(make().await).await).await;)*
        }
    };
}

mod commits;
pub(super) mod find;
pub(super) mod gates;
mod mail;
mod records;
mod runs;
mod terms;

/// The trace that events come with.
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The time at which a case begins.
const T: i64 = 1_800_000_000_000;

pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(T + ms)
}

pub(super) fn json(text: &str) -> Payload {
    Payload::parse(text.into(), limits::EVENT_BYTES).expect("JSON")
}

pub(super) fn key(name: &str) -> StepKey {
    StepKey::new(name, 0).expect("a key")
}

/// The terms of a run that nothing holds up.
pub(super) fn plain(function: &str) -> Terms {
    Terms::plain(FunctionId::new(function))
}

/// The same with one check.
pub(super) fn checked(function: &str, check: Check) -> Terms {
    Terms { checks: vec![check], ..plain(function) }
}

/// A store with one deployment, and what cases do to it.
pub(super) struct Host {
    pub(super) store: Arc<dyn Store>,
    n: u32,
}

impl Host {
    pub(super) async fn new(store: impl Into<Arc<dyn Store>>) -> Self {
        let host = Self { store: store.into(), n: 0 };
        host.deploy("d", "file:a.wasm", 0).await;
        host
    }

    pub(super) async fn deploy(&self, id: &str, source: &str, ms: i64) {
        let deploy = Deploy {
            id: DeploymentId::new(id),
            bytes: id.as_bytes().to_vec(),
            manifests: Vec::new(),
            source: source.into(),
            at: at(ms),
        };
        self.store.deploy(deploy).await.expect("deploys");
    }

    /// The next event.
    pub(super) fn event(&mut self, name: &str, data: &str, ms: i64) -> Event {
        self.n += 1;
        Event {
            id: EventId::new(format!("e{:05}", self.n)),
            name: name.into(),
            data: json(data),
            user: None,
            at: at(ms),
            version: Some("v1".into()),
            sender: None,
            trace: TraceParent::parse(TRACE),
            received_at: at(ms),
        }
    }

    /// A run of the last event.
    pub(super) fn run_of(&self, function: &str, ms: i64, terms: Terms) -> NewRun {
        NewRun {
            id: RunId::new(format!("r{:05}-{function}", self.n)),
            function: FunctionId::new(function),
            deployment: DeploymentId::new("d"),
            created_at: at(ms),
            terms,
            parent: None,
            journal: Vec::new(),
        }
    }

    fn accept_of(&mut self, sender: Option<&str>, functions: &[&str], ms: i64) -> Accept {
        let data = format!("{{\"n\": {}.50}}", self.n + 1);
        let mut event = self.event("test/x", &data, ms);
        event.sender = sender.map(|id| SenderId { source: "stripe", id: id.into() });
        let runs = functions.iter().map(|f| self.run_of(f, ms, plain(f))).collect();
        Accept { event, runs, keep: Keep::Always }
    }

    async fn accept(&mut self, sender: Option<&str>, functions: &[&str], ms: i64) -> Accepted {
        let accept = self.accept_of(sender, functions, ms);
        self.store.accept(vec![accept]).await.expect("accepts").remove(0)
    }

    /// An event with one run, under terms: the run's id, whether or not it is made.
    pub(super) async fn begin(&mut self, function: &str, ms: i64, terms: Terms) -> RunId {
        let event = self.event("test/x", "{}", ms);
        let run = self.run_of(function, ms, terms);
        let id = run.id.clone();
        let accept = Accept { event, runs: vec![run], keep: Keep::Always };
        self.store.accept(vec![accept]).await.expect("accepts");
        id
    }

    /// An event without runs.
    pub(super) async fn send(&mut self, name: &str, data: &str, ms: i64) {
        let event = self.event(name, data, ms);
        let accept = Accept { event, runs: Vec::new(), keep: Keep::Always };
        self.store.accept(vec![accept]).await.expect("accepts");
    }

    pub(super) async fn claim(&self, ms: i64, max: usize) -> Vec<Claimed> {
        self.claim_by(ms, max, Rules::new()).await
    }

    async fn claim_by(&self, ms: i64, max: usize, rules: Rules) -> Vec<Claimed> {
        self.store.claim(Ask { now: at(ms), max, rules: Arc::new(rules) }).await.expect("claims")
    }

    /// Claims the only run that there is to claim.
    pub(super) async fn claim_one(&self, ms: i64) -> Claimed {
        let mut claimed = self.claim(ms, 9).await;
        assert_eq!(claimed.len(), 1, "{:?}", ids(&claimed));
        claimed.remove(0)
    }

    pub(super) async fn commit(
        &self,
        claim: &Claim,
        expect: u32,
        entries: Vec<Entry>,
    ) -> Result<(), StoreError> {
        let commit = Commit { expect, entries, then: Then::Keep, also: Also::default() };
        self.store.commit(claim, commit).await
    }

    pub(super) async fn also(&self, claim: &Claim, also: Also) {
        let commit = Commit { expect: 0, entries: Vec::new(), then: Then::Keep, also };
        self.store.commit(claim, commit).await.expect("commits");
    }

    pub(super) async fn park(&self, claim: &Claim, expect: u32, until: i64) {
        self.park_with(claim, expect, until, Also::default()).await;
    }

    pub(super) async fn park_with(&self, claim: &Claim, expect: u32, until: i64, also: Also) {
        let index = Index {
            status: Status::Sleeping,
            wake_at: Some(at(until)),
            started_at: Some(at(1)),
            ended_at: None,
        };
        let entries = vec![Entry::Parked { at: at(1), until: at(until), lines: 0 }];
        let commit = Commit { expect, entries, then: Then::Release(index), also };
        self.store.commit(claim, commit).await.expect("parks");
    }

    /// Gives the claim back with nothing recorded.
    async fn give_back(&self, claim: &Claim, expect: u32, wake_at: i64) {
        let wake_at = Some(at(wake_at));
        let index = Index { status: Status::Queued, wake_at, started_at: None, ended_at: None };
        let then = Then::Release(index);
        let commit = Commit { expect, entries: Vec::new(), then, also: Also::default() };
        self.store.commit(claim, commit).await.expect("goes back");
    }

    pub(super) async fn finish(&self, claim: &Claim, expect: u32, status: Status) {
        self.finish_with(claim, expect, status, Also::default()).await;
    }

    pub(super) async fn finish_with(&self, claim: &Claim, expect: u32, status: Status, also: Also) {
        let outcome = match status {
            Status::Completed => Outcome::Completed(json("1")),
            _ => Outcome::Failed(Failure::new("E", "m")),
        };
        let index = Index { status, wake_at: None, started_at: Some(at(1)), ended_at: Some(at(2)) };
        let entries = vec![Entry::Finished { at: at(2), outcome }];
        let commit = Commit { expect, entries, then: Then::Release(index), also };
        self.store.commit(claim, commit).await.expect("finishes");
    }

    /// Why an event made no runs, as `function why run`.
    pub(super) async fn skips(&self, event: &str) -> Vec<String> {
        let skips = self.store.skips(&EventId::new(event)).await.expect("lists");
        let text =
            |s: Skip| format!("{} {:?} {}", s.function, s.why, s.run.map_or("-".into(), |r| r.to_string()));
        skips.into_iter().map(text).collect()
    }

    /// The ids of all runs, oldest first.
    pub(super) async fn runs(&self) -> Vec<String> {
        let all = self.store.runs(RunFilter { limit: 999, ..RunFilter::default() }).await.expect("lists");
        all.into_iter().rev().map(|run| run.id.to_string()).collect()
    }

    pub(super) async fn next_due(&self, ms: i64) -> Option<i64> {
        self.store.next_due(at(ms)).await.expect("known").map(|at| at.as_millis() - T)
    }
}

pub(super) fn ids(claimed: &[Claimed]) -> Vec<&str> {
    claimed.iter().map(|c| c.claim.run.as_str()).collect()
}

pub(super) fn started() -> Entry {
    Entry::Started { at: at(1) }
}

/// Whether it was told to end, and why.
pub(super) fn cancelled(claimed: &Claimed) -> Option<&str> {
    claimed.mail.iter().find_map(|mail| match mail {
        Mail::Cancel { reason } => Some(reason.as_str()),
        _ => None,
    })
}

/// Runs every case against stores that `make` gives, an empty one for each.
pub(super) async fn check_all(make: impl AsyncFn() -> Box<dyn Store>) {
    runs::check(&make).await;
    terms::check(&make).await;
    mail::check(&make).await;
    gates::check(&make).await;
    commits::check(&make).await;
    records::check(&make).await;
    find::check(&make).await;
}
