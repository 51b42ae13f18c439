//! Functions come, change, go and break while the host works.

mod folder;
mod gaps;
mod pinned;
mod refusals;
mod upload;

use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::{Host, paths, stripe};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinHandle;

/// Requests one after the other, all of which have to be answered well.
struct Requests {
    is_over: Arc<AtomicBool>,
    task: JoinHandle<usize>,
}

impl Requests {
    fn start(host: &Host) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (url, told) = (host.url(""), is_over.clone());
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let task = tokio::spawn(async move {
            let mut n = 0;
            while !told.load(Ordering::Relaxed) {
                let body = stripe::small(&format!("evt_meanwhile_{n}"));
                let signature = stripe::header(stripe::SECRET, &body);
                let requests = [
                    client
                        .post(format!("{url}/api/stripe/webhook"))
                        .header("stripe-signature", signature)
                        .body(body),
                    client.post(format!("{url}/e/k")).body(r#"{"name":"test/versioned","data":{"ms":1}}"#),
                    client.get(format!("{url}/v1/functions")),
                    client.get(format!("{url}/readyz")),
                ];
                for request in requests {
                    let answer = request.send().await.expect("the host answers");
                    assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
                    n += 1;
                }
            }
            n
        });
        Self { is_over, task }
    }

    /// Ends them; panics when one was not answered well.
    async fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        let n = self.task.await.expect("every request was answered well");
        assert!(n > 0, "there were requests");
    }
}

fn bytes(guest: &str) -> Vec<u8> {
    std::fs::read(paths::guest(guest)).expect("reads the guest")
}

/// The deployment that a function's new runs go on, if it is offered.
async fn deployment(host: &Host, function: &str) -> Option<String> {
    let functions = host.read("/v1/functions").await;
    let found = functions.as_array().expect("a list").iter().find(|f| f["id"] == function).cloned();
    found.map(|f| f["deployment"].as_str().expect("a digest").to_owned())
}

/// Waits until a function is offered on another deployment than this.
async fn wait_for_change(host: &Host, function: &str, from: Option<&str>) -> Option<String> {
    until(&format!("{function} to change"), PATIENCE, async || match deployment(host, function).await {
        now if now.as_deref() == from => Err(format!("{now:?}, {}", host.get("/v1/deployments").await.body)),
        now => Ok(now),
    })
    .await
}

/// What could not be deployed, by source.
async fn problems(host: &Host) -> Vec<Value> {
    let answer = host.get("/v1/deployments").await.expect(200).json();
    answer["metadata"]["problems"].as_array().expect("problems").clone()
}

/// Waits for a problem with this file, and gives its code.
async fn wait_for_problem(host: &Host, file: &str) -> String {
    until(&format!("a problem with {file}"), PATIENCE, async || {
        let all = problems(host).await;
        let found = all.iter().find(|p| p["source"].as_str().is_some_and(|s| s.contains(file)));
        let found = found.ok_or_else(|| format!("{all:?}"))?;
        assert!(found["error"].as_str().is_some_and(|e| e.len() > 20), "a sentence: {found}");
        Ok(found["code"].as_str().expect("a code").to_owned())
    })
    .await
}

/// Runs `versioned` now: which version did it?
async fn version(host: &Host) -> String {
    let event = host.send("test/versioned", json!({ "ms": 1 })).await;
    let run = host.wait_for(&event, "versioned", "Completed").await;
    let output = &run["output"];
    assert!(
        output["first"] == output["second"] && output["first"] == output["outside"],
        "one version: {run:#}"
    );
    output["first"].as_str().expect("a letter").to_owned()
}
