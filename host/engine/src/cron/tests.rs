//! Schedules by hand and at random.

use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Schedule {
    Schedule::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn at(text: &str) -> Timestamp {
    let t: jiff::Timestamp = text.parse().expect("a time");
    Timestamp::from_millis(t.as_millisecond())
}

fn text(t: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(t.as_millis()).expect("in range").to_string()
}

/// The first ticks after a moment.
fn ticks(schedule: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = parse(schedule);
    let mut now = at(after);
    let mut ticks = Vec::new();
    for _ in 0..count {
        now = schedule.next_after(now).expect("a tick");
        ticks.push(text(now));
    }
    ticks
}

#[test]
fn fields_names_and_spans_tick_when_they_say() {
    let first = |s: &str| ticks(s, "2026-01-15T10:07:30Z", 1).remove(0);
    for (schedule, next) in [
        ("*/5 * * * *", "2026-01-15T10:10:00Z"),
        ("5/15 * * * *", "2026-01-15T10:20:00Z"),
        ("0 9 * * MON-FRI", "2026-01-16T09:00:00Z"),
        ("0 0 1 feb *", "2026-02-01T00:00:00Z"),
        ("0 0 13 * 5", "2026-01-16T00:00:00Z"),
        ("@hourly", "2026-01-15T11:00:00Z"),
        ("@daily", "2026-01-16T00:00:00Z"),
        ("@weekly", "2026-01-18T00:00:00Z"),
        ("@monthly", "2026-02-01T00:00:00Z"),
        ("@yearly", "2027-01-01T00:00:00Z"),
        ("TZ=Europe/Paris 0 9 * * *", "2026-01-16T08:00:00Z"),
        ("CRON_TZ=America/New_York @daily", "2026-01-16T05:00:00Z"),
        ("@every 30m", "2026-01-15T10:30:00Z"),
        ("@every 1h30m", "2026-01-15T10:30:00Z"),
        ("@every 1.5s", "2026-01-15T10:07:31.5Z"),
        ("  0 0 29 2 *  ", "2028-02-29T00:00:00Z"),
    ] {
        assert_eq!(first(schedule), next, "{schedule}");
    }
}

#[test]
fn what_is_no_schedule_is_told_in_a_sentence() {
    let long = "1,".repeat(200) + "1 * * * *";
    for (schedule, why) in [
        ("", "needs five"),
        ("* * * *", "has 4 fields"),
        ("0 * * * * *", "has 6 fields"),
        ("60 * * * *", "60"),
        ("* * * * FOO", "`* * * * FOO`"),
        ("0 0 30 2 *", "never comes"),
        ("@reboot", "no schedule named"),
        ("@every", "needs a time"),
        ("@everything", "needs a time"),
        ("@every 10", "is no time"),
        ("@every 10d", "is no time"),
        ("@every -5m", "is no time"),
        ("@every 1ms", "a second to 366 days"),
        ("@every 99999999h", "a second to 366 days"),
        ("TZ=Mars/Phobos 0 0 * * *", "no time zone `Mars/Phobos`"),
        ("TZ=UTC @every 5m", "leave `TZ=` out"),
        (&long, "the limit is 255"),
    ] {
        let e = Schedule::parse(schedule).expect_err(schedule).to_string();
        assert!(e.contains(why), "{schedule}: {e}");
        assert!(!e.ends_with('.') && !e.contains('\n'), "{e}");
    }
}

/// Berlin, 2026-03-29: 02:00 becomes 03:00.
#[test]
fn a_fixed_time_in_a_gap_ticks_when_the_gap_is_over_and_others_have_no_ticks_in_it() {
    let eve = "2026-03-27T12:00:00Z";
    assert_eq!(
        ticks("TZ=Europe/Berlin 30 2 * * *", eve, 3),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
    );
    assert_eq!(
        ticks("TZ=Europe/Berlin */30 * * * *", "2026-03-29T00:20:00Z", 3),
        ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]
    );
}

/// Berlin, 2026-10-25: 03:00 becomes 02:00.
#[test]
fn a_fixed_time_in_a_fold_ticks_once_and_others_in_both_hours() {
    let eve = "2026-10-24T12:00:00Z";
    assert_eq!(
        ticks("TZ=Europe/Berlin 30 2 * * *", eve, 2),
        ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
    );
    assert_eq!(
        ticks("TZ=Europe/Berlin 30 * * * *", "2026-10-24T23:40:00Z", 3),
        ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"]
    );
}

#[test]
fn the_last_tick_is_looked_for_after_a_moment_and_up_to_another() {
    let daily = parse("@daily");
    let last = |a: &str, since: &str| daily.last_at(at(a), at(since)).map(text);
    let noon = "2026-01-15T12:00:00Z";
    let midnight = "2026-01-15T00:00:00Z";
    assert_eq!(last(noon, "2026-01-01T00:00:00Z").as_deref(), Some(midnight));
    assert_eq!(last(midnight, "2026-01-14T23:59:59.999Z").as_deref(), Some(midnight));
    assert_eq!(last(noon, midnight), None);
    assert_eq!(last("2026-01-14T23:59:59.999Z", "2026-01-14T00:00:00Z"), None);
    assert_eq!(
        parse("@every 7s")
            .last_at(at("1970-01-01T00:00:13Z"), at("1970-01-01T00:00:00Z"))
            .map(text)
            .as_deref(),
        Some("1970-01-01T00:00:07Z")
    );
}

#[test]
fn the_ends_of_time_have_no_ticks_and_do_no_harm() {
    for schedule in ["@daily", "@every 1s", "TZ=Europe/Berlin 30 2 * * *"] {
        for t in [i64::MIN, i64::MIN + 1, -1, 253_402_207_200_000, i64::MAX] {
            let t = Timestamp::from_millis(t);
            let _ = (parse(schedule).next_after(t), parse(schedule).last_at(t, Timestamp::from_millis(0)));
        }
    }
}

#[test]
fn a_schedule_is_stored_as_its_text() {
    let schedule = parse(" TZ=Europe/Paris 0 9 * * * ");
    let json = serde_json::to_string(&schedule).expect("serialises");
    assert_eq!(json, "\"TZ=Europe/Paris 0 9 * * *\"");
    assert_eq!(serde_json::from_str::<Schedule>(&json).expect("reads"), schedule);
}

const SCHEDULES: [&str; 9] = [
    "* * * * *",
    "*/7 1-3 * * *",
    "30 2 * * *",
    "TZ=Europe/Berlin 30 2 * * *",
    "TZ=Europe/Berlin */30 * * * *",
    "TZ=America/New_York 15 1,2 * * *",
    "TZ=Australia/Lord_Howe 45 1 * * *",
    "TZ=America/Santiago 0 0 * * *",
    "@every 1h7m",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Around the days on which clocks change in 2026, to the second and beside it.
    #[test]
    fn forwards_and_backwards_there_are_the_same_ticks(
        schedule in prop::sample::select(&SCHEDULES[..]),
        day in prop::sample::select(&["2026-03-08", "2026-03-29", "2026-04-05", "2026-09-06", "2026-10-04", "2026-10-25", "2026-11-01"][..]),
        ms in -40_000_000i64..130_000_000,
    ) {
        let schedule = parse(schedule);
        let from = Timestamp::from_millis(at(&format!("{day}T00:00:00Z")).as_millis() + ms);
        let tick = schedule.next_after(from).expect("a tick");
        prop_assert!(tick > from);
        prop_assert_eq!(schedule.last_at(tick, from), Some(tick), "itself");
        let before = Timestamp::from_millis(tick.as_millis() - 1);
        prop_assert_eq!(schedule.last_at(before, from), None, "nothing between");
        let after = Timestamp::from_millis(tick.as_millis() + 1);
        prop_assert_eq!(schedule.last_at(after, from), Some(tick), "still the last");
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[-0-9*/,@A-Z=#?LW ]{0,40}|.{0,30}") {
        if let Ok(schedule) = Schedule::parse(&text) {
            let _ = schedule.next_after(Timestamp::from_millis(1_700_000_000_000));
        }
    }
}
