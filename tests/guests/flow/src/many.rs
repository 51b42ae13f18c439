//! Several steps at once, and steps of one id.

use pawl::{Error, Event, NewEvent, On, Result, Step, Value, http, json};
use serde::Deserialize;
use std::time::Duration;

/// `{url, n, fail}`
#[derive(Deserialize)]
pub(crate) struct Gets {
    url: String,
    n: Option<usize>,
    fail: Option<usize>,
}

/// `test/ten-at-once {url, n (10), fail (none)}`: so many parallel steps `get-0`, `get-1`, …
/// whose code gets the URL, then step `after`; the `fail`th fails after that, once. Gives
/// `{"statuses": […], "attempts": […]}`.
#[pawl::function(id = "ten-at-once", event = "test/ten-at-once", hosts = ["127.0.0.1:*"])]
pub(crate) fn ten_at_once(event: Event<Gets>, step: Step) -> Result<Value> {
    let Gets { url, n, fail } = event.data;
    let mut all = step.parallel();
    let gets: Vec<_> = (0..n.unwrap_or(10))
        .map(|n| {
            let url = url.clone();
            all.run_attempt(&format!("get-{n}"), move |attempt| {
                let status = http::get(url).send()?.status();
                if fail == Some(n) && attempt.number() == 0 {
                    return Err(Error::new("the first attempt fails"));
                }
                Ok((status, attempt.number()))
            })
        })
        .collect();
    all.join()?;
    let gets = gets.into_iter().map(pawl::Output::get).collect::<Result<Vec<(u16, u32)>>>()?;
    let (statuses, attempts): (Vec<_>, Vec<_>) = gets.into_iter().unzip();
    step.run("after", || Ok(json!({ "statuses": statuses, "attempts": attempts })))
}

/// `{url, ms}`
#[derive(Deserialize)]
pub(crate) struct Mixed {
    url: String,
    ms: Option<u64>,
}

/// `test/mixed {url, ms (200)}`: at once a step `run`, sleeps `nap` of `ms` and `until` that
/// time after the run's start, a wait `wait` for `test/mixed.on` of that time, a call `ask` of
/// `answerer` with `{"answer": 7}`, a request `fetch`, and an event `tell`, `test/mixed.told`.
/// Gives `{"run": 1, "wait": <whether one came>, "ask": 7, "fetch": <status>, "tell": <id>}`.
#[pawl::function(id = "mixed", event = "test/mixed", hosts = ["127.0.0.1:*"])]
pub(crate) fn mixed(event: Event<Mixed>, step: Step) -> Result<Value> {
    let span = Duration::from_millis(event.data.ms.unwrap_or(200));
    let mut all = step.parallel();
    let run = all.task("run").timeout("10s").retries(0).run(|| Ok(1));
    all.sleep("nap", span);
    all.sleep_until("until", step.now() + span);
    let wait = all.wait_for_event::<Value>("wait", On::event("test/mixed.on").timeout(span));
    let ask = all.invoke::<u64>("ask", "answerer", json!({ "answer": 7 }));
    let fetch = all.fetch("fetch", http::get(event.data.url));
    let tell = all.send_event("tell", NewEvent::new("test/mixed.told", json!({})));
    all.join()?;
    Ok(json!({
        "run": run.get()?,
        "wait": wait.get()?.is_some(),
        "ask": ask.get()?,
        "fetch": fetch.get()?.status(),
        "tell": tell.get()?,
    }))
}

/// `{wait_ms, sleep_ms}`
#[derive(Deserialize)]
pub(crate) struct Race {
    wait_ms: Option<u64>,
    sleep_ms: Option<u64>,
}

/// `test/racer {wait_ms (60000), sleep_ms (1000)}`: a wait `wait` for `test/racer.on` with the
/// same `data.id` against a sleep `nap`; then step `won` gives who won and a sleep `rest` of
/// 100 ms lets the other end. Gives `{"won": "wait" or "nap", "again": <the same in the last
/// pass>, "event": <what came, if that won>}`.
#[pawl::function(id = "racer", event = "test/racer")]
pub(crate) fn racer(event: Event<Race>, step: Step) -> Result<Value> {
    let Race { wait_ms, sleep_ms } = event.data;
    let mut both = step.parallel();
    let on = On::event("test/racer.on").matching("data.id");
    let wait = on.timeout(Duration::from_millis(wait_ms.unwrap_or(60_000)));
    let wait = both.wait_for_event::<Value>("wait", wait);
    let nap = both.sleep("nap", Duration::from_millis(sleep_ms.unwrap_or(1_000)));
    let place = both.race()?;
    let again = if nap.is_settled() { "nap" } else { "wait" };
    let won: String = step.run("won", || Ok(["wait", "nap"][place].into()))?;
    step.sleep("rest", "100ms")?;
    let event = if wait.is_settled() { wait.get()?.map(|event| event.data) } else { None };
    Ok(json!({ "won": won, "again": again, "event": event }))
}

/// `{n}`
#[derive(Deserialize)]
pub(crate) struct Count {
    n: Option<u64>,
}

/// `test/looped {n (3)}`: so many times over a step `run`, a sleep `nap`, an event `tell`
/// (`test/looped.told {"n": …}`) and a call `ask` of `answerer`, always with the same ids; gives
/// the answers: `[0, 1, 2]`.
#[pawl::function(id = "looped", event = "test/looped")]
pub(crate) fn looped(event: Event<Count>, step: Step) -> Result<Vec<u64>> {
    let turn = |n: u64| {
        let n: u64 = step.run("run", || Ok(n))?;
        step.sleep("nap", "1ms")?;
        step.send_event("tell", NewEvent::new("test/looped.told", json!({ "n": n })))?;
        step.invoke("ask", "answerer", json!({ "answer": n }))
    };
    (0..event.data.n.unwrap_or(3)).map(turn).collect()
}
