//! Worlds by chance: what functions there are and what happens to them.

use super::dice::Dice;
use super::faulty::Faults;
use super::guests::{Act, SENT, Script, Writes};
use super::outside::Deed;
use super::world::{Limit, Plan};
use pawl_engine::Span;
use pawl_engine::flow::{
    Batch, CancelOn, Concurrency, Debounce, Flow, RateLimit, Scope, Singleton, SingletonMode, Throttle,
};
use pawl_engine::manifest::{Draft, DraftTrigger};

/// A function that these events start.
pub(super) fn function(id: &str, events: &[&str], flow: Flow<String>, dice: &Dice) -> Draft {
    let trigger = |name: &&str| DraftTrigger::Event { name: (*name).into(), filter: None };
    Draft {
        id: id.into(),
        triggers: events.iter().map(trigger).collect(),
        retries: Some(dice.between(0, 3) as u32),
        flow,
        ..Draft::default()
    }
}

/// A few faults, many, or none at all.
pub(super) fn faults(dice: &Dice) -> Faults {
    match dice.between(0, 4) {
        0 => Faults::default(),
        1 => Faults { delays: 300, ..Faults::default() },
        2 => Faults { deaths: dice.between(1, 4), peaceful: 300, ..Faults::default() },
        3 => Faults { fails: 40, lies: 40, delays: 200, goes_on: 200, ..Faults::default() },
        _ => Faults {
            fails: dice.between(0, 60),
            lies: dice.between(0, 60),
            delays: dice.between(0, 300),
            goes_on: dice.between(0, 500),
            deaths: dice.between(1, 6),
            peaceful: 200,
        },
    }
}

impl Faults {
    /// Whether anything can be lost.
    pub(super) fn any(&self) -> bool {
        self.fails + self.lies + self.deaths > 0
    }
}

/// What all plans have in common.
pub(super) fn plan(dice: &Dice) -> Plan {
    Plan {
        faults: faults(dice),
        slots: dice.between(1, 8),
        retry_ms: dice.pick(&[1, 200, 3_000]),
        patience_ms: 4 * 3_600_000,
        ..Plan::default()
    }
}

const KEYS: [&str; 3] = ["a", "b", "c"];

/// So many events of this name at times of one stretch, the numbers from `first` on.
pub(super) fn sends(
    dice: &Dice,
    name: &'static str,
    count: u64,
    over_ms: u64,
    first: u64,
) -> Vec<(u64, Deed)> {
    let is_burst = dice.happens(300);
    let send = |n| {
        let at = if is_burst { dice.between(0, 20) } else { dice.between(0, over_ms) };
        (at, Deed::Send(name, first + n, dice.pick(&KEYS).into()))
    };
    (0..count).map(send).collect()
}

fn work(dice: &Dice) -> Act {
    let fails = if dice.happens(250) { dice.between(1, 4) } else { 0 };
    Act::Work { ms: dice.pick(&[0, 1, 20, 500, 4_000]), fails, breaks: dice.happens(300) }
}

fn fetch(dice: &Dice) -> Act {
    Act::Fetch { ms: dice.pick(&[0, 5, 300]), fails: if dice.happens(200) { 1 } else { 0 } }
}

/// Code, sleeps and requests, one after the other and side by side.
pub(super) fn simple(dice: &Dice) -> Script {
    let one = |dice: &Dice| match dice.between(0, 5) {
        0 => Act::Sleep(dice.pick(&[0, 1, 700, 20_000])),
        1 => fetch(dice),
        _ => work(dice),
    };
    let act = |_| match dice.between(0, 3) {
        0 => {
            Act::List { is_race: dice.happens(300), of: (0..dice.between(2, 4)).map(|_| one(dice)).collect() }
        }
        _ => one(dice),
    };
    let acts = (0..dice.between(0, 4)).map(act).collect();
    Script { acts, fails: if dice.happens(150) { dice.between(1, 2) } else { 0 } }
}

/// 1. Functions without any flow.
pub(super) fn plain(dice: &Dice) -> Plan {
    let functions = vec![
        (function("f", &["sim/a"], Flow::default(), dice), Some(simple as Writes)),
        (function("g", &["sim/a", "sim/b"], Flow::default(), dice), Some(simple as Writes)),
    ];
    let mut deeds = sends(dice, "sim/a", dice.between(1, 6), 20_000, 0);
    deeds.extend(sends(dice, "sim/b", dice.between(0, 4), 20_000, 100));
    Plan { functions, deeds, ..plan(dice) }
}

/// Only what counts at a limit, and pauses between it.
fn busy(dice: &Dice) -> Script {
    let act = |_| match dice.between(0, 6) {
        0 => Act::Sleep(dice.pick(&[1, 2_000])),
        1 | 2 => Act::List {
            is_race: dice.happens(300),
            of: (0..dice.between(2, 5)).map(|_| work(dice)).collect(),
        },
        3 => fetch(dice),
        _ => work(dice),
    };
    Script { acts: (0..dice.between(1, 4)).map(act).collect(), fails: 0 }
}

/// 2. Limits of concurrency: a function's, by key, the host's, two at once.
pub(super) fn concurrency(dice: &Dice) -> Plan {
    let limit = |n, key: Option<&str>, scope| Concurrency { limit: n, key: key.map(Into::into), scope };
    let n = || dice.between(1, 3) as u32;
    let (a, b, c) = (n(), n(), n());
    let flow = |concurrency| Flow { concurrency, ..Flow::default() };
    let shared = || limit(c, Some("\"all\""), Scope::Account);
    let mut limits = vec![Limit { of: vec!["f"], by_key: false, limit: a }];
    let (of_f, of_g) = match dice.between(0, 3) {
        0 => (vec![limit(a, None, Scope::Function)], vec![]),
        1 => {
            limits[0].by_key = true;
            (vec![limit(a, Some("event.data.k"), Scope::Function)], vec![])
        }
        2 => {
            limits.push(Limit { of: vec!["f", "g"], by_key: false, limit: c });
            (vec![limit(a, None, Scope::Function), shared()], vec![shared()])
        }
        _ => {
            limits.push(Limit { of: vec!["f"], by_key: true, limit: b });
            limits.push(Limit { of: vec!["g"], by_key: true, limit: b });
            let key = || limit(b, Some("event.data.k"), Scope::Function);
            (vec![limit(a, None, Scope::Function), key()], vec![key()])
        }
    };
    let functions = vec![
        (function("f", &["sim/a"], flow(of_f), dice), Some(busy as Writes)),
        (function("g", &["sim/a"], flow(of_g), dice), Some(busy as Writes)),
    ];
    let deeds = sends(dice, "sim/a", dice.between(3, 9), 8_000, 0);
    Plan { functions, deeds, limits, ..plan(dice) }
}

/// 3. Throttles, with and without a key, and a limit beside them.
pub(super) fn throttle(dice: &Dice) -> Plan {
    let key = dice.happens(500).then(|| "event.data.k".to_owned());
    let (limit, burst) = (dice.between(1, 3) as u32, dice.between(0, 2) as u32);
    let throttle = Throttle { limit, period: Span::from_millis(dice.between(1_000, 9_000)), burst, key };
    let mut flow = Flow { throttle: Some(throttle), ..Flow::default() };
    if dice.happens(300) {
        flow.concurrency.push(Concurrency { limit: 1, key: None, scope: Scope::Function });
    }
    let functions = vec![(function("f", &["sim/a"], flow, dice), Some(simple as Writes))];
    Plan { functions, deeds: sends(dice, "sim/a", dice.between(2, 10), 10_000, 0), ..plan(dice) }
}

/// As [`simple`], and short: what it is about happens before.
fn short(dice: &Dice) -> Script {
    Script { acts: (0..dice.between(0, 2)).map(|_| work(dice)).collect(), fails: 0 }
}

/// By chance, and in half of all cases, the run's key.
fn key(dice: &Dice) -> Option<String> {
    dice.happens(500).then(|| "event.data.k".to_owned())
}

/// 3b. Rate limits and idempotency.
pub(super) fn rate_limit(dice: &Dice) -> Plan {
    let (limit, period) = (dice.between(1, 25) as u32, Span::from_millis(dice.between(1_000, 20_000)));
    let flow = match dice.happens(700) {
        true => Flow { rate_limit: Some(RateLimit { limit, period, key: key(dice) }), ..Flow::default() },
        false => Flow { idempotency: Some("event.data.k".into()), ..Flow::default() },
    };
    let functions = vec![(function("f", &["sim/a"], flow, dice), Some(short as Writes))];
    Plan { functions, deeds: sends(dice, "sim/a", dice.between(2, 14), 20_000, 0), ..plan(dice) }
}

/// 4. Debounce.
pub(super) fn debounce(dice: &Dice) -> Plan {
    let period = dice.between(1_000, 4_000);
    let timeout = dice.happens(500).then(|| Span::from_millis(period + dice.between(0, 5_000)));
    let debounce = Debounce { period: Span::from_millis(period), timeout, key: key(dice) };
    let flow = Flow { debounce: Some(debounce), ..Flow::default() };
    let functions = vec![(function("f", &["sim/a"], flow, dice), Some(short as Writes))];
    let deeds = sends(dice, "sim/a", dice.between(2, 14), 20_000, 0);
    Plan { functions, deeds, ..Plan { slots: 30, ..plan(dice) } }
}

/// 5. Batches.
pub(super) fn batch(dice: &Dice) -> Plan {
    let (max_size, timeout) = (dice.between(2, 5) as u32, Span::from_millis(dice.between(1_000, 6_000)));
    let batch = Batch { max_size, timeout, key: key(dice), filter: None };
    let flow = Flow { batch: Some(batch), ..Flow::default() };
    let functions = vec![(function("f", &["sim/a"], flow, dice), Some(short as Writes))];
    Plan { functions, deeds: sends(dice, "sim/a", dice.between(2, 14), 15_000, 0), ..plan(dice) }
}

/// 6a. One at a time.
pub(super) fn singleton(dice: &Dice) -> Plan {
    let mode = dice.pick(&[SingletonMode::Skip, SingletonMode::Cancel]);
    let flow = Flow { singleton: Some(Singleton { key: key(dice), mode }), ..Flow::default() };
    let functions = vec![(function("f", &["sim/a"], flow, dice), Some(busy as Writes))];
    Plan { functions, deeds: sends(dice, "sim/a", dice.between(2, 10), 12_000, 0), ..plan(dice) }
}

/// 6b. Runs that events and times cancel.
pub(super) fn cancels(dice: &Dice) -> Plan {
    let span = || Span::from_millis(dice.pick(&[300, 2_000, 9_000]));
    let filter = Some("async.data.k == event.data.k".to_owned());
    let timeout = dice.happens(300).then(span);
    let mut flow = Flow::default();
    if dice.happens(700) {
        flow.cancel_on.push(CancelOn { event: "sim/cancel".into(), filter, timeout });
    }
    if dice.happens(400) {
        flow.concurrency.push(Concurrency { limit: 1, key: None, scope: Scope::Function });
    }
    flow.timeouts.start = dice.happens(400).then(span);
    flow.timeouts.finish = dice.happens(400).then(span);
    let functions = vec![(function("f", &["sim/a"], flow, dice), Some(busy as Writes))];
    let mut deeds = sends(dice, "sim/a", dice.between(2, 8), 10_000, 0);
    deeds.extend(sends(dice, "sim/cancel", dice.between(0, 3), 15_000, 500));
    Plan { functions, deeds, ..plan(dice) }
}

/// Everything that a step can be.
fn talk(dice: &Dice) -> Script {
    let one = |dice: &Dice| match dice.between(0, 9) {
        0 => Act::Sleep(dice.pick(&[0, 700, 5_000])),
        1 | 2 => {
            Act::Wait { event: dice.pick(&[SENT, "sim/b"]), ms: dice.pick(&[100, 3_000, 30_000, 900_000]) }
        }
        3 | 4 => Act::Invoke {
            function: dice.pick(&["h", "k"]),
            n: dice.between(1_000, 1_005),
            ms: dice.pick(&[50, 2_000, 900_000]),
        },
        5 | 6 => Act::Send(dice.between(1, 3)),
        7 => fetch(dice),
        _ => work(dice),
    };
    let act = |_| match dice.between(0, 2) {
        0 => {
            Act::List { is_race: dice.happens(400), of: (0..dice.between(2, 5)).map(|_| one(dice)).collect() }
        }
        _ => one(dice),
    };
    Script { acts: (0..dice.between(1, 5)).map(act).collect(), fails: u64::from(dice.happens(150)) }
}

/// 7. Runs that wait for events and for each other.
pub(super) fn talks(dice: &Dice) -> Plan {
    let limited = match dice.happens(300) {
        true => vec![Concurrency { limit: 1, key: None, scope: Scope::Function }],
        false => Vec::new(),
    };
    let functions = vec![
        (function("f", &["sim/a"], Flow::default(), dice), Some(talk as Writes)),
        (function("g", &[SENT], Flow::default(), dice), Some(short as Writes)),
        (function("h", &[], Flow::default(), dice), Some(simple as Writes)),
        (function("k", &[], Flow { concurrency: limited, ..Flow::default() }, dice), Some(short as Writes)),
    ];
    let mut deeds = sends(dice, "sim/a", dice.between(1, 5), 10_000, 0);
    deeds.extend(sends(dice, "sim/b", dice.between(0, 6), 20_000, 300));
    Plan { functions, deeds, ..plan(dice) }
}

/// A wait beside code, or a request, that takes long.
fn long(dice: &Dice) -> Script {
    let work = || Act::Work { ms: 100_000, fails: 0, breaks: false };
    let mut of = match dice.happens(500) {
        true => vec![work(), work()],
        false => vec![Act::Fetch { ms: 100_000, fails: 0 }],
    };
    of.push(Act::Wait { event: "sim/b", ms: 900_000 });
    Script { acts: vec![Act::List { is_race: dice.happens(500), of }], fails: 0 }
}

/// 7b. Runs that are told something while they are busy.
pub(super) fn told(dice: &Dice) -> Plan {
    let functions = vec![(function("f", &["sim/a"], Flow::default(), dice), Some(long as Writes))];
    let send = |at, name, n| (at, Deed::Send(name, n, "a".into()));
    let deeds = vec![send(0, "sim/a", 0), send(dice.between(1_000, 30_000), "sim/b", 300)];
    Plan { functions, deeds, ..Plan { slots: 8, faults: Faults::default(), ..plan(dice) } }
}

/// 8. Operators: runs and functions stop and go on, or are cancelled.
pub(super) fn hands(dice: &Dice) -> Plan {
    let limit = Concurrency { limit: dice.between(1, 3) as u32, key: None, scope: Scope::Function };
    let limits = vec![Limit { of: vec!["g"], by_key: false, limit: limit.limit }];
    let functions = vec![
        (function("f", &["sim/a"], Flow::default(), dice), Some(talk as Writes)),
        (
            function("g", &["sim/a"], Flow { concurrency: vec![limit], ..Flow::default() }, dice),
            Some(busy as Writes),
        ),
        (function("h", &[], Flow::default(), dice), Some(simple as Writes)),
        (function("k", &[], Flow::default(), dice), Some(short as Writes)),
    ];
    let mut deeds = sends(dice, "sim/a", dice.between(1, 5), 10_000, 0);
    deeds.extend(sends(dice, "sim/b", dice.between(0, 3), 20_000, 300));
    for _ in 0..dice.between(1, 6) {
        let function = dice.pick(&["f", "g", "h"]);
        let deed = match dice.between(0, 6) {
            0 => Deed::Pause(function),
            1 => Deed::Resume(function),
            2 => Deed::CancelRun(dice.between(0, 9)),
            3 => Deed::CancelAll(function),
            _ => Deed::PauseRun(dice.between(0, 9)),
        };
        deeds.push((dice.between(0, 20_000), deed));
    }
    deeds.push((dice.between(20_000, 40_000), Deed::ResumeAll));
    Plan { functions, deeds, limits, ..plan(dice) }
}
