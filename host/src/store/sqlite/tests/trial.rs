//! The model and SQLite do the same, whatever comes.

use super::*;
use crate::store::conformance::gates::{gated, limit, throttle};
use crate::store::conformance::{at, json, key, plain};
use crate::store::memory::Memory;
use pawl_engine::event::SenderId;
use pawl_engine::expr::{Expr, Scope};
use pawl_engine::flow::{Check, Gather, Rate, SingletonMode};
use pawl_engine::{Failure, Outcome, Span};

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    /// From 0 to `n - 1`.
    fn of(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }

    fn once_in(&mut self, n: u64) -> bool {
        self.of(n) == 0
    }
}

struct Trial {
    dice: Dice,
    now: i64,
    n: u32,
    model: Memory,
    real: Sqlite,
    folder: tempfile::TempDir,
    /// Claims in both stores, some of which hold, and how many entries they know.
    claims: Vec<(Claim, Claim, u32)>,
    runs: Vec<RunId>,
    events: Vec<EventId>,
    log: Vec<String>,
}

/// What can be compared of a claimed run.
fn shown(c: &Claimed) -> String {
    let events: Vec<_> = c.events.iter().map(|e| e.id.as_str()).collect();
    format!(
        "{} {} {} {events:?} {:?} {:?} {:?}",
        c.claim.run, c.function, c.deployment, c.journal, c.parent, c.mail
    )
}

macro_rules! both {
    ($trial:ident, $what:expr, |$store:ident| $call:expr) => {{
        let what = format!("{:?}", $what);
        $trial.log.push(format!("{} {what}", $trial.now));
        let model = {
            let $store = &$trial.model;
            $call.await
        };
        let real = {
            let $store = &$trial.real;
            $call.await
        };
        (model, real)
    }};
}

impl Trial {
    async fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let real = Sqlite::open(folder.path()).expect("opens");
        let model = Memory::default();
        for id in ["d1", "d2"] {
            let deploy = Deploy {
                id: DeploymentId::new(id),
                bytes: Vec::new(),
                manifests: Vec::new(),
                source: id.into(),
                at: at(0),
            };
            model.deploy(deploy.clone()).await.expect("deploys");
            real.deploy(deploy).await.expect("deploys");
        }
        Self {
            dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            now: 0,
            n: 0,
            model,
            real,
            folder,
            claims: Vec::new(),
            runs: Vec::new(),
            events: Vec::new(),
            log: Vec::new(),
        }
    }

    fn same<T: PartialEq + std::fmt::Debug>(&self, model: T, real: T) {
        assert_eq!(model, real, "after\n{}", self.log.join("\n"));
    }

    fn watch(&mut self, own: &Event) -> Watch {
        let name = ["x/1", "x/2", "x/*"][self.dice.of(3) as usize];
        let filters = ["async.data.k == event.data.k", "async.data.k > event.data.k"];
        let filter = filters.get(self.dice.of(3) as usize);
        let filter = filter.map(|text| Expr::parse(text, Scope::Pair).expect("an expression"));
        Watch::new(name.into(), filter, own, at(self.now + 20 + self.dice.of(200) as i64))
    }

    /// The terms of function `f`, which are much the same each time.
    fn terms(&mut self, f: u64, event: &Event) -> Terms {
        let name = format!("f{f}");
        let k = self.dice.of(2);
        let span = |dice: &mut Dice| Span::from_millis(10 + dice.of(60));
        let rate = Rate { limit: 2, period: Span::from_millis(60), at_once: 1 + self.dice.of(2) as u32 };
        let mode = if f.is_multiple_of(2) { SingletonMode::Skip } else { SingletonMode::Cancel };
        let mut terms = match f {
            0 => plain(&name),
            1 => gated(&name, &[limit("all", 3), limit(&format!("c{k}"), 1)]),
            2 => gated(&name, &[limit("all", 2), throttle(&format!("t{k}"), 2, 60, 2)]),
            3 => gated(&name, &[throttle("t", 3, 60, 1), limit("all", 4), limit(&format!("d{k}"), 2)]),
            _ => gated(&name, &[limit("all", 3)]),
        };
        if f == 4 || self.dice.once_in(6) {
            terms.checks.push(Check::Rate { key: format!("r{f}{k}"), rate });
        }
        if f == 5 || self.dice.once_in(6) {
            terms.checks.push(Check::Single { key: format!("s{f}{k}"), mode });
        }
        let gather_key = format!("g{f}{k}");
        if f == 6 {
            let timeout = self.dice.once_in(2).then(|| Span::from_millis(80));
            terms.gather = Some(Gather::Debounce { key: gather_key, period: span(&mut self.dice), timeout });
        } else if f == 7 {
            terms.gather = Some(Gather::Batch { key: gather_key, max: 3, timeout: span(&mut self.dice) });
        }
        if self.dice.once_in(3) {
            terms.ahead = self.dice.of(200) as i64 - 100;
        }
        if self.dice.once_in(4) {
            terms.cancel_on.push(self.watch(event));
        }
        terms.start_within = self.dice.once_in(5).then(|| span(&mut self.dice));
        terms
    }

    fn event(&mut self) -> Event {
        self.n += 1;
        let sender =
            self.dice.once_in(5).then(|| SenderId { source: "api", id: format!("s{}", self.dice.of(30)) });
        let event = Event {
            id: EventId::new(format!("e{:05}", self.n)),
            name: ["x/1", "x/2", "y"][self.dice.of(3) as usize].into(),
            data: json(&format!("{{\"k\": {}}}", self.dice.of(4))),
            user: None,
            at: at(self.now),
            version: None,
            sender,
            trace: None,
            received_at: at(self.now),
        };
        self.events.push(event.id.clone());
        event
    }

    fn new_run(&mut self, event: &Event) -> NewRun {
        let f = self.dice.of(8);
        let id = RunId::new(format!("r{:05}-{f}", self.n));
        let parent = self.dice.once_in(8).then(|| self.any_run()).flatten();
        let delay = if self.dice.once_in(6) { self.dice.of(40) as i64 } else { 0 };
        NewRun {
            id,
            function: FunctionId::new(format!("f{f}")),
            deployment: DeploymentId::new(["d1", "d2"][self.dice.of(2) as usize]),
            created_at: at(self.now + delay),
            terms: self.terms(f, event),
            parent: parent.map(|run| Parent { run, step: key("ask") }),
            journal: Vec::new(),
        }
    }

    fn accept_of(&mut self) -> Accept {
        let event = self.event();
        let mut runs = Vec::new();
        for _ in 0..self.dice.of(3) {
            let run = self.new_run(&event);
            if runs.iter().all(|other: &NewRun| other.function != run.function) {
                self.runs.push(run.id.clone());
                runs.push(run);
            }
        }
        let keep = if self.dice.once_in(4) { Keep::IfHeard } else { Keep::Always };
        Accept { event, runs, keep }
    }

    fn any_run(&mut self) -> Option<RunId> {
        let n = self.runs.len() as u64;
        (n > 0).then(|| self.runs[(n - 1 - self.dice.of(n.min(20))) as usize].clone())
    }

    async fn accept(&mut self) {
        let accepts: Vec<_> = (0..=self.dice.of(2)).map(|_| self.accept_of()).collect();
        let (model, real) = both!(self, accepts, |store| store.accept(accepts.clone()));
        self.same(model, real);
    }

    async fn start(&mut self) {
        let n = self.events.len() as u64;
        if n == 0 {
            return;
        }
        let mut pick = || self.events[self.dice.of(n) as usize].clone();
        let ids = vec![pick(), pick()];
        self.n += 1;
        let Ok(event) = self.model.event(ids[0].as_str()).await else { return };
        let mut run = self.new_run(&event);
        if self.dice.once_in(2) {
            run.journal.push(Entry::Started { at: at(self.now) });
        }
        self.runs.push(run.id.clone());
        let (model, real) = both!(self, (&ids, &run), |store| store.start(&ids, run.clone()));
        self.same(model, real);
    }

    fn keep_claims(&mut self, model: Vec<Claimed>, real: Vec<Claimed>) {
        self.same(model.iter().map(shown).collect::<Vec<_>>(), real.iter().map(shown).collect());
        for (m, r) in model.into_iter().zip(real) {
            self.claims.push((m.claim, r.claim, m.journal.len() as u32));
        }
        let gone = self.claims.len().saturating_sub(40);
        self.claims.drain(..gone);
    }

    async fn claim(&mut self) {
        let ask = Ask { now: at(self.now), max: 1 + self.dice.of(6) as usize, rules: Arc::default() };
        let (model, real) = both!(self, ask, |store| store.claim(ask.clone()));
        self.keep_claims(model.expect("claims"), real.expect("claims"));
    }

    async fn seize(&mut self) {
        let Some(run) = self.any_run() else { return };
        let (model, real) = both!(self, ("seize", &run), |store| store.seize(&run));
        let list =
            |found: Result<Option<Claimed>, StoreError>| found.map(|c| c.into_iter().collect::<Vec<_>>());
        match (list(model), list(real)) {
            (Ok(model), Ok(real)) => self.keep_claims(model, real),
            (model, real) => self.same(model.err(), real.err()),
        }
    }

    async fn also(&mut self) -> Also {
        let mut also = Also::default();
        if self.dice.once_in(3) {
            also.accepts.push(self.accept_of());
        }
        if self.dice.once_in(3)
            && let Some(own) = self.events.first().cloned()
            && let Ok(own) = self.model.event(own.as_str()).await
        {
            also.watches.push((key("w"), self.watch(&own)));
        }
        if self.dice.once_in(4)
            && let Some(to) = self.any_run()
        {
            let mail = match self.dice.of(3) {
                0 => Mail::Cancel { reason: "told".into() },
                1 => Mail::Ended { step: key("ask"), result: Ok(json("1")) },
                _ => Mail::Ended { step: key("ask"), result: Err(Failure::new("E", "m")) },
            };
            also.mail.push((to, mail));
        }
        also.read = self.dice.of(3) as usize;
        also.cancel_at =
            self.dice.once_in(6).then(|| (at(self.now + self.dice.of(80) as i64), "time is up".into()));
        also.deployment = self.dice.once_in(9).then(|| DeploymentId::new("d2"));
        also
    }

    async fn commit(&mut self) {
        if self.claims.is_empty() {
            return;
        }
        let n = self.dice.of(self.claims.len() as u64) as usize;
        let (model_claim, real_claim, known) = self.claims[n].clone();
        let now = at(self.now);
        let over = |status| Index { status, wake_at: None, started_at: Some(now), ended_at: Some(now) };
        let wake_at = Some(at(self.now + self.dice.of(60) as i64));
        let index = |status, wake_at| Index { status, wake_at, started_at: Some(now), ended_at: None };
        let (entry, then) = match self.dice.of(8) {
            0 => (None, Then::Keep),
            1 | 2 => (Some(Entry::Started { at: now }), Then::Keep),
            3 => (None, Then::Release(index(Status::Queued, wake_at))),
            4 => (Some(Entry::Started { at: now }), Then::Release(index(Status::Paused, None))),
            5 => (Some(Entry::Started { at: now }), Then::Release(index(Status::Sleeping, wake_at))),
            _ => {
                let outcome = Outcome::Completed(json("1"));
                (Some(Entry::Finished { at: now, outcome }), Then::Release(over(Status::Completed)))
            }
        };
        let also = if self.dice.once_in(2) { self.also().await } else { Also::default() };
        let entries: Vec<_> = entry.into_iter().collect();
        let added = entries.len() as u32;
        let commit = Commit { expect: known, entries, then, also };
        self.log.push(format!("{} {:?} {commit:?}", self.now, model_claim.run));
        let model = self.model.commit(&model_claim, commit.clone()).await;
        let real = self.real.commit(&real_claim, commit).await;
        if model.is_ok() {
            self.claims[n].2 += added;
        }
        self.same(model, real);
    }

    async fn release(&mut self) {
        if self.claims.is_empty() {
            return;
        }
        let n = self.dice.of(self.claims.len() as u64) as usize;
        let (model, real, _) = self.claims.remove(n);
        self.log.push(format!("{} release {}", self.now, model.run));
        self.model.release(&model).await;
        self.real.release(&real).await;
    }

    async fn widen(&mut self) {
        let Some((model, real, _)) = self.claims.last().cloned() else { return };
        let units = self.dice.of(4) as u32;
        self.log.push(format!("{} widen {} {units}", self.now, model.run));
        let got = (self.model.widen(&model, units).await, self.real.widen(&real, units).await);
        self.same(got.0, got.1);
        if self.dice.once_in(2) {
            self.model.narrow(&model, units).await;
            self.real.narrow(&real, units).await;
        }
    }

    async fn pause(&mut self) {
        let function = FunctionId::new(format!("f{}", self.dice.of(8)));
        let at = at(self.now);
        let (model, real) = match self.dice.once_in(2) {
            true => both!(self, ("pause", &function), |store| store.pause(&function, at)),
            false => both!(self, ("resume", &function), |store| store.resume(&function)),
        };
        self.same(model, real);
    }

    async fn restart(&mut self) {
        self.log.push(format!("{} restart", self.now));
        self.model.restart();
        self.claims.clear();
        let other = tempfile::tempdir().expect("a folder");
        self.real = Sqlite::open(other.path()).expect("opens");
        self.real = Sqlite::open(self.folder.path()).expect("opens again");
    }

    async fn step(&mut self) {
        self.now += self.dice.of(12) as i64;
        match self.dice.of(40) {
            0..12 => self.accept().await,
            12..22 => self.claim().await,
            22..32 => self.commit().await,
            32 => self.release().await,
            33 => self.start().await,
            34 => self.seize().await,
            35 => self.widen().await,
            36 => self.pause().await,
            37 if self.dice.once_in(2) => self.restart().await,
            _ => {
                let now = at(self.now);
                let (model, real) = both!(self, "next due", |store| store.next_due(now));
                self.same(model, real);
            }
        }
        for (model, real, _) in &self.claims {
            self.same(model.revoked.is_cancelled(), real.revoked.is_cancelled());
        }
    }

    /// Everything that people can see.
    async fn compare(&mut self) {
        for id in &self.runs.clone() {
            let of =
                async |store: &dyn Store| format!("{:?} {:?}", store.run(id).await, store.unread(id).await);
            self.same(of(&self.model).await, of(&self.real).await);
        }
        for id in &self.events.clone() {
            let (model, real) = (self.model.skips(id).await, self.real.skips(id).await);
            self.same(model, real);
            let of = async |store: &dyn Store| format!("{:?}", store.event(id.as_str()).await);
            self.same(of(&self.model).await, of(&self.real).await);
        }
        let filter = RunFilter { limit: 9_999, ..RunFilter::default() };
        let of = async |store: &dyn Store| format!("{:?}", store.runs(filter.clone()).await);
        self.same(of(&self.model).await, of(&self.real).await);
    }
}

#[tokio::test]
async fn the_model_and_sqlite_answer_alike() {
    for seed in 1..=30 {
        let mut trial = Trial::new(seed).await;
        for _ in 0..150 {
            trial.step().await;
        }
        trial.compare().await;
    }
}
