//! A world: what is stored, the hosts that live in it one after the other, and those who
//! send events and tell it what to do.

use super::dice::Dice;
use super::faulty::{Faults, Faulty};
use super::guests::{Script, Scripted, Writes};
use super::outside::{Deed, Outside};
use super::trace::{Fact, Trace};
use crate::catalog::{Offer, Snapshot};
use crate::clock;
use crate::intake::Intake;
use crate::store::memory::Memory;
use crate::store::{Deploy, RunFilter, Store};
use crate::worker::Worker;
use pawl_engine::flow::rules;
use pawl_engine::manifest::Draft;
use pawl_engine::{DeploymentId, Event, FunctionId, Manifest, RunId, Span, Status, Timestamp};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// When every world begins.
pub(super) const BEGINNING: i64 = 1_600_000_000_000;

/// Calls to the store in one world's whole life: a few hundreds are common.
const MOST_CALLS: u64 = 20_000;

/// A limit of concurrency: of these functions together, by key or not.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    pub(super) of: Vec<&'static str>,
    pub(super) by_key: bool,
    pub(super) limit: u32,
}

/// What a world is about.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) functions: Vec<(Draft, Option<Writes>)>,
    /// With milliseconds since the beginning.
    pub(super) deeds: Vec<(u64, Deed)>,
    pub(super) faults: Faults,
    pub(super) slots: u64,
    /// Between tries.
    pub(super) retry_ms: u64,
    pub(super) limits: Vec<Limit>,
    /// Virtual time after the last deed in which all must be over.
    pub(super) patience_ms: u64,
}

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) plan: Plan,
    pub(super) memory: Memory,
    pub(super) dice: Dice,
    pub(super) progress: Notify,
    trace: Mutex<Trace>,
    snapshot: Arc<Snapshot>,
    done: Mutex<BTreeSet<usize>>,
    now: AtomicI64,
    // of the host that lives
    dead: AtomicBool,
    died: Notify,
    calls_left: AtomicU64,
    calls: AtomicU64,
    deaths_left: AtomicU64,
}

/// How a host's life ended.
#[derive(Debug, PartialEq)]
enum Life {
    /// Everything is done.
    Done,
    Died,
    /// Nothing goes on.
    Stuck,
}

impl World {
    pub(super) fn new(seed: u64, plan: Plan) -> Arc<Self> {
        let manifests: Vec<Manifest> =
            plan.functions.iter().map(|(draft, _)| draft.clone().parse().expect("valid")).collect();
        let deployment = DeploymentId::new("d1");
        let offers = manifests.iter().map(|manifest| {
            let source = String::new();
            let offer = Offer {
                manifest: manifest.clone(),
                deployment: deployment.clone(),
                source,
                refused: Vec::new(),
            };
            (manifest.id.clone(), offer)
        });
        let all = manifests.iter().map(|m| (m.id.clone(), rules(m))).collect();
        let snapshot = Snapshot { functions: offers.collect(), rules: Arc::new(all), ..Snapshot::default() };
        Arc::new(Self {
            seed,
            memory: Memory::default(),
            dice: Dice::new(seed, "faults"),
            progress: Notify::new(),
            trace: Mutex::default(),
            snapshot: Arc::new(snapshot),
            done: Mutex::default(),
            now: AtomicI64::new(BEGINNING),
            dead: AtomicBool::new(false),
            died: Notify::new(),
            calls_left: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            deaths_left: AtomicU64::new(plan.faults.deaths),
            plan,
        })
    }

    /// Lives until everything is over. One host after the other, each a runtime of its own:
    /// what dies with a process dies with the runtime, wherever it waits.
    pub(super) fn live(self: &Arc<Self>) {
        let mut hosts = 0;
        loop {
            self.dead.store(false, Ordering::SeqCst);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime");
            let life = runtime.block_on(self.host(hosts == 0));
            drop(runtime);
            hosts += 1;
            match life {
                Life::Done => return,
                Life::Stuck => return self.wrong("not everything comes to its end".into()),
                Life::Died if self.calls.load(Ordering::SeqCst) > MOST_CALLS => return,
                Life::Died => self.now.fetch_add(self.dice.between(0, 4_000) as i64, Ordering::SeqCst),
            };
        }
    }

    async fn host(self: &Arc<Self>, is_first: bool) -> Life {
        let at = Timestamp::from_millis(self.now.load(Ordering::SeqCst));
        let _time = clock::simulated::from(at);
        if is_first {
            self.deploy().await;
        } else {
            // the claims of the host that died are no more
            self.memory.restart();
        }
        let store: Arc<dyn Store> = Arc::new(Faulty(self.clone()));
        let (wake, snapshot) = (Arc::new(Notify::new()), self.snapshot.clone());
        let intake = Intake::new(store.clone(), Arc::new(move || snapshot.clone()), wake.clone());
        let guests = Arc::new(Scripted(self.clone()));
        let retry = (self.plan.retry_ms > 0).then(|| Span::from_millis(self.plan.retry_ms));
        let slots = self.plan.slots as usize;
        let worker = Worker::new(store.clone(), guests, intake.clone(), wake, slots, retry);
        let end = CancellationToken::new();
        let working = tokio::spawn(worker.run(end.clone()));
        for (place, (at, deed)) in self.plan.deeds.iter().enumerate() {
            if !self.done().contains(&place) {
                let outside = Outside { world: self.clone(), store: store.clone(), intake: intake.clone() };
                tokio::spawn(outside.does(place, *at, deed.clone()));
            }
        }
        let dies = self.fate();
        let last = self.plan.deeds.iter().map(|(at, _)| *at).max().unwrap_or(0) as i64;
        let horizon = Timestamp::from_millis(BEGINNING + last) + Span::from_millis(self.plan.patience_ms);
        let life = tokio::select! {
            biased;
            () = self.died.notified() => Life::Died,
            () = tokio::time::sleep(dies) => Life::Died,
            () = self.all_over() => Life::Done,
            () = tokio::time::sleep((horizon - clock::now()).to_std().max(Duration::from_secs(600))) => Life::Stuck,
        };
        if working.is_finished() && life != Life::Died {
            self.wrong("the worker has ended by itself".into());
        }
        if life == Life::Died && self.dice.happens(self.plan.faults.peaceful) && !self.is_dead() {
            end.cancel();
            if tokio::time::timeout(Duration::from_secs(60), working).await.is_err() && !self.is_dead() {
                self.wrong("the worker does not end when it is told to".into());
            }
        }
        self.dead.store(true, Ordering::SeqCst);
        self.now.store(clock::now().as_millis(), Ordering::SeqCst);
        if life == Life::Died {
            self.tell(Fact::Ended);
        }
        life
    }

    /// How long the next host lives, in calls to the store and in time.
    fn fate(&self) -> Duration {
        let is_mortal =
            self.deaths_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if is_mortal.is_err() {
            self.calls_left.store(u64::MAX, Ordering::SeqCst);
            return Duration::from_secs(10 * 86_400);
        }
        let by_calls = self.dice.happens(700);
        self.calls_left.store(if by_calls { self.dice.between(1, 150) } else { u64::MAX }, Ordering::SeqCst);
        let ms = if by_calls { 10 * 86_400_000 } else { self.dice.between(1, 30_000) };
        Duration::from_millis(ms)
    }

    /// Whether nothing is in anybody's way.
    pub(super) fn is_calm(&self) -> bool {
        !self.plan.faults.any() && self.plan.faults.delays == 0
    }

    fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Comes back as long as the host lives.
    pub(super) async fn still_lives(&self) {
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    /// One more call to the store; the last one kills.
    pub(super) async fn one_call(&self) {
        self.still_lives().await;
        let left = self.calls_left.load(Ordering::SeqCst);
        let spins = self.calls.fetch_add(1, Ordering::SeqCst) == MOST_CALLS;
        if spins {
            self.wrong("it goes round and round".into());
        }
        if left == 0 || spins {
            self.dead.store(true, Ordering::SeqCst);
            self.died.notify_one();
            self.still_lives().await;
        }
        if left < u64::MAX {
            self.calls_left.store(left - 1, Ordering::SeqCst);
        }
    }

    async fn deploy(&self) {
        let manifests = self.snapshot.functions.values().map(|offer| offer.manifest.clone()).collect();
        let (id, source) = (DeploymentId::new("d1"), "sim".into());
        let deploy = Deploy { id, bytes: Vec::new(), manifests, source, at: clock::now() };
        self.memory.deploy(deploy).await.expect("deploys");
    }

    async fn all_over(&self) {
        loop {
            let is_done = self.done().len() == self.plan.deeds.len();
            if is_done && self.runs().await.iter().all(|(_, status)| status.is_final()) {
                return;
            }
            self.progress.notified().await;
        }
    }

    /// The deeds that are done.
    pub(super) fn done(&self) -> std::sync::MutexGuard<'_, BTreeSet<usize>> {
        self.done.lock().expect("nothing breaks while it is held")
    }

    /// All runs, the oldest first.
    pub(super) async fn runs(&self) -> Vec<(RunId, Status)> {
        let all = self.memory.runs(RunFilter { limit: usize::MAX, ..RunFilter::default() }).await;
        let mut all: Vec<_> = all.expect("the model lists").into_iter().collect();
        all.reverse();
        all.into_iter().map(|run| (run.id, run.index.status)).collect()
    }

    /// What a run with this number does.
    pub(super) fn script(&self, function: &FunctionId, n: u64) -> Script {
        let writes = self.plan.functions.iter().find(|(draft, _)| draft.id == function.as_str());
        let dice = Dice::new(self.seed, &format!("{function} {n}"));
        writes.and_then(|(_, writes)| *writes).map(|writes| writes(&dice)).unwrap_or_default()
    }

    pub(super) fn manifest(&self, function: &FunctionId) -> &Manifest {
        &self.snapshot.functions[function].manifest
    }

    pub(super) fn trace<T>(&self, with: impl FnOnce(&mut Trace) -> T) -> T {
        with(&mut self.trace.lock().expect("nothing breaks while it is held"))
    }

    pub(super) fn tell(&self, fact: Fact) {
        self.trace(|trace| trace.add(clock::now(), fact));
    }

    pub(super) fn wrong(&self, what: String) {
        self.trace(|trace| trace.wrong.push(what));
    }

    pub(super) fn is_paused(&self, function: &FunctionId) -> bool {
        self.trace(|trace| {
            let about = trace.facts().iter().rev().find_map(|(_, fact)| match fact {
                Fact::Paused(f, is_paused) if f == function => Some(*is_paused),
                _ => None,
            });
            about.unwrap_or(false)
        })
    }

    /// An instance is made for these events: the same ones each time.
    pub(super) fn enters(&self, run: &RunId, events: &[Event]) {
        let ids: Vec<_> = events.iter().map(|event| event.id.clone()).collect();
        self.trace(|trace| {
            let former = trace.inputs.entry(run.clone()).or_insert_with(|| ids.clone());
            if *former != ids {
                trace.wrong.push(format!("{run} has other events than before"));
            }
        });
    }

    /// A guest was answered: what it was answered before, if it was.
    pub(super) fn answers(&self, run: &RunId, place: usize, answer: (String, String)) {
        self.trace(|trace| {
            let former = trace.answers.entry(run.clone()).or_default();
            match former.get(place) {
                None if former.len() == place => former.push(answer),
                Some(same) if *same == answer => {}
                other => {
                    let other = format!("{run}: answer {place} was {other:?} and is {answer:?} now");
                    trace.wrong.push(other);
                }
            }
        });
    }

    /// An attempt begins: how many did before.
    pub(super) fn begins(&self, run: &RunId, step: &str, is_code: bool) -> u32 {
        let now = clock::now();
        self.trace(|trace| {
            if trace.stopped_at(run).is_some_and(|at| at < now) {
                trace.wrong.push(format!("{run}: {step} begins, and the run is stopped (code: {is_code})"));
            }
            trace.add(now, Fact::Begun { run: run.clone() });
            let begun = trace.begun.entry((run.clone(), step.into())).or_default();
            *begun += 1;
            *begun - 1
        })
    }

    /// Code executes as long as this is kept.
    pub(super) fn counts(self: &Arc<Self>, run: &RunId, function: &FunctionId, key: &str) -> Executing {
        let of = self.plan.limits.iter().enumerate();
        let of = of.filter(|(_, limit)| limit.of.contains(&function.as_str()));
        let at: Vec<_> =
            of.map(|(n, limit)| (n, if limit.by_key { key.to_owned() } else { String::new() })).collect();
        self.trace(|trace| {
            for place in &at {
                let now = trace.executing.entry(place.clone()).or_default();
                *now += 1;
                let (now, limit) = (*now, self.plan.limits[place.0].limit);
                trace.most = trace.most.max(now);
                if now > limit {
                    trace.wrong.push(format!("{now} execute at {place:?} with {run}: the limit is {limit}"));
                }
            }
        });
        Executing(self.clone(), at)
    }
}

/// Code that executes.
pub(super) struct Executing(Arc<World>, Vec<(usize, String)>);

impl Drop for Executing {
    fn drop(&mut self) {
        self.0.trace(|trace| {
            for place in &self.1 {
                *trace.executing.get_mut(place).expect("it was counted") -= 1;
            }
        });
    }
}
