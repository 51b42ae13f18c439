//! Several tries at once: by the host, and in instances beside the function's own.

use super::*;

#[test]
fn tries_that_were_taken_off_are_answered_as_they_settled_now_and_in_a_replay() {
    let mut world = World::new();
    let mut pass = world.pass();
    let list = [run("a"), run("b"), run("c")];
    assert_eq!(world.take_off(&mut pass, &list), [key("a"), key("b"), key("c")]);
    assert_eq!(pass.replay.under_way(), 3);
    assert!(matches!(world.ask(&mut pass, &list), Answer::Wait(_)), "all of it is under way");
    for (step, output) in [("c", "3"), ("a", "1"), ("b", "2")] {
        assert_eq!(world.settle(&mut pass, &key(step), ok(output)), Settled::Completed);
    }
    for is_replay in [false, true] {
        if is_replay {
            pass = world.pass();
        }
        assert_eq!(world.ask(&mut pass, &list), Answer::Recorded(2, ok("3")));
        assert_eq!(world.ask(&mut pass, &list[..2]), Answer::Recorded(0, ok("1")));
        assert_eq!(world.ask(&mut pass, &list[1..2]), Answer::Recorded(0, ok("2")));
    }
}

#[test]
fn an_answer_is_given_as_soon_as_one_has_settled_and_the_others_go_on() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.take_off(&mut pass, &[run("a"), run("b")]);
    world.settle(&mut pass, &key("b"), ok("2"));
    assert_eq!(world.ask(&mut pass, &[run("a"), run("b")]), Answer::Recorded(1, ok("2")));
    assert!(matches!(world.ask(&mut pass, &[run("a")]), Answer::Wait(_)), "it is not begun twice");
    // the function's own instance works on while that one is under way
    world.execute(&mut pass, "c", "3");
    world.settle(&mut pass, &key("a"), ok("1"));
    assert_eq!(world.ask(&mut pass, &[run("a")]), Answer::Recorded(0, ok("1")));
}

#[test]
fn what_is_under_way_is_waited_for_until_the_next_thing_that_comes_by_itself() {
    let mut world = World::new();
    let mut pass = world.pass();
    let list = [run("a"), fetch("get"), sleep("nap", 100), wait("paid", 70)];
    world.take_off(&mut pass, &list);
    assert_eq!(world.ask(&mut pass, &list), Answer::Wait(at(71)));
    assert_eq!(world.ask(&mut pass, &list[..3]), Answer::Wait(at(101)));
    let Answer::Wait(until) = world.ask(&mut pass, &list[..2]) else { panic!("nothing has settled") };
    assert!(until > at(1_000_000), "something will settle before");
    // a retry comes by itself as well
    world.settle(&mut pass, &key("a"), Err(broken()));
    assert_eq!(world.ask(&mut pass, &list), Answer::Wait(at(world.now + 10)));
}

#[test]
fn a_try_that_did_not_come_about_begins_again() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.take_off(&mut pass, &[run("a"), run("b")]);
    pass.replay.called_off(&key("a"));
    assert_eq!(pass.replay.under_way(), 1);
    assert_eq!(attempts(&world.ask(&mut pass, &[run("a"), run("b")])), [(0, "a".into(), 0)]);
    pass.replay.call_all_off();
    assert_eq!(attempts(&world.ask(&mut pass, &[run("a"), run("b")])).len(), 2);
    let nothing = pass.replay.finish(&mut pass.cursor, &key("a"), ok("1"), at(9));
    assert_eq!(nothing, Err(Refused::NoAttempt));
}

#[test]
fn a_try_ends_only_once() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.take_off(&mut pass, &[run("a")]);
    world.settle(&mut pass, &key("a"), ok("1"));
    let again = pass.replay.finish(&mut pass.cursor, &key("a"), ok("2"), at(9));
    assert_eq!(again, Err(Refused::NoAttempt));
}

#[test]
fn a_fork_gets_recorded_answers_and_its_own_steps_work_only() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.execute(&mut pass, "first", "0");
    let list = [run("a"), run("b"), run("a")];
    assert_eq!(world.take_off(&mut pass, &list), [key("a"), key("b"), StepKey::new("a", 1).expect("a key")]);
    let (entries, before) = (world.journal.len(), pass.replay.run().clone());
    for (step, place) in [(key("b"), 1), (StepKey::new("a", 1).expect("a key"), 2)] {
        let mut fork = Cursor::for_step(step.clone());
        assert!(!fork.is_main());
        assert_eq!(world.fork(&mut pass, &mut fork, &[run("first")]), Answer::Recorded(0, ok("0")));
        let answer = world.fork(&mut pass, &mut fork, &list);
        assert_eq!(attempts(&answer), [(place, step.to_string(), 0)]);
    }
    assert_eq!(world.journal.len(), entries);
    assert_eq!(*pass.replay.run(), before);
}

#[test]
fn a_fork_comes_to_a_later_list_by_the_same_answers_as_the_function() {
    let mut world = World::new();
    let mut pass = world.pass();
    let list = [run("a"), run("b"), run("c")];
    world.take_off(&mut pass, &list);
    world.settle(&mut pass, &key("b"), ok("2"));
    world.settle(&mut pass, &key("a"), ok("1"));
    assert_eq!(world.ask(&mut pass, &list), Answer::Recorded(1, ok("2")));
    let later = [run("a"), run("c"), run("d")];
    assert_eq!(world.ask(&mut pass, &later), Answer::Recorded(0, ok("1")));
    assert_eq!(world.take_off(&mut pass, &later[1..]), [key("d")]);
    let mut fork = Cursor::for_step(key("d"));
    assert_eq!(world.fork(&mut pass, &mut fork, &list), Answer::Recorded(1, ok("2")));
    assert_eq!(world.fork(&mut pass, &mut fork, &later), {
        let d = pass.replay.attempt(&key("d")).expect("under way");
        Answer::Work(vec![(2, d.clone())])
    });
}

#[test]
fn a_fork_that_meets_something_unsettled_begins_nothing_and_waits() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.take_off(&mut pass, &[run("a")]);
    let entries = world.journal.len();
    for calls in [[sleep("nap", 10)], [run("b")], [send("tell", &["shop/a"])], [wait("paid", 10)]] {
        let mut fork = Cursor::for_step(key("a"));
        assert!(matches!(world.fork(&mut pass, &mut fork, &calls), Answer::Wait(_)), "{calls:?}");
    }
    assert_eq!((world.journal.len(), world.effects.len()), (entries, 0));
    assert_eq!(pass.replay.run().steps.len(), 0);
    // nor is there work once its own step is settled, or was called off
    world.settle(&mut pass, &key("a"), ok("1"));
    assert!(matches!(world.fork(&mut pass, &mut Cursor::for_step(key("a")), &[run("a")]), Answer::Wait(_)));
    world.take_off(&mut pass, &[run("b")]);
    pass.replay.called_off(&key("b"));
    assert!(matches!(world.fork(&mut pass, &mut Cursor::for_step(key("b")), &[run("b")]), Answer::Wait(_)));
}

#[test]
fn a_fork_that_skips_steps_is_no_divergence() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.execute(&mut pass, "first", "0");
    world.take_off(&mut pass, &[run("a"), run("b")]);
    let mut fork = Cursor::for_step(key("a"));
    assert!(matches!(world.fork(&mut pass, &mut fork, &[run("new")]), Answer::Wait(_)));
}

#[test]
fn a_fork_does_not_nest_either() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.take_off(&mut pass, &[run("a"), run("b")]);
    let mut fork = Cursor::for_step(key("a"));
    let attempt = pass.replay.attempt(&key("a")).expect("under way").clone();
    pass.replay.execute(&mut fork, attempt, true);
    let refused = world.ask_by(&mut pass.replay, &mut fork, &[run("inner")]);
    assert_eq!(refused, Err(Refused::Nested(key("a"), "inner".into())));
    // while the function's own instance is free to ask
    assert!(matches!(world.ask(&mut pass, &[run("a"), run("b")]), Answer::Wait(_)));
}

#[test]
fn a_failed_try_of_a_fork_leaves_the_functions_own_pass_alone() {
    let mut world = World::new();
    let mut pass = world.pass();
    let list = [run("a"), run("b")];
    world.take_off(&mut pass, &list);
    for (step, has_siblings) in [("a", true), ("b", false)] {
        let mut fork = Cursor::for_step(key(step));
        let attempt = pass.replay.attempt(&key(step)).expect("under way").clone();
        pass.replay.execute(&mut fork, attempt, has_siblings);
        let (settled, entries) =
            pass.replay.finish(&mut fork, &key(step), Err(broken()), at(5)).expect("an open try");
        assert_eq!(settled, Settled::Again);
        assert!(matches!(entries.as_slice(), [Entry::AttemptFailed { attempt: 0, .. }]), "{entries:?}");
        world.journal.extend(entries);
        assert_eq!(fork.executing(), None);
    }
    assert_eq!(pass.replay.run().phase, Phase::Running);
    assert_eq!(world.ask(&mut pass, &list), Answer::Wait(at(15)));
    world.now = 15;
    assert_eq!(attempts(&world.ask(&mut pass, &list)), [(0, "a".into(), 1), (1, "b".into(), 1)]);
}

#[test]
fn a_failed_try_that_was_taken_off_leaves_an_executing_instance_alone() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.take_off(&mut pass, &[fetch("get")]);
    world.go(&mut pass, &[run("a")]);
    assert_eq!(world.settle(&mut pass, &key("get"), Err(broken())), Settled::Again);
    assert!(matches!(world.journal.last(), Some(Entry::AttemptFailed { .. })));
    assert_eq!(pass.cursor.executing(), Some(&key("a")));
    assert_eq!(world.finish(&mut pass, ok("1")), Settled::Completed);
}

#[test]
fn a_step_that_fails_for_good_elsewhere_answers_the_function_once() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.take_off(&mut pass, &[run("a"), run("b")]);
    let failure = broken().for_good();
    assert_eq!(
        world.settle(&mut pass, &key("a"), Err(broken().for_good())),
        Settled::Failed(failure.clone())
    );
    assert_eq!(world.ask(&mut pass, &[run("a"), run("b")]), Answer::Recorded(0, Err(failure)));
    // the next use of the id is another step
    assert_eq!(attempts(&world.ask(&mut pass, &[run("a"), run("b")])), [(0, "a:1".into(), 0)]);
}

#[test]
fn lines_of_a_fork_are_new_only_inside_of_its_step() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.take_off(&mut pass, &[run("a"), run("b")]);
    let mut fork = Cursor::for_step(key("a"));
    assert!(!fork.logs_anew(), "the function's own instance says it");
    let attempt = pass.replay.attempt(&key("a")).expect("under way").clone();
    pass.replay.execute(&mut fork, attempt, true);
    assert!(fork.logs_anew());
    pass.replay.finish(&mut fork, &key("a"), ok("1"), at(5)).expect("an open try");
    assert!(!fork.logs_anew());
    assert!(pass.cursor.logs_anew(), "what the fork said counts for nothing");
}

#[test]
fn a_new_instance_of_the_function_finds_what_is_under_way() {
    let mut world = World::new();
    let mut pass = world.pass();
    let list = [run("a"), fetch("get")];
    world.take_off(&mut pass, &list);
    world.settle(&mut pass, &key("get"), ok("{}"));
    pass.cursor = pass.replay.cursor();
    assert_eq!(world.ask(&mut pass, &list), Answer::Recorded(1, ok("{}")));
    assert!(matches!(world.ask(&mut pass, &list[..1]), Answer::Wait(_)), "not begun twice");
    world.settle(&mut pass, &key("a"), ok("1"));
    assert_eq!(world.ask(&mut pass, &list[..1]), Answer::Recorded(0, ok("1")));
}
