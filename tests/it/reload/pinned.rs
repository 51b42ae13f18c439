//! A run stays on the bytes that it began with.

use super::{bytes, deployment, version, wait_for_change};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Host, Setup};
use serde_json::json;

/// A run of `versioned` that sleeps: its event.
async fn asleep(host: &Host, ms: u64) -> String {
    let event = host.send("test/versioned", json!({ "ms": ms })).await;
    host.wait_for(&event, "versioned", "Sleeping").await;
    event
}

async fn expect_all_a(host: &Host, event: &str, deployment: &str) {
    let run = host.wait_for(event, "versioned", "Completed").await;
    assert_eq!(run["output"], json!({ "first": "a", "second": "a", "outside": "a" }), "{run:#}");
    assert_eq!(run["function_version"], deployment);
}

#[tokio::test]
async fn a_sleeping_run_wakes_on_the_bytes_it_began_with() {
    let host = Setup::dev().guests(&["version-a"]).start().await;
    let a = deployment(&host, "versioned").await.expect("offered");
    let changed = asleep(&host, 2_500).await;
    let removed = asleep(&host, 3_500).await;
    host.place_guest("version-b", "version-a.wasm");
    let b = wait_for_change(&host, "versioned", Some(&a)).await;
    assert_eq!(version(&host).await, "b", "new runs take the new bytes");
    expect_all_a(&host, &changed, &a).await;
    host.remove("version-a.wasm");
    assert_eq!(wait_for_change(&host, "versioned", b.as_deref()).await, None);
    expect_all_a(&host, &removed, &a).await;
}

#[tokio::test]
async fn a_running_run_ends_on_the_bytes_it_began_with() {
    let upstream = Upstream::start().await;
    upstream.hold();
    let host = Setup::dev().guests(&["steps"]).start().await;
    let steps = deployment(&host, "fetcher").await;
    let event = host.send("test/fetcher", json!({ "url": upstream.url("/") })).await;
    upstream.is_called().await;
    host.remove("steps.wasm");
    wait_for_change(&host, "fetcher", steps.as_deref()).await;
    upstream.release();
    let run = host.wait_for(&event, "fetcher", "Completed").await;
    assert_eq!(run["function_version"].as_str(), steps.as_deref());
    assert_eq!(upstream.count(), 1, "it was not begun again");
}

#[tokio::test]
async fn the_bytes_are_kept_for_a_run_that_sleeps_through_a_change_of_the_folder_while_the_host_is_down() {
    let mut host = Setup::dev().guests(&["version-a"]).start().await;
    let a = deployment(&host, "versioned").await.expect("offered");
    let first = asleep(&host, 2_000).await;
    let second = asleep(&host, 4_000).await;
    host.kill();
    host.place("version-a.wasm", &bytes("version-b"));
    // compiled code may be lost at any time: it is made again
    std::fs::remove_dir_all(host.data().join("compiled")).expect("removes");
    host.restart().await;
    assert_ne!(deployment(&host, "versioned").await, Some(a.clone()));
    expect_all_a(&host, &first, &a).await;
    assert_eq!(version(&host).await, "b");

    host.kill();
    host.remove("version-a.wasm");
    host.restart().await;
    assert_eq!(deployment(&host, "versioned").await, None);
    expect_all_a(&host, &second, &a).await;
}

#[tokio::test]
async fn spoilt_compiled_code_is_made_again() {
    let mut host = Setup::dev().guests(&["version-a"]).start().await;
    host.stop().await;
    let mut spoilt = 0;
    for file in std::fs::read_dir(host.data().join("compiled")).expect("reads") {
        let path = file.expect("a file").path();
        let half = std::fs::read(&path).expect("reads");
        std::fs::write(&path, &half[..half.len() / 2]).expect("writes");
        spoilt += 1;
    }
    assert!(spoilt > 0);
    host.restart().await;
    assert_eq!(version(&host).await, "a");
}
