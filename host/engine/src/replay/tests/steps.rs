//! Code, sleeps and sent events: what is settled in the pass that asks for it.

use super::*;

#[test]
fn a_finished_step_answers_from_the_journal_and_never_executes_again() {
    let mut world = World::new();
    let mut first = world.pass();
    world.execute(&mut first, "a", "1");
    let mut second = world.pass();
    let entries = world.journal.len();
    assert_eq!(world.ask(&mut second, &[run("a")]), Answer::Recorded(0, ok("1")));
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
        assert_eq!(world.ask(&mut second, &[run("a")]), Answer::Recorded(0, ok(output)));
    }
}

#[test]
fn a_sleep_parks_until_its_end_and_then_answers() {
    let mut world = World::new();
    let mut first = world.pass();
    assert_eq!(world.go(&mut first, &[sleep("s", 100)]), Answer::Wait(at(101)));
    assert_eq!(first.replay.run().phase, Phase::Sleeping { until: at(101) });
    world.now = 50;
    let mut early = world.pass();
    assert_eq!(
        world.go(&mut early, &[sleep("s", 100)]),
        Answer::Wait(at(101)),
        "woken early, it parks again"
    );
    world.now = 101;
    let mut late = world.pass();
    assert_eq!(world.ask(&mut late, &[sleep("s", 100)]), Answer::Recorded(0, null()));
    assert_eq!(late.replay.run().phase, Phase::Running);
}

#[test]
fn a_sleep_that_ends_while_the_run_is_carried_needs_no_new_pass() {
    let mut world = World::new();
    let mut pass = world.pass();
    assert_eq!(world.ask(&mut pass, &[sleep("s", 100)]), Answer::Wait(at(101)));
    world.now = 101;
    assert_eq!(world.ask(&mut pass, &[sleep("s", 100)]), Answer::Recorded(0, null()));
}

#[test]
fn each_step_has_its_own_count_of_tries_and_the_last_failure_reaches_the_function() {
    let mut world = World::new();
    for attempt in 0..4 {
        let mut pass = world.pass();
        let Answer::Work(work) = world.go(&mut pass, &[run("a")]) else { panic!("executes") };
        let [(0, open)] = work.as_slice() else { panic!("one try: {work:?}") };
        assert_eq!((open.number, open.max), (attempt, 4));
        let settled = world.finish(&mut pass, Err(broken()));
        match attempt {
            3 => {
                assert_eq!(settled, Settled::Failed(broken().for_good()));
                assert_eq!(attempts(&world.go(&mut pass, &[run("b")])), [(0, "b".into(), 0)]);
            }
            _ => {
                assert_eq!(settled, Settled::Again);
                let retry_at = at(world.now + 10);
                assert_eq!(pass.replay.run().phase, Phase::Sleeping { until: retry_at });
                let mut early = world.pass();
                assert_eq!(world.go(&mut early, &[run("a")]), Answer::Wait(retry_at), "too early");
                world.now += 10;
            }
        }
    }
    // as every replay hears it
    let mut pass = world.pass();
    assert_eq!(world.ask(&mut pass, &[run("a")]), Answer::Recorded(0, Err(broken().for_good())));
}

#[test]
fn a_steps_own_options_are_stronger_than_the_functions_and_bounded() {
    let mut world = World::new();
    let mut pass = world.pass();
    let options = RunOptions { timeout: Some(Span::from_millis(7)), retries: Some(0) };
    let Answer::Work(work) = world.go(&mut pass, &[call("a", Op::Run(options))]) else { panic!("executes") };
    assert_eq!((work[0].1.max, work[0].1.timeout), (1, Span::from_millis(7)));
    assert_eq!(world.finish(&mut pass, Err(broken())), Settled::Failed(broken().for_good()));
    let options = RunOptions { timeout: None, retries: Some(u32::MAX) };
    let Answer::Work(work) = world.go(&mut pass, &[call("b", Op::Run(options))]) else { panic!("executes") };
    assert_eq!((work[0].1.max, work[0].1.timeout), (limits::RETRIES + 1, RULES.step_timeout));
}

#[test]
fn a_failure_that_says_never_is_not_tried_again() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.go(&mut pass, &[run("a")]);
    let failure = Failure::new("E", "no such card").for_good();
    assert_eq!(world.finish(&mut pass, Err(failure.clone())), Settled::Failed(failure.clone()));
    world.end(&mut pass, Err(failure)).expect("ends");
    assert!(matches!(world.run().phase, Phase::Finished(Outcome::Failed(_))));
}

#[test]
fn in_a_list_runs_execute_one_by_one_while_a_sleep_goes_on() {
    let mut world = World::new();
    let mut pass = world.pass();
    let list = [sleep("s", 100), run("a"), run("b")];
    assert_eq!(attempts(&world.go(&mut pass, &list)), [(1, "a".into(), 0), (2, "b".into(), 0)]);
    world.finish(&mut pass, ok("1"));
    let rest = [sleep("s", 100), run("b")];
    assert_eq!(attempts(&world.go(&mut pass, &rest)), [(1, "b".into(), 0)]);
    world.finish(&mut pass, ok("2"));
    assert_eq!(world.go(&mut pass, &[sleep("s", 100)]), Answer::Wait(at(101)));
    // a replay answers in the order in which they settled, whatever the order of the list
    world.now = 200;
    let mut replay = world.pass();
    let back = [run("b"), sleep("s", 100), run("a")];
    assert_eq!(world.ask(&mut replay, &back), Answer::Recorded(2, ok("1")));
    assert_eq!(world.ask(&mut replay, &back[..2]), Answer::Recorded(0, ok("2")));
    assert_eq!(world.ask(&mut replay, &back[1..2]), Answer::Recorded(0, null()));
}

#[test]
fn of_several_sleeps_the_one_that_ends_first_is_told_first_and_one_at_a_time() {
    let mut world = World::new();
    let mut pass = world.pass();
    let list = [sleep("long", 90), sleep("short", 50)];
    assert_eq!(world.ask(&mut pass, &list), Answer::Wait(at(51)));
    world.now = 200;
    assert_eq!(world.ask(&mut pass, &list), Answer::Recorded(1, null()));
    assert!(!pass.replay.run().steps[&key("long")].is_settled());
    assert_eq!(world.ask(&mut pass, &list[..1]), Answer::Recorded(0, null()));
}

#[test]
fn a_failed_try_beside_others_goes_on_with_the_others_at_once() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.go(&mut pass, &[run("a"), run("b")]);
    assert_eq!(world.finish(&mut pass, Err(broken())), Settled::Again);
    assert_eq!(pass.replay.run().phase, Phase::Sleeping { until: at(world.now) });
    let mut pass = world.pass();
    assert_eq!(attempts(&world.go(&mut pass, &[run("a"), run("b")])), [(1, "b".into(), 0)]);
}

#[test]
fn a_step_inside_of_a_step_is_refused() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.go(&mut pass, &[run("outer")]);
    let refused = world.try_ask(&mut pass, &[run("inner")]).expect_err("refused");
    assert_eq!(refused, Refused::Nested(key("outer"), "inner".into()));
}

#[test]
fn the_thousand_and_first_step_is_refused() {
    let mut world = World::new();
    let mut pass = world.pass();
    (0..limits::STEPS_PER_RUN).for_each(|_| world.execute(&mut pass, "a", "0"));
    assert_eq!(world.try_ask(&mut pass, &[run("a")]), Err(Refused::TooManySteps));
}

#[test]
fn a_refused_list_begins_none_of_its_sleeps() {
    let mut world = World::new();
    let mut pass = world.pass();
    let before = pass.replay.run().clone();
    let list = [sleep("a", 0), sleep("b", 367 * 86_400_000)];
    let refused = world.try_ask(&mut pass, &list);
    assert_eq!(refused, Err(Refused::TooLong(key("b"))));
    assert_eq!(*pass.replay.run(), before);
    // in a replay as well, where one of them is recorded
    world.ask(&mut pass, &list[..1]);
    let mut pass = world.pass();
    assert_eq!(world.try_ask(&mut pass, &list), Err(Refused::TooLong(key("b"))));
    let many: Vec<_> = (0..=limits::STEPS_PER_RUN).map(|_| run("a")).collect();
    assert_eq!(world.try_ask(&mut pass, &many), Err(Refused::TooManySteps));
}

#[test]
fn sent_events_settle_their_step_at_once_with_their_ids_and_are_sent_once() {
    let mut world = World::new();
    let mut pass = world.pass();
    let list = [send("tell", &["shop/a", "shop/b"])];
    let ids = ok(r#"["e1","e2"]"#);
    assert_eq!(world.ask(&mut pass, &list), Answer::Recorded(0, ids.clone()));
    let [Effect::Send { events: sent, .. }] = world.effects.as_slice() else { panic!("{:?}", world.effects) };
    let sent: Vec<_> = sent.iter().map(|(id, event)| (id.as_str(), &*event.name)).collect();
    assert_eq!(sent, [("e1", "shop/a"), ("e2", "shop/b")]);
    assert!(matches!(
        world.journal.last(),
        Some(Entry::StepCompleted { op: Kind::Send, output, .. }) if *output == text(r#"["e1","e2"]"#)
    ));
    let mut replay = world.pass();
    assert_eq!(world.ask(&mut replay, &list), Answer::Recorded(0, ids));
    assert_eq!(world.effects.len(), 1, "a replay sends nothing");
    // and the next use of the id sends anew
    assert_eq!(world.ask(&mut replay, &list), Answer::Recorded(0, ok(r#"["e3","e4"]"#)));
}

#[test]
fn events_that_nobody_may_send_are_refused_all_together() {
    let mut world = World::new();
    let mut pass = world.pass();
    let many = vec!["shop/a"; limits::EVENTS_PER_STEP + 1];
    for (names, why) in [
        (&["shop/a", "pawl/function.failed"][..], "reserved"),
        (&["shop/a", ""], "empty"),
        (&[], "0 events"),
        (&many, "5001 events"),
    ] {
        let refused = world.try_ask(&mut pass, &[send("tell", names)]).expect_err("refused");
        let Refused::Invalid(step, message) = &refused else { panic!("{refused:?}") };
        assert_eq!((step, refused.to_failure().name.as_str()), (&key("tell"), "InvalidStep"));
        assert!(message.contains(why), "{message}");
    }
    assert_eq!((world.journal.len(), world.effects.len()), (1, 0));
    assert_eq!(world.ask(&mut pass, &[send("tell", &many[1..2])]), Answer::Recorded(0, ok(r#"["e1"]"#)));
}

#[test]
fn a_request_is_tried_and_tried_again_by_the_policy_and_its_answer_recorded() {
    let mut world = World::new();
    let mut pass = world.pass();
    let list = [fetch("get")];
    assert_eq!(world.take_off(&mut pass, &list), [key("get")]);
    assert!(matches!(world.journal.last(), Some(Entry::FetchStarted { .. })));
    assert_eq!((pass.replay.under_way_of(Kind::Fetch), pass.replay.under_way_of(Kind::Run)), (1, 0));
    assert!(matches!(world.ask(&mut pass, &list), Answer::Wait(_)), "it is under way");
    assert_eq!(world.settle(&mut pass, &key("get"), Err(broken())), Settled::Again);
    let retry_at = at(world.now + 10);
    assert_eq!(world.ask(&mut pass, &list), Answer::Wait(retry_at));
    world.now += 10;
    let before = world.journal.len();
    assert_eq!(attempts(&world.ask(&mut pass, &list)), [(0, "get".into(), 1)]);
    assert_eq!(world.journal.len(), before, "a request begins only once");
    // in the next pass as well
    let mut pass = world.pass();
    world.take_off(&mut pass, &list);
    assert_eq!(world.settle(&mut pass, &key("get"), ok("{}")), Settled::Completed);
    assert_eq!(world.ask(&mut pass, &list), Answer::Recorded(0, ok("{}")));
    let mut replay = world.pass();
    assert_eq!(world.ask(&mut replay, &list), Answer::Recorded(0, ok("{}")));
    let of_fetch = |e: &&Entry| matches!(e, Entry::StepCompleted { op: Kind::Fetch, attempt: 1, .. });
    assert_eq!(world.journal.iter().filter(of_fetch).count(), 1);
}

#[test]
fn a_request_without_tries_left_fails_its_step() {
    let mut world = World::new();
    let mut pass = world.pass();
    for attempt in 0..4 {
        assert_eq!(attempts(&world.ask(&mut pass, &[fetch("get")])), [(0, "get".into(), attempt)]);
        world.take_off(&mut pass, &[fetch("get")]);
        world.settle(&mut pass, &key("get"), Err(broken()));
        world.now += 10;
    }
    assert_eq!(world.ask(&mut pass, &[fetch("get")]), Answer::Recorded(0, Err(broken().for_good())));
}

#[test]
fn a_request_that_was_under_way_at_a_crash_is_made_again_as_the_same_try() {
    let mut world = World::new();
    let mut lost = world.pass();
    world.take_off(&mut lost, &[fetch("get")]);
    let mut pass = world.pass();
    assert_eq!(attempts(&world.ask(&mut pass, &[fetch("get")])), [(0, "get".into(), 0)]);
}

#[test]
fn only_lines_outside_of_steps_are_counted_and_only_those_of_former_passes_are_old() {
    let mut world = World::new();
    let mut pass = world.pass();
    assert!(pass.cursor.logs_anew() && pass.cursor.logs_anew());
    world.go(&mut pass, &[run("a")]);
    assert!(pass.cursor.logs_anew(), "inside of a step");
    world.finish(&mut pass, Err(broken()));
    assert!(matches!(world.journal.last(), Some(Entry::Parked { lines: 2, .. })));
    world.now += 10;
    let mut pass = world.pass();
    assert_eq!([(); 3].map(|()| pass.cursor.logs_anew()), [false, false, true]);
    world.go(&mut pass, &[run("a")]);
    assert!(pass.cursor.logs_anew(), "another try says it anew");
    world.finish(&mut pass, ok("1"));
    // a pass that is left sooner forgets none of them
    let mut pass = world.pass();
    assert!(!pass.cursor.logs_anew());
    world.go(&mut pass, &[run("a")]);
    world.go(&mut pass, &[sleep("s", 100)]);
    assert!(matches!(world.journal.last(), Some(Entry::Parked { lines: 2, .. })));
}
