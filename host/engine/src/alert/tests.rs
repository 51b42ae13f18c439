//! Turns, by tables and by random values.

use super::*;
use proptest::prelude::*;

fn rule(when: When) -> Rule {
    Rule {
        name: "r".into(),
        when,
        subject: Subject::Function(Pattern::new("*")),
        within: Span::from_secs(300),
        hold_for: Span::from_secs(30),
        resolve_after: Span::from_secs(300),
        repeat: Span::from_secs(3_600),
        to: Vec::new(),
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000) + Span::from_secs(seconds)
}

/// The turns that a series of values makes, one every ten seconds.
fn turns(rule: &Rule, values: &[Option<f64>], limit: f64) -> Vec<(u64, Turn)> {
    let (mut phase, mut told) = (Phase::Ok, Vec::new());
    for (n, value) in (0..).zip(values) {
        let reading = value.map_or(Reading::Unknown, |value| Reading::Is { value, limit });
        let turn;
        (phase, turn) = decide(rule, phase, reading, at(n * 10));
        told.extend(turn.map(|turn| (n * 10, turn)));
    }
    told
}

const RATE: When = When::ErrorRate { above: 0.05, at_least: 20 };

#[test]
fn a_pattern_is_exact_but_for_its_stars() {
    let matches = |pattern: &str, text: &str| Pattern::new(pattern).matches(text);
    for (pattern, text) in
        [("*", "a"), ("a", "a"), ("a*", "abc"), ("*c", "abc"), ("a*b*", "a-b"), ("a*a", "aba")]
    {
        assert!(matches(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in
        [("a", "ab"), ("a*a", "a"), ("a*c*b", "abc"), ("", "a"), ("*", "pawl/alert.raised")]
    {
        assert!(!matches(pattern, text), "{pattern} {text}");
    }
    assert!(matches("pawl/*", "pawl/alert.raised"));
}

#[test]
fn a_rule_is_raised_when_it_has_held_for_its_time_and_resolved_when_it_has_not() {
    let mut values = vec![Some(0.5); 5];
    values.extend([Some(0.0); 31]);
    assert_eq!(turns(&rule(RATE), &values, 0.05), [(30, Turn::Raised), (350, Turn::Resolved)]);
    // in two pieces that are too short
    let values: Vec<_> = [0.5, 0.5, 0.5, 0.0].into_iter().cycle().take(40).map(Some).collect();
    assert_eq!(turns(&rule(RATE), &values, 0.05), []);
}

#[test]
fn one_failure_is_told_at_once_and_every_further_one_holds_it() {
    let failed = Rule { hold_for: Span::ZERO, ..rule(When::Failed { at_least: 1 }) };
    let mut values = vec![Some(1.0), Some(0.0), Some(3.0)];
    values.extend([Some(0.0); 31]);
    assert_eq!(turns(&failed, &values, 1.0), [(0, Turn::Raised), (330, Turn::Resolved)]);
}

#[test]
fn what_is_near_its_limit_or_unknown_stays_as_it_is() {
    let mut values = vec![Some(0.06); 4];
    values.extend([Some(0.045); 100]);
    values.extend([None; 100]);
    assert_eq!(turns(&rule(RATE), &values, 0.05), [(30, Turn::Raised)]);
}

#[test]
fn what_stays_raised_is_told_again_now_and_then() {
    let told = turns(&rule(RATE), &[Some(1.0); 1_000], 0.05);
    let repeated = [3_630, 7_230].map(|at| (at, Turn::Repeated));
    assert_eq!(told, [vec![(30, Turn::Raised)], repeated.to_vec()].concat());
}

#[test]
fn a_limit_is_reached_by_counts_and_silence_and_passed_by_the_rest() {
    let over = |when: When| Reading::Is { value: 1.0, limit: 1.0 }.stand(&when) == Stand::Over;
    assert!(over(When::Failed { at_least: 1 }) && over(When::Silence));
    assert!(!over(RATE) && !over(When::Backlog { older_than: Span::from_secs(1) }));
}

proptest! {
    #[test]
    fn nothing_flaps(values in proptest::collection::vec(proptest::option::weighted(0.95, 0.0f64..0.1), 1..3_000)) {
        let rule = rule(RATE);
        let told = turns(&rule, &values, 0.05);
        let mut is_raised = false;
        for (_, turn) in &told {
            prop_assert_eq!(*turn != Turn::Raised, is_raised, "{:?}", told);
            is_raised = *turn != Turn::Resolved;
        }
        let of = |wanted: Turn| told.iter().filter(move |(_, t)| *t == wanted).map(|(at, _)| *at).collect::<Vec<_>>();
        // between two raises lie the time to be resolved and the time to hold
        for two in of(Turn::Raised).windows(2) {
            prop_assert!(two[1] - two[0] >= 330, "{:?}", told);
        }
        for two in told.windows(2).filter(|two| two[1].1 == Turn::Repeated) {
            prop_assert!(two[1].0 - two[0].0 >= 3_600, "{:?}", told);
        }
        for (at, _) in told.iter().filter(|(_, t)| *t == Turn::Resolved) {
            let place = (*at / 10) as usize;
            prop_assert!(values[place - 30..=place].iter().flatten().all(|v| *v <= 0.05 * CALM), "{:?}", told);
        }
    }

    #[test]
    fn no_channel_is_flooded_and_nothing_is_kept_back_for_ever(come in proptest::collection::vec(0usize..40, 1..60)) {
        let (mut sent, mut waiting) = (Vec::new(), 0);
        for (n, come) in (0..).zip(come.iter().copied().chain([0; 70])) {
            waiting += come;
            for _ in 0..200 {
                match next(&sent, waiting, at(n)) {
                    Next::Nothing => break,
                    Next::One => waiting -= 1,
                    Next::Sum => waiting = 0,
                    Next::Wait(until) => {
                        prop_assert!(until > at(n));
                        break;
                    }
                }
                sent.push(at(n));
            }
        }
        prop_assert_eq!(waiting, 0);
        for first in 0..sent.len() {
            prop_assert!(sent.get(first + PER_MINUTE).is_none_or(|later| *later - sent[first] >= MINUTE));
        }
    }
}
