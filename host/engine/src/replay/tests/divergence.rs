//! Functions that come to something else than before, and those that only seem to.

use super::*;

#[test]
fn the_same_key_as_another_kind_is_a_divergence_that_names_the_step() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.execute(&mut pass, "a", "1");
    let mut pass = world.pass();
    for (other, name) in [
        (sleep("a", 1), "sleep"),
        (wait("a", 1), "wait_for_event"),
        (invoke("a", "label", 1), "invoke"),
        (send("a", &["shop/a"]), "send_event"),
        (fetch("a"), "fetch"),
    ] {
        let refused = world.try_ask(&mut pass, &[other]).expect_err("refused");
        assert_eq!(refused, Refused::OtherKind(key("a"), "run", name));
        assert_eq!(refused.to_failure().name, "Diverged");
    }
}

#[test]
fn a_new_step_before_a_recorded_one_is_a_divergence_that_names_the_recorded_one() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.execute(&mut pass, "first", "1");
    world.execute(&mut pass, "z", "2");
    world.execute(&mut pass, "b", "3");
    let mut pass = world.pass();
    world.ask(&mut pass, &[run("first")]);
    let entries = world.journal.len();
    for new in [[run("new")], [sleep("new", 5)], [send("new", &["shop/a"])]] {
        let refused = world.try_ask(&mut pass, &new).expect_err("refused");
        // of several the one that settled first
        let Refused::Skipped(step, why) = &refused else { panic!("{refused:?}") };
        assert_eq!((step, refused.to_failure().name.as_str()), (&key("z"), "Diverged"));
        assert!(why.contains("`new`"), "{why}");
    }
    assert_eq!((world.journal.len(), world.effects.len()), (entries, 0), "nothing has begun");
}

#[test]
fn an_unsettled_step_that_is_left_out_is_a_divergence_too() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.go(&mut pass, &[sleep("nap", 10)]);
    let mut pass = world.pass();
    let refused = world.try_ask(&mut pass, &[run("new")]);
    assert!(matches!(&refused, Err(Refused::Skipped(step, _)) if *step == key("nap")), "{refused:?}");
}

#[test]
fn a_function_that_returns_before_a_recorded_step_is_a_divergence() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.execute(&mut pass, "a", "1");
    world.execute(&mut pass, "b", "2");
    let mut pass = world.pass();
    world.ask(&mut pass, &[run("a")]);
    let refused = world.end(&mut pass, ok("0"));
    assert_eq!(refused, Err(Refused::Skipped(key("b"), "comes to its end".into())));
    world.ask(&mut pass, &[run("b")]);
    world.end(&mut pass, ok("0")).expect("has come to all of them");
    assert_eq!(world.run().phase, Phase::Finished(Outcome::Completed(text("0"))));
}

#[test]
fn a_function_that_breaks_before_a_recorded_step_is_no_divergence() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.execute(&mut pass, "a", "1");
    let mut pass = world.pass();
    world.end(&mut pass, Err(broken())).expect("another try comes");
    assert!(matches!(world.run().phase, Phase::Sleeping { .. }));
}

#[test]
fn the_next_try_of_the_function_need_not_come_to_the_steps_of_the_former() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.execute(&mut pass, "a", "1");
    world.end(&mut pass, Err(broken())).expect("another try comes");
    let mut pass = world.pass();
    world.execute(&mut pass, "b", "2");
    // but those of its own it has to come to
    let mut pass = world.pass();
    let refused = world.try_ask(&mut pass, &[run("c")]);
    assert!(matches!(&refused, Err(Refused::Skipped(step, _)) if *step == key("b")), "{refused:?}");
    // and the former ones' outcomes are there still
    assert_eq!(world.ask(&mut pass, &[run("a")]), Answer::Recorded(0, ok("1")));
}

#[test]
fn what_comes_in_for_a_wait_of_a_former_try_is_no_step_of_the_present_one() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.go(&mut pass, &[wait("paid", 1_000), invoke("ask", "label", 1_000)]);
    let mut pass = world.pass();
    world.end(&mut pass, Err(broken())).expect("another try comes");
    world.mail = vec![paid("paid", "1"), Mail::Ended { step: key("ask"), result: Err(broken()) }];
    let mut pass = world.pass();
    world.execute(&mut pass, "b", "2");
    let mut pass = world.pass();
    assert_eq!(world.ask(&mut pass, &[run("b")]), Answer::Recorded(0, ok("2")));
    world.execute(&mut pass, "c", "3");
    world.end(&mut pass, ok("0")).expect("it has come to all that this try came to");
}

#[test]
fn a_step_that_failed_as_it_began_is_demanded_like_any_other() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.ask(&mut pass, &[invoke("ask", "nobody", 5)]);
    let mut pass = world.pass();
    let refused = world.try_ask(&mut pass, &[run("b")]);
    assert!(matches!(&refused, Err(Refused::Skipped(step, _)) if *step == key("ask")), "{refused:?}");
}

#[test]
fn the_losers_of_a_race_are_not_missed() {
    let mut world = World::new();
    let mut pass = world.pass();
    let race = [wait("paid", 100), sleep("nap", 100), run("a"), run("b"), fetch("get")];
    world.take_off(&mut pass, &race);
    world.settle(&mut pass, &key("a"), ok("1"));
    // the function goes on with the winner, and asks for none of the others again
    for is_replay in [false, true] {
        if is_replay {
            pass = world.pass();
        }
        assert_eq!(world.ask(&mut pass, &race), Answer::Recorded(2, ok("1")));
        match is_replay {
            false => world.execute(&mut pass, "after", "2"),
            true => assert_eq!(world.ask(&mut pass, &[run("after")]), Answer::Recorded(0, ok("2"))),
        }
    }
    world.execute(&mut pass, "last", "3");
    world.end(&mut pass, ok("0")).expect("nothing is missing");
}

#[test]
fn a_loser_that_never_began_is_no_new_step_when_a_replay_asks_for_it() {
    let mut world = World::new();
    let mut pass = world.pass();
    let race = [run("a"), run("b")];
    world.go(&mut pass, &race);
    world.finish(&mut pass, ok("1"));
    world.execute(&mut pass, "after", "2");
    // `b` is in no entry, and `after` has not been asked for yet
    let mut pass = world.pass();
    assert_eq!(world.ask(&mut pass, &race), Answer::Recorded(0, ok("1")));
    assert_eq!(world.ask(&mut pass, &[run("after")]), Answer::Recorded(0, ok("2")));
}

#[test]
fn a_step_that_was_refused_is_no_new_step_when_a_replay_asks_for_it() {
    let mut world = World::new();
    let bad = [
        filtered("paid", 5, Some("=")),
        invoke("ask", "label", limits::SLEEP.as_millis() + 1),
        send("tell", &[]),
        run("a:1"),
    ];
    let mut pass = world.pass();
    let refusals = bad.clone().map(|call| world.try_ask(&mut pass, &[call]).expect_err("refused"));
    world.execute(&mut pass, "after", "2");
    let mut pass = world.pass();
    let again = bad.map(|call| world.try_ask(&mut pass, &[call]).expect_err("refused"));
    assert_eq!(again, refusals);
    assert_eq!(world.ask(&mut pass, &[run("after")]), Answer::Recorded(0, ok("2")));
}

#[test]
fn steps_of_a_list_may_come_in_another_order_than_they_settled_in() {
    let mut world = World::new();
    let mut pass = world.pass();
    for step in ["a", "b", "c"] {
        world.execute(&mut pass, step, "1");
    }
    let mut pass = world.pass();
    for step in ["c", "a", "b", "d"] {
        world.go(&mut pass, &[run(step)]);
    }
    assert_eq!(pass.cursor.executing(), Some(&key("d")));
}
