//! Who is next in the queue.

use super::{by_status, let_others_run, paths, send_all, wait_for_calls, wait_for_runs};
use pawl_tests::Setup;
use pawl_tests::upstream::Upstream;
use serde_json::{Value, json};

fn call(upstream: &Upstream, name: &str, p: Value) -> Value {
    json!({ "url": upstream.url(&format!("/{name}")), "p": p })
}

#[tokio::test]
async fn queued_runs_start_in_the_order_of_their_priority() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["flow"]).start().await;
    host.send("test/prioritised", call(&upstream, "busy", json!(0))).await;
    wait_for_calls(&upstream, 1).await;
    let data = [
        ("none", json!(0)),
        ("ten", json!(10)),
        ("last", json!(-600)),
        ("no-number", json!("high")),
        ("hundred", json!(100)),
        ("less", json!(-10)),
        ("most", json!(600)),
        ("ten-too", json!(10)),
    ];
    send_all(&host, "test/prioritised", data.map(|(name, p)| call(&upstream, name, p))).await;
    upstream.release();
    wait_for_runs(&host, "prioritised", "Completed", 9).await;
    let expected = ["busy", "most", "hundred", "ten", "ten-too", "none", "no-number", "less", "last"];
    assert_eq!(paths(&upstream), expected.map(|name| format!("/{name}")));
}

#[tokio::test]
async fn a_priority_is_worth_so_many_seconds_of_waiting_and_no_more() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["flow"]).start().await;
    host.send("test/prioritised", call(&upstream, "busy", json!(0))).await;
    wait_for_calls(&upstream, 1).await;
    // 100 000 is 600: that is no more than the other has
    send_all(&host, "test/prioritised", [call(&upstream, "first", json!(600))]).await;
    send_all(&host, "test/prioritised", [call(&upstream, "second", json!(100_000))]).await;
    upstream.release();
    wait_for_runs(&host, "prioritised", "Completed", 3).await;
    assert_eq!(paths(&upstream), ["/busy", "/first", "/second"]);
}

#[tokio::test]
async fn two_thousand_queued_runs_of_one_key_do_not_hold_up_another_key() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["flow"]).start().await;
    let call = |user: &str| json!({ "url": upstream.url(&format!("/{user}")), "user": user });
    send_all(&host, "test/limited-by-key", vec![call("a"); 2_000]).await;
    wait_for_calls(&upstream, 1).await;
    let event = host.send("test/limited-by-key", call("b")).await;
    wait_for_calls(&upstream, 2).await;
    assert_eq!(paths(&upstream), ["/a", "/b"]);
    // nor another function
    let_others_run(&host).await;
    assert_eq!(by_status(&host, "limited-by-key", "Queued").await.len(), 1_999);
    upstream.release();
    host.wait_for(&event, "limited-by-key", "Completed").await;
}
