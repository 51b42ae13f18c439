//! The pages that are asked for: each with what changes from one request to the next.

use super::LIVE;
use super::fill::{History, RARE, RUNS};

/// A page's path for its n-th request.
type Path = fn(&History, u64) -> String;

/// Each kind of page.
pub(super) const ALL: &[(&str, Path)] = &[
    ("runs", |_, _| "/v1/runs".into()),
    ("runs, Failed", |_, _| "/v1/runs?status=Failed".into()),
    ("runs, Running", |_, _| "/v1/runs?status=Running".into()),
    ("runs, Sleeping", |_, _| "/v1/runs?status=Sleeping".into()),
    ("runs of a function", |_, n| format!("/v1/runs?function_id=function-{}", n % 10)),
    ("runs of a function, Cancelled", |_, n| {
        format!("/v1/runs?status=Cancelled&function_id=function-{}", n % 10)
    }),
    ("runs of a function that has none so, Sleeping", |_, _| {
        "/v1/runs?status=Sleeping&function_id=function-1".into()
    }),
    ("runs of a frequent event", |_, _| "/v1/runs?event=shop/order.placed".into()),
    ("runs of a rare event", |_, _| format!("/v1/runs?event={RARE}")),
    ("runs of a rare event, Failed, of one function", |_, n| {
        format!("/v1/runs?event={RARE}&status=Failed&function_id=function-{}", n % 10)
    }),
    ("runs of one hour", |h, n| {
        let from = h.at(n % RUNS);
        format!("/v1/runs?from={from}&until={}", from + 3_600_000)
    }),
    ("failed runs of a function on one day", |h, n| {
        let from = h.at(n % RUNS);
        let function = n % 10;
        format!(
            "/v1/runs?status=Failed&function_id=function-{function}&from={from}&until={}",
            from + 86_400_000
        )
    }),
    ("runs, a page far back", |h, n| format!("/v1/runs?cursor={}", h.run(n % RUNS))),
    ("search runs: sender's id", |_, n| format!("/v1/runs?q=evt_hist{}", n % RUNS / 5 * 5)),
    ("search runs: event's id", |h, n| format!("/v1/runs?q={}", h.event(n % RUNS))),
    ("search runs: own id", |h, n| format!("/v1/runs?q={}", h.run(n % RUNS))),
    ("search runs: user", |_, n| format!("/v1/runs?q=user.id:u_{}", n % 50_000)),
    ("search runs: a value of one event", |_, n| format!("/v1/runs?q=ord_{}", n % RUNS)),
    ("search runs: a customer by its path, Failed", |_, n| {
        format!("/v1/runs?status=Failed&q=data.order.customer:cus_{}", n % 20_000)
    }),
    ("search runs: a value of every event", |_, _| "/v1/runs?q=usd".into()),
    ("search runs: a value of 1,100 events", |_, n| format!("/v1/runs?q=sku_{}", n % 900)),
    ("search runs: a value of every event, Failed, of one function", |_, n| {
        format!("/v1/runs?status=Failed&q=usd&function_id=function-{}", n % 10)
    }),
    ("search runs: a frequent value at a path where it never is", |_, _| {
        "/v1/runs?q=data.order.source:usd".into()
    }),
    ("search runs: a value that there is not", |_, n| format!("/v1/runs?q=none_{n}")),
    ("a run", |h, n| format!("/v1/runs/{}", h.run(n % RUNS))),
    ("events", |_, _| "/v1/events".into()),
    ("events of a name", |_, _| "/v1/events?name=stripe/invoice.paid".into()),
    ("search events: user", |_, n| format!("/v1/events?q=user.id:u_{}", n % 50_000)),
    ("search events: a value of every event", |_, _| "/v1/events?q=usd".into()),
    ("search events: a frequent value at a path where it never is", |_, _| {
        "/v1/events?q=data.order.source:usd".into()
    }),
    ("an event", |h, n| format!("/v1/events/{}", h.event(n % RUNS))),
    ("functions", |_, _| "/v1/functions".into()),
    ("Prometheus's metrics", |_, _| "/metrics".into()),
    ("dashboard: runs", |_, _| "/runs".into()),
    ("dashboard: failed runs of a function", |_, n| {
        format!("/runs?status=Failed&function=function-{}", n % 10)
    }),
    ("dashboard: runs of a user", |_, n| format!("/runs?q=user.id:u_{}", n % 50_000)),
    ("dashboard: a run", |h, n| format!("/runs/{}", h.run(n % RUNS))),
    ("dashboard: functions", |_, _| "/functions".into()),
    ("dashboard: a function", |_, _| format!("/functions/{LIVE}")),
    ("dashboard: events", |_, _| "/events".into()),
    ("dashboard: an event", |h, n| format!("/events/{}", h.event(n % RUNS))),
    ("dashboard: webhooks", |_, _| "/webhooks".into()),
    ("dashboard: charts of 24 hours", |_, _| "/charts?period=24h".into()),
    ("dashboard: charts of 30 days", |_, _| "/charts?period=30d".into()),
    ("dashboard: alerts", |_, _| "/alerts".into()),
];
