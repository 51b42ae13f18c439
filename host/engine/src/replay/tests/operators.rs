//! What operators do to runs: cancel, pause, resume, move, begin again from a step.

use super::*;
use crate::{DeploymentId, Index, Status};

fn moved(world: &mut World) -> Option<Reworked> {
    move_to(at(0), &world.journal, (DeploymentId::new("d1"), DeploymentId::new("d2")), at(world.now))
}

/// Records what an operator did.
fn take(world: &mut World, reworked: Option<Reworked>) -> Index {
    let Reworked { entry, index } = reworked.expect("it can be done");
    world.journal.push(entry);
    assert_eq!(index, Index::of(&world.run()));
    index
}

#[test]
fn a_cancelled_run_takes_nothing_more() {
    let mut world = World::new();
    let index = cancel(at(0), &[], "by hand", at(1));
    let index = take(&mut world, index);
    assert_eq!((index.status, index.ended_at), (Status::Cancelled, Some(at(1))));
    assert_eq!(cancel(at(0), &world.journal, "again", at(2)), None);
    assert_eq!(pause(at(0), &world.journal, at(2)), None);
    assert_eq!(resume(at(0), &world.journal, at(2)), None);
    assert_eq!(moved(&mut world), None);
}

#[test]
fn a_journal_that_does_not_fold_can_still_be_ended() {
    let odd = [Entry::Started { at: at(1) }, Entry::SleepEnded { step: key("a"), at: at(2) }];
    assert!(Run::fold(at(0), &odd).is_err());
    let Reworked { entry, index } = cancel(at(0), &odd, "by hand", at(3)).expect("can be ended");
    assert_eq!((index.status, index.started_at), (Status::Cancelled, Some(at(1))));
    assert_eq!(entry, Entry::Finished { at: at(3), outcome: Outcome::Cancelled("by hand".into()) });
    let Reworked { entry, index } = give_up(&odd, broken(), at(3));
    assert_eq!((index.status, index.wake_at, index.ended_at), (Status::Failed, None, Some(at(3))));
    assert_eq!(entry, Entry::Finished { at: at(3), outcome: Outcome::Failed(broken()) });
    assert_eq!(pause(at(0), &odd, at(3)), None);
}

#[test]
fn a_paused_run_wakes_by_nothing_and_goes_on_where_it_was_when_it_is_resumed() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.execute(&mut pass, "a", "1");
    world.go(&mut pass, &[sleep("nap", 100)]);
    let paused = pause(at(0), &world.journal, at(10));
    let index = take(&mut world, paused);
    assert_eq!((index.status, index.wake_at, index.ended_at), (Status::Paused, None, None));
    assert_eq!(pause(at(0), &world.journal, at(11)), None, "only once");
    let resumed = resume(at(0), &world.journal, at(20));
    let index = take(&mut world, resumed);
    assert_eq!((index.status, index.wake_at), (Status::Running, Some(at(20))));
    assert_eq!(resume(at(0), &world.journal, at(21)), None, "only once");
    let mut pass = world.pass();
    assert_eq!(world.ask(&mut pass, &[run("a")]), Answer::Recorded(0, ok("1")));
    world.now = 200;
    assert_eq!(world.ask(&mut pass, &[sleep("nap", 100)]), Answer::Recorded(0, null()));
}

#[test]
fn a_run_that_was_paused_before_its_start_is_queued_again_when_it_is_resumed() {
    let mut world = World::new();
    let paused = pause(at(0), &[], at(1));
    assert_eq!(take(&mut world, paused).started_at, None);
    let resumed = resume(at(0), &world.journal, at(2));
    assert_eq!(take(&mut world, resumed).status, Status::Queued);
    world.now = 3;
    world.pass();
    assert_eq!(world.run().started_at, Some(at(4)));
}

#[test]
fn a_paused_run_refuses_every_new_step_and_its_end() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.go(&mut pass, &[run("a")]);
    world.journal.extend(pass.replay.stop(broken(), at(2)).expect("stops"));
    assert_eq!(world.run().phase, Phase::Paused { why: Some(broken()) });
    let illegal = |refused: Result<(), Refused>| {
        assert!(matches!(refused, Err(Refused::Illegal(_))), "{refused:?}");
    };
    illegal(pass.replay.finish(&mut pass.cursor, &key("a"), ok("1"), at(3)).map(drop));
    let mut pass = world.pass();
    for call in [sleep("s", 1), wait("w", 1), invoke("i", "label", 1), send("e", &["a"]), fetch("f")] {
        illegal(world.try_ask(&mut pass, &[call]).map(drop));
    }
    illegal(pass.replay.park(&pass.cursor, at(9), at(3)).map(drop));
    illegal(world.end(&mut pass, ok("1")));
    assert!(world.effects.is_empty());
    let cancelled = cancel(at(0), &world.journal, "by hand", at(4));
    assert_eq!(take(&mut world, cancelled).status, Status::Cancelled, "but it can be cancelled");
}

#[test]
fn a_run_that_is_moved_stays_as_it_was() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.go(&mut pass, &[sleep("nap", 100)]);
    let before = world.run();
    let index = moved(&mut world);
    let index = take(&mut world, index);
    assert_eq!((index.status, index.wake_at), (Status::Sleeping, Some(at(101))));
    assert_eq!(Run { seq: before.seq, ..world.run() }, before);
    let paused = pause(at(0), &world.journal, at(2));
    take(&mut world, paused);
    let index = moved(&mut world);
    assert_eq!(take(&mut world, index).status, Status::Paused, "moving does not resume it");
}

#[test]
fn what_begins_again_from_a_step_keeps_what_had_settled_before_and_nothing_else() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.execute(&mut pass, "a", "1");
    // fails once, and is done later
    world.go(&mut pass, &[run("b")]);
    world.finish(&mut pass, Err(broken()));
    world.now += 10;
    let mut pass = world.pass();
    world.ask(&mut pass, &[run("a")]);
    world.execute(&mut pass, "b", "2");
    // under way when `c` begins: a sleep, a wait, a try that failed
    let list = [sleep("nap", 1_000), wait("paid", 1_000), run("d"), run("e")];
    world.take_off(&mut pass, &list);
    world.settle(&mut pass, &key("d"), Err(broken()));
    world.settle(&mut pass, &key("e"), ok("5"));
    world.ask(&mut pass, &list);
    world.execute(&mut pass, "c", "3");
    world.execute(&mut pass, "f", "6");
    world.end(&mut pass, ok("0")).expect("ends");

    let kept = outcomes_before(at(0), &world.journal, &key("c")).expect("has such a step");
    let run_again = Run::fold(at(0), &kept).expect("folds");
    let settled: Vec<_> = run_again.settled.iter().map(ToString::to_string).collect();
    assert_eq!(settled, ["a", "b", "e"]);
    assert_eq!(run_again.steps.len(), 3, "only those");
    assert_eq!((run_again.phase, run_again.tries), (Phase::Running, 0));
    assert!(matches!(kept[0], Entry::Started { .. }));
    assert_eq!(kept.iter().filter(|e| matches!(e, Entry::AttemptFailed { .. })).count(), 1);
    // and the function goes on from there
    let mut again = World { journal: kept, now: world.now, ..World::new() };
    let mut pass = again.pass();
    assert_eq!(again.ask(&mut pass, &[run("a")]), Answer::Recorded(0, ok("1")));
    assert_eq!(again.ask(&mut pass, &[run("b")]), Answer::Recorded(0, ok("2")));
    assert_eq!(again.ask(&mut pass, &list), Answer::Recorded(3, ok("5")));
    again.execute(&mut pass, "c", "3");
}

#[test]
fn what_begins_again_from_its_first_step_begins_at_its_start() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.execute(&mut pass, "a", "1");
    assert_eq!(outcomes_before(at(0), &world.journal, &key("a")), Some(vec![Entry::Started { at: at(1) }]));
    assert_eq!(outcomes_before(at(0), &world.journal, &key("b")), None, "it has no such step");
    assert_eq!(outcomes_before(at(0), &[], &key("a")), None);
}

#[test]
fn what_begins_again_forgets_that_it_was_paused_moved_or_broken() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.execute(&mut pass, "a", "1");
    world.end(&mut pass, Err(broken())).expect("another try comes");
    let paused = pause(at(0), &world.journal, at(9));
    take(&mut world, paused);
    let index = moved(&mut world);
    take(&mut world, index);
    let resumed = resume(at(0), &world.journal, at(10));
    take(&mut world, resumed);
    world.now = 20;
    let mut pass = world.pass();
    world.ask(&mut pass, &[run("a")]);
    world.execute(&mut pass, "b", "2");
    let kept = outcomes_before(at(0), &world.journal, &key("b")).expect("has such a step");
    let [Entry::Started { .. }, Entry::StepCompleted { step, .. }] = kept.as_slice() else {
        panic!("{kept:?}")
    };
    assert_eq!(*step, key("a"));
}

#[test]
fn a_sent_event_or_a_finished_invocation_stays_settled_when_a_run_begins_again() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.ask(&mut pass, &[send("tell", &["shop/a"])]);
    world.go(&mut pass, &[invoke("ask", "label", 100)]);
    world.mail = vec![Mail::Ended { step: key("ask"), result: ok("7") }];
    let mut pass = world.pass();
    world.ask(&mut pass, &[send("tell", &["shop/a"])]);
    world.ask(&mut pass, &[invoke("ask", "label", 100)]);
    world.execute(&mut pass, "c", "3");
    let journal = outcomes_before(at(0), &world.journal, &key("c")).expect("has such a step");
    let mut again = World { journal, now: world.now, ..World::new() };
    let mut pass = again.pass();
    assert_eq!(again.ask(&mut pass, &[send("tell", &["shop/a"])]), Answer::Recorded(0, ok(r#"["e1"]"#)));
    assert_eq!(again.ask(&mut pass, &[invoke("ask", "label", 100)]), Answer::Recorded(0, ok("7")));
    assert!(again.effects.is_empty());
}
