//! The pages of numbers and of alerts.

use super::{page, page_that_says};
use pawl_tests::Setup;
use serde_json::json;

#[tokio::test]
async fn what_ran_is_counted_in_each_period_and_told_in_a_table() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    for failures in [0, 9] {
        let data = json!({ "failures": failures, "kind": "no-retry" });
        let event = host.send("test/flaky", data).await;
        host.wait_for(&event, "flaky", if failures == 0 { "Completed" } else { "Failed" }).await;
    }
    for period in ["1h", "6h", "24h", "7d", "30d", "90d"] {
        let path = format!("/charts?period={period}");
        let shown = page_that_says(&host, &path, "1 failed of 2").await;
        assert!(shown.contains("50 %") && shown.contains("<caption>Duration</caption>"), "{shown}");
        assert!(!shown.contains("style="), "no inline style: {shown}");
    }
    let other = page(&host, "/charts?function=sleeper").await;
    assert!(other.contains("none failed") && other.contains("Nothing in this time"), "{other}");
}

#[tokio::test]
async fn without_rules_the_page_of_alerts_shows_how_one_is_written() {
    let host = Setup::dev().start().await;
    let shown = page(&host, "/alerts").await;
    assert!(shown.contains("[[alert]]") && shown.contains("No alert has been raised"), "{shown}");
}
