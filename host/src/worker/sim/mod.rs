//! The worker, the engine and the intake as they are, with the model of the store and with
//! scripted functions: thousands of short lives of a host, each from a seed, in time that
//! passes only when nothing else can happen. Calls to the store fail, take effect and are
//! said to have failed, or take long; hosts die anywhere and others go on.
//!
//! A failure names its seed. `PAWL_SEED=n` lives that one alone (and tells what happened);
//! `PAWL_SIM=20000` lives so many seeds in all instead of some 2,000.

mod checks;
mod dice;
mod faulty;
mod flows;
mod guests;
mod outside;
mod scenarios;
mod trace;
mod world;

use dice::Dice;
use std::fmt::Write;
use world::{Plan, World};

/// Seeds of all scenarios together.
const SEEDS: u64 = 2_000;

/// How many scenarios share them.
const SCENARIOS: u64 = 11;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// One life, and what was wrong with it.
fn life(seed: u64, plan: fn(&Dice) -> Plan, check: fn(&World)) -> (std::sync::Arc<World>, Vec<String>) {
    let world = World::new(seed, plan(&Dice::new(seed, "plan")));
    world.live();
    let looks = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    looks.block_on(checks::all(&world));
    check(&world);
    let wrong = world.trace(|trace| std::mem::take(&mut trace.wrong));
    (world, wrong)
}

/// Lives many seeds of a scenario.
fn lives(plan: fn(&Dice) -> Plan, check: fn(&World)) {
    let one = number("PAWL_SEED");
    let count = number("PAWL_SIM").unwrap_or(SEEDS) / SCENARIOS;
    let mut failed = String::new();
    let mut failures = 0;
    for seed in one.map_or(0..count, |seed| seed..seed + 1) {
        let (world, wrong) = life(seed, plan, check);
        if one.is_some() {
            eprintln!("{}", told(&world));
        }
        if !wrong.is_empty() {
            failures += 1;
            if failures <= 5 {
                let _ = writeln!(failed, "seed {seed}:\n  {}", wrong[..wrong.len().min(6)].join("\n  "));
            }
        }
    }
    assert!(failures == 0, "{failures} seeds of {count} failed\n{failed}");
}

/// What happened, as text.
fn told(world: &World) -> String {
    let mut text = format!("{:#?}\n", world.plan.faults);
    for deed in &world.plan.deeds {
        let _ = writeln!(text, "{deed:?}");
    }
    world.trace(|trace| {
        for (place, (at, fact)) in trace.facts().iter().enumerate() {
            let _ = writeln!(text, "{place:4} {:8} {fact:?}", at.as_millis() % 1_000_000_000);
        }
    });
    text
}

#[test]
fn runs_come_to_their_ends_whatever_breaks() {
    lives(scenarios::plain, |_| ());
}

#[test]
fn never_more_execute_than_a_limit_says() {
    lives(scenarios::concurrency, |_| ());
}

#[test]
fn no_more_start_than_a_throttle_says() {
    lives(scenarios::throttle, flows::throttle);
}

#[test]
fn no_more_are_made_than_a_rate_limit_says() {
    lives(scenarios::rate_limit, flows::rate_limit);
}

#[test]
fn a_debounced_run_has_the_last_event_and_comes_after_it() {
    lives(scenarios::debounce, flows::debounce);
}

#[test]
fn every_event_is_in_one_batch_in_its_order() {
    lives(scenarios::batch, flows::batch);
}

#[test]
fn there_is_one_run_at_a_time_of_a_singleton() {
    lives(scenarios::singleton, flows::singleton);
}

#[test]
fn who_is_cancelled_does_nothing_more() {
    lives(scenarios::cancels, flows::cancels);
}

#[test]
fn steps_get_what_they_wait_for_and_races_keep_their_winners() {
    lives(scenarios::talks, |_| ());
}

#[test]
fn who_is_busy_hears_at_once_of_what_it_waits_for() {
    lives(scenarios::told, |_| ());
}

#[test]
fn what_is_stopped_rests_and_what_is_resumed_goes_on() {
    lives(scenarios::hands, |_| ());
}
