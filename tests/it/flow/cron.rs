//! Functions that start by the clock.

use super::by_hand::Description;
use super::{at, millis, runs_of, text};
use pawl_tests::clock::{PATIENCE, instant, unix_seconds, until};
use pawl_tests::{Host, Setup};
use serde_json::{Value, json};
use std::time::Duration;

/// The ticks of `cron-driven` so far, by the time that each was for, oldest first.
async fn ticks(host: &Host) -> Vec<Value> {
    let mut events = host.all("/v1/events?name=inngest/scheduled.timer").await;
    events.retain(|event| event["data"]["cron"] == "@every 1s");
    events.reverse();
    events
}

/// Waits until there are more ticks than that.
async fn wait_for_ticks(host: &Host, n: usize) -> Vec<Value> {
    until(&format!("{n} ticks"), PATIENCE, async || {
        let ticks = ticks(host).await;
        if ticks.len() >= n { Ok(ticks) } else { Err(ticks.len().to_string()) }
    })
    .await
}

/// The second that each tick was for; panics when one was given twice, or has not one run.
async fn expect_each_once(host: &Host, ticks: &[Value]) -> Vec<i64> {
    let mut seconds = Vec::new();
    for tick in ticks {
        let for_ms = at(&tick["data"], "scheduledAt");
        assert_eq!(for_ms % 1_000, 0, "a tick is at a full second: {tick:#}");
        seconds.push(for_ms / 1_000);
        let runs = host.runs_of(text(tick, "internal_id")).await;
        assert_eq!(runs.len(), 1, "{runs:#?}");
        assert_eq!(runs[0]["function_id"], "cron-driven");
    }
    let mut sorted = seconds.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted, seconds, "no tick twice, and in their order");
    seconds
}

#[tokio::test]
async fn each_tick_starts_one_run_with_the_time_that_it_was_for() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let ticks = wait_for_ticks(&host, 3).await;
    expect_each_once(&host, &ticks).await;
    for tick in &ticks {
        assert_eq!(tick["source"], "cron");
        assert_eq!(tick["data"]["fireAt"], tick["data"]["scheduledAt"], "without jitter");
        assert_eq!(tick["ts"], at(&tick["data"], "scheduledAt"));
        assert!(at(tick, "received_at") >= at(&tick["data"], "scheduledAt"), "never too early: {tick:#}");
    }
    let run = host.wait_for(text(&ticks[0], "internal_id"), "cron-driven", "Completed").await;
    assert_eq!(run["output"]["name"], "inngest/scheduled.timer");
    assert_eq!(run["output"]["data"], ticks[0]["data"]);
    // and its event starts it as well
    let event = host.send("test/cron-driven", json!({ "by": "hand" })).await;
    let run = host.wait_for(&event, "cron-driven", "Completed").await;
    assert_eq!(run["output"], json!({ "name": "test/cron-driven", "data": { "by": "hand" } }));
}

#[tokio::test]
async fn kills_and_restarts_give_no_tick_twice() {
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    for n in 1..=4 {
        wait_for_ticks(&host, n).await;
        host.kill();
        host.restart().await;
    }
    let ticks = wait_for_ticks(&host, 7).await;
    expect_each_once(&host, &ticks).await;
}

/// A period of a minute or more that has a tick soon after so many seconds from now: its
/// length, and when that tick is.
fn period_with_a_tick_in(seconds: u64) -> (u64, u64) {
    let now = unix_seconds();
    let ticks =
        (now + seconds..now + seconds + 8).flat_map(|tick| (60..3_600).map(move |every| (every, tick)));
    ticks.into_iter().find(|(every, tick)| tick % every == 0).expect("a number that can be divided")
}

/// The second that the newest tick was for.
fn newest(ticks: &[Value]) -> i64 {
    ticks.iter().map(|tick| at(&tick["data"], "scheduledAt") / 1_000).max().expect("a tick")
}

#[tokio::test]
async fn a_tick_that_was_missed_is_made_up_for_once() {
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    let (every, tick) = period_with_a_tick_in(10);
    let mut rare = Description::new("a-rare-one");
    rare.cron(&format!("@every {every}s"), None);
    host.deploy(rare.plugin()).await.expect(201);
    // the other schedule has gone on: so this one is known
    let before = ticks(&host).await.len();
    wait_for_ticks(&host, before + 2).await;
    assert!(runs_of(&host, "a-rare-one").await.is_empty(), "not before its time");
    let mut last = newest(&ticks(&host).await);
    host.kill();
    assert!(unix_seconds() < tick, "the machine is too slow for this test");
    until("its time to pass while the host is down", PATIENCE, async || {
        if unix_seconds() > tick + 1 { Ok(()) } else { Err("not yet".into()) }
    })
    .await;

    for _ in 0..2 {
        let down_until = unix_seconds();
        host.restart().await;
        let runs = until("the missed run", PATIENCE, async || match runs_of(&host, "a-rare-one").await {
            runs if runs.is_empty() => Err("none".to_owned()),
            runs => Ok(runs),
        })
        .await;
        let before = ticks(&host).await.len();
        wait_for_ticks(&host, before + 2).await;
        assert_eq!(runs_of(&host, "a-rare-one").await.len(), 1, "once");
        let event = host.read(&format!("/v1/events/{}", text(&runs[0], "event_id"))).await;
        assert_eq!(at(&event["data"], "scheduledAt") / 1_000, i64::try_from(tick).expect("a time"));
        // of the many that the other one missed there is the latest at most
        let seconds = expect_each_once(&host, &ticks(&host).await).await;
        let missed = last + 1..i64::try_from(down_until).expect("a time");
        let made_up = seconds.iter().filter(|second| missed.contains(*second)).count();
        assert!(made_up <= 1, "{seconds:?}, down in {missed:?}");
        last = newest(&ticks(&host).await);
        host.kill();
    }
}

/// A period whose last tick is this long ago or longer, and whose next one does not come
/// soon. In seconds.
fn period_with_its_last_tick_before(seconds: u64) -> u64 {
    let now = unix_seconds();
    let fits = |every: &u64| now % every > seconds && every - now % every > 900;
    (seconds..).step_by(60).find(fits).expect("one of so many")
}

#[tokio::test]
async fn a_tick_of_more_than_a_day_ago_is_not_made_up_for() {
    let mut host = Setup::dev().guests(&["flow"]).start().await;
    let day = 24 * 3_600;
    let periods = [("a-recent-one", 900), ("an-old-one", day + 900)];
    let schedules = periods.map(|(id, ago)| {
        let schedule = format!("@every {}s", period_with_its_last_tick_before(ago));
        let mut function = Description::new(id);
        function.cron(&schedule, None);
        (id, schedule, function.plugin())
    });
    for (_, _, plugin) in &schedules {
        host.deploy(plugin.clone()).await.expect(201);
    }
    // the other schedule has gone on: so these are known
    let before = ticks(&host).await.len();
    wait_for_ticks(&host, before + 2).await;
    host.stop().await;
    // as if it had been down for long
    let database = rusqlite::Connection::open(host.data().join("pawl.db")).expect("opens");
    for (id, schedule, _) in &schedules {
        let sql = "UPDATE kv SET value = ?1 WHERE bucket = 'pawl:cron' AND key = ?2";
        let long_ago = ((unix_seconds() - 30 * day) * 1_000).to_string().into_bytes();
        let n = database.execute(sql, (long_ago, format!("{id} {schedule}"))).expect("writes");
        assert_eq!(n, 1, "{id} was known");
    }
    drop(database);
    host.restart().await;
    let before = ticks(&host).await.len();
    wait_for_ticks(&host, before + 2).await;
    assert_eq!(runs_of(&host, "a-recent-one").await.len(), 1, "the latest of many");
    assert!(runs_of(&host, "an-old-one").await.is_empty());
}

#[tokio::test]
async fn jitter_delays_a_start_and_not_the_time_that_it_is_for() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    let mut late = Description::new("late");
    late.cron("@every 1s", Some(3_000));
    host.deploy(late.plugin()).await.expect(201);
    let runs = until("three ticks", PATIENCE, async || match runs_of(&host, "late").await {
        runs if runs.len() >= 3 => Ok(runs),
        runs => Err(runs.len().to_string()),
    })
    .await;
    let mut delays = Vec::new();
    for run in &runs {
        let event = host.read(&format!("/v1/events/{}", text(run, "event_id"))).await;
        let delay = at(&event["data"], "fireAt") - at(&event["data"], "scheduledAt");
        assert!((0..3_000).contains(&delay), "{event:#}");
        delays.push(delay);
        if let Some(started) = run["run_started_at"].as_str() {
            assert!(millis(started) >= at(&event["data"], "fireAt"), "{run:#}");
        }
    }
    assert!(delays.iter().any(|delay| *delay > 0), "{delays:?}");
}

#[tokio::test]
async fn a_function_that_is_gone_does_not_tick() {
    let host = Setup::dev().guests(&["flow"]).start().await;
    wait_for_ticks(&host, 1).await;
    host.remove("flow.wasm");
    until("it to be gone", PATIENCE, async || match host.read("/v1/functions").await {
        Value::Array(all) if all.is_empty() => Ok(()),
        other => Err(other.to_string()),
    })
    .await;
    let count = ticks(&host).await.len();
    let begun = instant();
    until("two ticks' time", PATIENCE, async || {
        if begun.elapsed() > Duration::from_millis(2_200) { Ok(()) } else { Err("not yet".into()) }
    })
    .await;
    assert_eq!(ticks(&host).await.len(), count);
}
