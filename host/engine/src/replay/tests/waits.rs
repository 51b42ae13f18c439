//! Steps that others settle: events that come in, and invoked functions.

use super::*;

fn since(world: &World, entries: usize) -> Vec<&'static str> {
    world.journal[entries..]
        .iter()
        .map(|entry| match entry {
            Entry::StepCompleted { op, .. } => op.as_str(),
            Entry::StepFailed { .. } => "failed",
            _ => "else",
        })
        .collect()
}

#[test]
fn a_wait_watches_once_for_its_event_and_parks_until_its_end() {
    let mut world = World::new();
    let list = [filtered("paid", 100, Some("event.data.id == async.data.id"))];
    let mut pass = world.pass();
    assert_eq!(world.go(&mut pass, &list), Answer::Wait(at(101)));
    let [Effect::Watch { step, event, filter: Some(_), until, .. }] = world.effects.as_slice() else {
        panic!("{:?}", world.effects)
    };
    assert_eq!((step, event.as_str(), *until), (&key("paid"), "shop/paid", at(101)));
    assert_eq!(pass.replay.run().phase, Phase::Sleeping { until: at(101) });
    let mut pass = world.pass();
    assert_eq!(world.go(&mut pass, &list), Answer::Wait(at(101)), "by when it began, not by when it asks");
    assert_eq!(world.effects.len(), 1, "a replay watches for nothing new");
}

#[test]
fn a_wait_for_a_signal_says_for_which_and_is_the_only_one_by_its_value() {
    let mut world = World::new();
    let wait = crate::signal::wait("a\"b", Span::from_millis(9), crate::flow::Rival::Replace);
    let mut pass = world.pass();
    world.go(&mut pass, &[call("go", Op::Wait(wait.clone()))]);
    let Some(Effect::Watch { filter: None, only, .. }) = world.effects.last() else {
        panic!("{:?}", world.effects)
    };
    assert_eq!(*only, wait.only);
    let said = world.journal.iter().find_map(|entry| match entry {
        Entry::WaitStarted { filter, .. } => filter.as_deref(),
        _ => None,
    });
    assert_eq!(said, Some(r#"async.data.signal == "a\"b""#));
}

#[test]
fn the_first_event_that_comes_in_settles_the_wait_and_answers_every_replay() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.go(&mut pass, &[wait("paid", 100)]);
    world.mail = vec![paid("paid", "1"), paid("paid", "2")];
    let before = world.journal.len();
    let mut pass = world.pass();
    assert_eq!(since(&world, before), ["wait_for_event"], "the second finds the step settled");
    assert_eq!(world.ask(&mut pass, &[wait("paid", 100)]), Answer::Recorded(0, ok("1")));
    world.mail = vec![paid("paid", "3")];
    let before = world.journal.len();
    let mut pass = world.pass();
    assert_eq!(since(&world, before), [] as [&str; 0]);
    assert_eq!(world.ask(&mut pass, &[wait("paid", 100)]), Answer::Recorded(0, ok("1")));
}

#[test]
fn what_nobody_waits_for_is_not_recorded() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.ask(&mut pass, &[sleep("nap", 100), wait("paid", 100), invoke("ask", "label", 100)]);
    world.execute(&mut pass, "a", "1");
    let before = world.journal.len();
    let ended = |step: &str| Mail::Ended { step: key(step), result: ok("1") };
    world.mail = vec![
        Mail::Cancel { reason: "by hand".into() },
        paid("unknown", "1"),
        paid("nap", "1"),
        paid("a", "1"),
        paid("ask", "1"),
        ended("unknown"),
        ended("a"),
        ended("nap"),
        ended("paid"),
        Mail::Lost { step: key("ask"), failure: None },
        Mail::Lost { step: key("a"), failure: None },
    ];
    let pass = world.pass();
    assert_eq!(world.journal.len(), before);
    assert!(!pass.replay.run().steps[&key("paid")].is_settled());
}

#[test]
fn a_wait_that_has_lost_to_another_one_ends_as_at_its_timeout_or_fails() {
    let conflict = || Failure::new("WaitConflict", "another one waits").for_good();
    for (failure, result) in [(None, null()), (Some(conflict()), Err(conflict()))] {
        let mut world = World::new();
        let mut pass = world.pass();
        world.go(&mut pass, &[wait("only", 100)]);
        world.mail = vec![Mail::Lost { step: key("only"), failure }, paid("only", "1")];
        let mut pass = world.pass();
        assert_eq!(world.ask(&mut pass, &[wait("only", 100)]), Answer::Recorded(0, result));
    }
}

#[test]
fn mail_wakes_a_parked_run() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.go(&mut pass, &[wait("paid", 100)]);
    world.mail = vec![paid("paid", "1")];
    assert_eq!(world.pass().replay.run().phase, Phase::Running);
}

#[test]
fn a_wait_gives_null_only_when_all_that_came_in_until_its_end_has_been_read() {
    let mut world = World::new();
    let list = [wait("paid", 100)];
    let mut pass = world.pass();
    assert_eq!(world.ask(&mut pass, &list), Answer::Wait(at(101)));
    // time has passed, but nobody has looked for events since
    world.now = 101;
    let entries = world.journal.len();
    assert_eq!(world.go(&mut pass, &list), Answer::Wait(at(101)));
    assert_eq!(world.journal.len(), entries + 1, "it parks, and nothing else");
    // an event that came in just before the end is still in time
    let mut told = World { journal: world.journal.clone(), mail: vec![paid("paid", "1")], ..World::new() };
    told.now = 101;
    let mut pass = told.pass();
    assert_eq!(told.ask(&mut pass, &list), Answer::Recorded(0, ok("1")));
    let mut pass = world.pass();
    assert_eq!(world.ask(&mut pass, &list), Answer::Recorded(0, null()));
    // from now on that is the answer, whatever comes in
    world.mail = vec![paid("paid", "1")];
    let mut pass = world.pass();
    assert_eq!(world.ask(&mut pass, &list), Answer::Recorded(0, null()));
}

#[test]
fn a_wait_that_ends_at_the_very_time_of_reading_is_over_and_a_millisecond_before_is_not() {
    for (now, is_over) in [(99, false), (100, true)] {
        let mut world = World::new();
        let mut pass = world.pass();
        world.go(&mut pass, &[wait("paid", 100)]);
        world.now = now;
        let mut pass = world.pass();
        let answer = world.ask(&mut pass, &[wait("paid", 100)]);
        assert_eq!(matches!(answer, Answer::Recorded(..)), is_over, "{answer:?}");
    }
}

#[test]
fn a_race_of_an_event_and_a_sleep_has_the_same_winner_in_every_replay() {
    let list = [sleep("nap", 50), wait("paid", 100)];
    for is_told in [false, true] {
        let mut world = World::new();
        let mut pass = world.pass();
        assert_eq!(world.go(&mut pass, &list), Answer::Wait(at(51)));
        world.now = if is_told { 20 } else { 50 };
        world.mail.extend(is_told.then(|| paid("paid", "1")));
        let mut pass = world.pass();
        let first = world.ask(&mut pass, &list);
        assert_eq!(first, if is_told { Answer::Recorded(1, ok("1")) } else { Answer::Recorded(0, null()) });
        // later the other one is over as well
        world.now = 500;
        world.mail.push(paid("paid", "2"));
        let mut replay = world.pass();
        assert_eq!(world.ask(&mut replay, &list), first);
    }
}

#[test]
fn a_filter_that_is_none_is_refused_in_every_pass_and_nothing_is_recorded() {
    let mut world = World::new();
    let mut pass = world.pass();
    let list = [run("a"), sleep("nap", 5), filtered("paid", 100, Some("event.data.id =="))];
    let refused = world.try_ask(&mut pass, &list).expect_err("refused");
    assert_eq!(refused.to_failure().name, "InvalidStep");
    assert!(refused.to_string().starts_with("step `paid`: the filter `event.data.id ==`: "), "{refused}");
    assert_eq!((world.journal.len(), world.effects.len()), (1, 0));
    // the function copes with it, and goes on
    world.execute(&mut pass, "a", "1");
    world.execute(&mut pass, "b", "2");
    let mut pass = world.pass();
    assert_eq!(world.try_ask(&mut pass, &list), Err(refused.clone()), "also beside a recorded step");
    assert_eq!(world.ask(&mut pass, &[run("a")]), Answer::Recorded(0, ok("1")));
    assert_eq!(world.ask(&mut pass, &[run("b")]), Answer::Recorded(0, ok("2")));
    // an instance beside the function's own hears the same
    world.take_off(&mut pass, &[run("c")]);
    let mut fork = Cursor::for_step(key("c"));
    assert_eq!(world.ask_by(&mut pass.replay, &mut fork, &list), Err(refused));
}

#[test]
fn a_wait_without_a_name_and_data_that_is_no_object_are_refused() {
    let named = |event: String| {
        call("w", Op::Wait(WaitFor { event, filter: None, timeout: Span::from_millis(1), only: None }))
    };
    let with = |data: &str| {
        let (function, data) = (FunctionId::new("label"), text(data));
        call("i", Op::Invoke(Invocation { function, data, user: None, timeout: None }))
    };
    let mut world = World::new();
    let mut pass = world.pass();
    let long = "é".repeat(limits::EVENT_NAME_CHARS + 1);
    for wrong in [named(String::new()), named(long.clone()), with("[]"), with("1")] {
        let refused = world.try_ask(&mut pass, &[wrong]);
        assert!(matches!(refused, Err(Refused::Invalid(..))), "{refused:?}");
    }
    let long = long.chars().skip(1).collect();
    for right in [named(long), with(" {}")] {
        assert!(matches!(world.ask(&mut pass, &[right]), Answer::Wait(_)));
    }
}

#[test]
fn a_wait_or_an_invocation_of_more_than_366_days_is_refused() {
    let mut world = World::new();
    let mut pass = world.pass();
    let year = limits::SLEEP.as_millis();
    for wrong in [wait("w", year + 1), invoke("w", "label", year + 1)] {
        assert_eq!(world.try_ask(&mut pass, &[wrong]), Err(Refused::TooLong(key("w"))));
    }
    assert_eq!(world.ask(&mut pass, &[wait("w", year)]), Answer::Wait(at(1) + limits::SLEEP));
}

#[test]
fn an_invoked_function_is_called_once_and_its_output_answers() {
    let mut world = World::new();
    let list = [invoke("ask", "label", 100)];
    let mut pass = world.pass();
    assert_eq!(world.go(&mut pass, &list), Answer::Wait(at(101)));
    let [Effect::Invoke { step, run: child, event, call }] = world.effects.as_slice() else {
        panic!("{:?}", world.effects)
    };
    assert_eq!((step, child.as_str(), event.as_str()), (&key("ask"), "r1", "e2"));
    assert_eq!((call.function.as_str(), &call.data), ("label", &text("{\"n\":1}")));
    assert!(matches!(&world.journal[1], Entry::InvokeStarted { run, .. } if run == child));
    world.mail = vec![Mail::Ended { step: key("ask"), result: ok("7") }];
    let mut pass = world.pass();
    assert_eq!(world.ask(&mut pass, &list), Answer::Recorded(0, ok("7")));
    let mut pass = world.pass();
    assert_eq!(world.ask(&mut pass, &list), Answer::Recorded(0, ok("7")));
    assert_eq!(world.effects.len(), 1, "a replay calls nothing");
}

#[test]
fn an_invoked_functions_failure_is_the_steps() {
    let mut world = World::new();
    let mut pass = world.pass();
    world.go(&mut pass, &[invoke("ask", "label", 100)]);
    world.mail = vec![Mail::Ended { step: key("ask"), result: Err(broken()) }];
    for _ in 0..2 {
        let mut pass = world.pass();
        assert_eq!(world.ask(&mut pass, &[invoke("ask", "label", 100)]), Answer::Recorded(0, Err(broken())));
    }
}

#[test]
fn an_invoked_function_that_is_late_fails_the_step_once_its_mail_has_been_read() {
    let mut world = World::new();
    let list = [invoke("ask", "label", 100)];
    let mut pass = world.pass();
    world.ask(&mut pass, &list);
    world.now = 200;
    assert_eq!(world.go(&mut pass, &list), Answer::Wait(at(101)), "nobody has looked for its end");
    let mut pass = world.pass();
    let Answer::Recorded(0, Err(failure)) = world.ask(&mut pass, &list) else { panic!("no failure") };
    assert_eq!((failure.name.as_str(), failure.retry), ("InvokeTimeout", crate::Retry::Never));
    world.mail = vec![Mail::Ended { step: key("ask"), result: ok("7") }];
    let mut pass = world.pass();
    assert_eq!(world.ask(&mut pass, &list), Answer::Recorded(0, Err(failure)), "too late");
}

#[test]
fn an_unknown_function_fails_its_step_and_calls_nothing() {
    let mut world = World::new();
    for _ in 0..2 {
        let mut pass = world.pass();
        let answer = world.ask(&mut pass, &[invoke("ask", "nobody", 100)]);
        let Answer::Recorded(0, Err(failure)) = answer else { panic!("{answer:?}") };
        assert_eq!(failure.name, "FunctionNotFound");
        assert!(failure.message.contains("`nobody`"), "{}", failure.message);
    }
    assert!(world.effects.is_empty());
    // from the first pass on: that there is one now changes nothing
    let mut pass = world.pass();
    let answer = world.ask(&mut pass, &[invoke("ask", "label", 100)]);
    assert!(matches!(answer, Answer::Recorded(0, Err(_))), "{answer:?}");
    assert_eq!(world.journal.len(), 2);
}

#[test]
fn an_invocation_without_a_limit_waits_for_366_days() {
    let mut world = World::new();
    let mut pass = world.pass();
    let (function, data) = (FunctionId::new("label"), text("{}"));
    let op = Op::Invoke(Invocation { function, data, user: None, timeout: None });
    assert_eq!(world.ask(&mut pass, &[call("ask", op)]), Answer::Wait(at(1) + limits::SLEEP));
}
