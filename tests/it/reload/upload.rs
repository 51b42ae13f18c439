//! `PUT /v1/deployments`.

use super::{Requests, bytes, deployment, version};
use pawl_tests::clock::PATIENCE;
use pawl_tests::raw::Raw;
use pawl_tests::{Setup, components};
use serde_json::json;

#[tokio::test]
async fn an_upload_takes_new_runs_as_soon_as_it_is_answered() {
    let host = Setup::dev().start().await;
    let requests = Requests::start(&host);
    for (guest, letter) in [("version-a", "a"), ("version-b", "b"), ("version-a", "a")] {
        let deployed = host.deploy(bytes(guest)).await.expect(201).data();
        assert_eq!(deployed["functions"][0]["id"], "versioned", "{deployed:#}");
        assert_eq!(deployed["deployment"].as_str(), deployment(&host, "versioned").await.as_deref());
        assert_eq!(version(&host).await, letter);
    }
    requests.end().await;
    let deployments = host.read("/v1/deployments").await;
    assert_eq!(deployments.as_array().map(Vec::len), Some(2), "the same bytes are the same: {deployments:#}");
}

#[tokio::test]
async fn an_upload_outlives_a_kill_and_wins_over_a_file_that_is_older() {
    let mut host = Setup::serve().guests(&["version-a", "steps"]).start().await;
    host.deploy(bytes("version-b")).await.expect(201);
    assert_eq!(version(&host).await, "b");
    host.kill();
    host.restart().await;
    assert_eq!(version(&host).await, "b");
    // the file's other functions are not touched, and a changed file is newer
    host.place_guest("version-b", "version-a.wasm");
    let event = host.send("test/repeat", json!({})).await;
    host.wait_for(&event, "repeat", "Completed").await;
    assert_eq!(version(&host).await, "b");
}

#[tokio::test]
async fn two_uploads_at_once_both_hold_and_the_host_is_well() {
    let host = Setup::dev().start().await;
    let uploads =
        ["version-a", "version-b", "steps", "version-a", "version-b"].map(|g| host.deploy(bytes(g)));
    let [a, b, c, d, e] = uploads;
    let (a, b, c, d, e) = tokio::join!(a, b, c, d, e);
    for answer in [a, b, c, d, e] {
        answer.expect(201);
    }
    assert!(["a", "b"].contains(&version(&host).await.as_str()));
    let event = host.send("test/repeat", json!({})).await;
    host.wait_for(&event, "repeat", "Completed").await;
}

#[tokio::test]
async fn an_upload_is_bounded() {
    let host = Setup::dev().start().await;
    let mut connection = Raw::connect(host.addr()).await;
    let head = format!(
        "PUT /v1/deployments HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n",
        host.addr(),
        (64 << 20) + 1
    );
    assert!(connection.write(head).await);
    let heard = connection.hear(PATIENCE).await;
    assert_eq!(heard.status, Some(413), "{heard:?}");
    host.deploy(components::empty()).await.expect_refusal(422, "no_functions");
}
