//! Replays as guests see them, and random guests against the transition table.

use super::*;
use crate::journal::samples::{at, key, text};
use proptest::prelude::*;

const RULES: Rules =
    Rules { retries: 3, retry_interval: Some(Span::from_millis(10)), step_timeout: Span::from_secs(300) };

/// A run's journal, and passes over it.
struct World {
    journal: Vec<Entry>,
    now: i64,
}

impl World {
    fn new() -> Self {
        Self { journal: Vec::new(), now: 0 }
    }
    fn pass(&mut self) -> Replay {
        self.now += 1;
        let run = Run::fold(at(0), &self.journal).expect("a legal journal");
        let (replay, first) = Replay::begin(RunId::new("r"), run, RULES, at(self.now)).expect("begins");
        self.journal.extend(first);
        replay
    }
    fn ask(&mut self, replay: &mut Replay, calls: &[StepCall]) -> Answer {
        let (answer, entries) = replay.ask(calls, at(self.now)).expect("an answer");
        self.journal.extend(entries);
        answer
    }
    fn finish(&mut self, replay: &mut Replay, result: Result<Payload, Failure>) -> Settled {
        self.now += 1;
        let (settled, entries) = replay.finish(result, at(self.now)).expect("an open attempt");
        self.journal.extend(entries);
        settled
    }
    fn execute(&mut self, replay: &mut Replay, id: &str, output: &str) {
        assert!(matches!(self.ask(replay, &[run(id)]), Answer::Execute(0, _)), "{id} executes");
        assert_eq!(self.finish(replay, Ok(text(output))), Settled::Completed);
    }
}

fn run(id: &str) -> StepCall {
    StepCall { id: id.into(), op: Op::Run(RunOptions::default()) }
}

fn sleep(id: &str, ms: u64) -> StepCall {
    StepCall { id: id.into(), op: Op::Sleep(Span::from_millis(ms)) }
}

#[test]
fn a_finished_step_answers_from_the_journal_and_never_executes_again() {
    let mut world = World::new();
    let mut first = world.pass();
    world.execute(&mut first, "a", "1");
    let mut second = world.pass();
    let entries = world.journal.len();
    assert_eq!(world.ask(&mut second, &[run("a")]), Answer::Recorded(0, Ok(text("1"))));
    assert_eq!(world.journal.len(), entries, "a replay records nothing");
}

#[test]
fn a_repeated_id_is_another_step_each_time() {
    let mut world = World::new();
    let mut first = world.pass();
    for output in ["0", "1", "2"] {
        world.execute(&mut first, "a", output);
    }
    let mut second = world.pass();
    for output in ["0", "1", "2"] {
        assert_eq!(world.ask(&mut second, &[run("a")]), Answer::Recorded(0, Ok(text(output))));
    }
}

#[test]
fn a_sleep_parks_until_its_end_and_then_answers() {
    let mut world = World::new();
    let mut first = world.pass();
    assert_eq!(world.ask(&mut first, &[sleep("s", 100)]), Answer::Park);
    assert_eq!(first.run().phase, Phase::Sleeping { until: at(101) });
    world.now = 50;
    let mut early = world.pass();
    assert_eq!(world.ask(&mut early, &[sleep("s", 100)]), Answer::Park, "woken early, it parks again");
    world.now = 101;
    let mut late = world.pass();
    assert_eq!(world.ask(&mut late, &[sleep("s", 100)]), Answer::Recorded(0, Ok(Payload::null())));
    assert_eq!(late.run().phase, Phase::Running);
}

#[test]
fn each_step_has_its_own_count_of_tries_and_the_last_failure_reaches_the_function() {
    let mut world = World::new();
    for attempt in 0..4 {
        let mut pass = world.pass();
        let Answer::Execute(0, open) = world.ask(&mut pass, &[run("a")]) else { panic!("executes") };
        assert_eq!((open.number, open.max), (attempt, 4));
        let settled = world.finish(&mut pass, Err(Failure::new("E", "broken")));
        match attempt {
            3 => {
                let failure = Failure::new("E", "broken").for_good();
                assert_eq!(settled, Settled::Failed(failure.clone()));
                assert!(matches!(world.ask(&mut pass, &[run("b")]), Answer::Execute(0, b) if b.number == 0));
            }
            _ => {
                assert_eq!(settled, Settled::Park);
                let mut early = world.pass();
                assert_eq!(world.ask(&mut early, &[run("a")]), Answer::Park, "too early");
                world.now += 10;
            }
        }
    }
}

#[test]
fn a_failure_that_says_never_is_not_tried_again() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.ask(&mut pass, &[run("a")]);
    let failure = Failure::new("E", "no such card").for_good();
    assert_eq!(world.finish(&mut pass, Err(failure.clone())), Settled::Failed(failure.clone()));
    world.journal.extend(pass.end(Err(failure), at(9)).expect("ends"));
    assert!(matches!(pass.run().phase, Phase::Finished(Outcome::Failed(_))));
}

#[test]
fn in_a_list_runs_execute_one_by_one_while_a_sleep_goes_on() {
    let mut world = World::new();
    let mut pass = world.pass();
    let list = [sleep("s", 100), run("a"), run("b")];
    assert!(matches!(world.ask(&mut pass, &list), Answer::Execute(1, _)));
    world.finish(&mut pass, Ok(text("1")));
    let rest = [sleep("s", 100), run("b")];
    assert!(matches!(world.ask(&mut pass, &rest), Answer::Execute(1, _)));
    world.finish(&mut pass, Ok(text("2")));
    assert_eq!(world.ask(&mut pass, &[sleep("s", 100)]), Answer::Park);
    // a replay answers in the order in which they settled, whatever the order of the list
    world.now = 200;
    let mut replay = world.pass();
    let back = [run("b"), sleep("s", 100), run("a")];
    assert_eq!(world.ask(&mut replay, &back), Answer::Recorded(2, Ok(text("1"))));
    assert_eq!(world.ask(&mut replay, &back[..2]), Answer::Recorded(0, Ok(text("2"))));
    assert_eq!(world.ask(&mut replay, &back[1..2]), Answer::Recorded(0, Ok(Payload::null())));
}

#[test]
fn a_failed_try_beside_others_goes_on_with_the_others_at_once() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.ask(&mut pass, &[run("a"), run("b")]);
    assert_eq!(world.finish(&mut pass, Err(Failure::new("E", "m"))), Settled::Park);
    assert_eq!(pass.run().phase, Phase::Sleeping { until: at(world.now) });
    let mut pass = world.pass();
    assert!(matches!(world.ask(&mut pass, &[run("a"), run("b")]), Answer::Execute(1, _)));
}

#[test]
fn the_same_key_as_another_kind_is_a_divergence_that_names_the_step() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.execute(&mut pass, "a", "1");
    let refused = world.pass().ask(&[sleep("a", 1)], at(9)).expect_err("refused");
    assert_eq!(refused, Refused::Diverged(key("a"), "run", "sleep"));
}

#[test]
fn a_step_inside_of_a_step_is_refused() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.ask(&mut pass, &[run("outer")]);
    let refused = pass.ask(&[run("inner")], at(9)).expect_err("refused");
    assert_eq!(refused, Refused::Nested(key("outer"), "inner".into()));
}

#[test]
fn the_thousand_and_first_step_is_refused() {
    let mut world = World::new();
    let mut pass = world.pass();
    (0..limits::STEPS_PER_RUN).for_each(|_| world.execute(&mut pass, "a", "0"));
    assert_eq!(pass.ask(&[run("a")], at(9)), Err(Refused::TooManySteps));
}

#[test]
fn a_cancelled_run_takes_nothing_more() {
    let (entry, index) = cancel(at(0), &[], "by hand", at(1)).expect("not over yet");
    assert_eq!((index.status, index.ended_at), (crate::Status::Cancelled, Some(at(1))));
    assert_eq!(cancel(at(0), &[entry], "again", at(2)), None);
}

#[test]
fn a_journal_that_does_not_fold_can_still_be_ended() {
    let odd = [Entry::Started { at: at(1) }, Entry::SleepEnded { step: key("a"), at: at(2) }];
    assert!(Run::fold(at(0), &odd).is_err());
    let (_, index) = cancel(at(0), &odd, "by hand", at(3)).expect("can be ended");
    assert_eq!((index.status, index.started_at), (crate::Status::Cancelled, Some(at(1))));
    let (_, index) = give_up(&odd, Failure::new("E", "m"), at(3));
    assert_eq!((index.status, index.wake_at), (crate::Status::Failed, None));
}

#[test]
fn a_refused_list_begins_none_of_its_sleeps() {
    let mut world = World::new();
    let mut pass = world.pass();
    let before = pass.run().clone();
    let year = 367 * 86_400_000;
    let refused = pass.ask(&[sleep("a", 0), sleep("b", year)], at(world.now));
    assert!(matches!(refused, Err(Refused::TooLong(_))), "{refused:?}");
    assert_eq!(*pass.run(), before);
    // in a replay as well, where one of them is recorded
    world.ask(&mut pass, &[sleep("a", 0)]);
    let mut pass = world.pass();
    let refused = pass.ask(&[sleep("a", 0), sleep("b", year)], at(world.now));
    assert!(matches!(refused, Err(Refused::TooLong(_))), "{refused:?}");
    let many: Vec<_> = (0..=limits::STEPS_PER_RUN).map(|_| run("a")).collect();
    assert_eq!(pass.ask(&many, at(world.now)), Err(Refused::TooManySteps));
}

/// A random guest: for each question, which steps, and how an attempt ends.
#[derive(Debug, Clone)]
enum Move {
    Ask(Vec<(u8, bool)>),
    Succeed,
    Fail(bool),
    Leave(u16),
    Return(bool),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let ask = prop::collection::vec((0..4u8, any::<bool>()), 1..4).prop_map(Move::Ask);
    let other = prop_oneof![
        Just(Move::Succeed),
        any::<bool>().prop_map(Move::Fail),
        (0..100u16).prop_map(Move::Leave),
        any::<bool>().prop_map(Move::Return),
    ];
    prop::collection::vec(prop_oneof![3 => ask, 4 => other], 1..60)
}

proptest! {
    /// Whatever a guest does, and wherever it is cut off: what was decided folds, every
    /// prefix of it folds, a settled step keeps its answer, and the columns agree.
    #[test]
    fn every_journal_that_is_decided_folds(moves in moves()) {
        let mut world = World::new();
        let mut pass = world.pass();
        let mut answers: BTreeMap<StepKey, Step> = BTreeMap::new();
        for step in moves {
            match step {
                Move::Ask(list) => {
                    let call = |(n, is_run): &(u8, bool)| match is_run {
                        true => run(&format!("r{n}")),
                        false => sleep(&format!("s{n}"), u64::from(*n) * 7),
                    };
                    let calls: Vec<_> = list.iter().map(call).collect();
                    let before = pass.run().clone();
                    match pass.ask(&calls, at(world.now)) {
                        Ok((_, entries)) => world.journal.extend(entries),
                        Err(_) => prop_assert_eq!(pass.run(), &before, "a refusal changed the run"),
                    }
                }
                Move::Succeed | Move::Fail(_) if pass.open_attempt().is_none() => {}
                Move::Succeed => { world.finish(&mut pass, Ok(text("1"))); }
                Move::Fail(never) => {
                    let f = Failure::new("E", "m");
                    world.finish(&mut pass, Err(if never { f.for_good() } else { f }));
                }
                Move::Leave(ms) => {
                    world.now += i64::from(ms);
                    pass = world.pass();
                }
                Move::Return(ok) => {
                    let result = if ok { Ok(text("2")) } else { Err(Failure::new("E", "m")) };
                    if let Ok(entries) = pass.end(result, at(world.now)) {
                        world.journal.extend(entries);
                    }
                    pass = world.pass();
                }
            }
            let run = Run::fold(at(0), &world.journal).expect("every prefix folds");
            for (key, step) in &answers {
                prop_assert_eq!(run.steps.get(key), Some(step), "a settled step changed");
            }
            answers.extend(run.steps.iter().filter(|(_, s)| s.is_settled()).map(|(k, s)| (k.clone(), s.clone())));
            let index = crate::Index::of(&run);
            prop_assert_eq!(index.status.is_final(), index.wake_at.is_none());
            prop_assert_eq!(index.status.is_final(), index.ended_at.is_some());
            if index.status.is_final() { break; }
        }
    }
}
