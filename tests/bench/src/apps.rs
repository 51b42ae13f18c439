//! Durable steps of apps at HTTP endpoints, held against the same app called directly, with
//! nothing recorded: what a step costs beside the app's own work.

use crate::figures::Figure;
use crate::load;
use crate::{clock, steps};
use pawl_tests::Setup;
use pawl_tests::app::{App, Sdk};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Calls under way at once.
const IN_FLIGHT: usize = 50;
/// Steps of a run at the app that costs nothing.
const STEPS: usize = 10;
const SLICE: Duration = Duration::from_secs(3);

pub(crate) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let mut figures = vec![free().await?];
    for (args, what) in
        [(&[][..], "a call each"), (&["checkpointing"][..], "reported in the middle of a call")]
    {
        figures.extend(official(args, what).await?);
    }
    Ok(figures)
}

fn setup() -> Setup {
    Setup::dev().env("PAWL_LOG", "warn").env("PAWL_SLOTS", IN_FLIGHT.to_string())
}

/// An app that does nothing but answer.
async fn free() -> anyhow::Result<Figure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let url = format!("http://{addr}/api/inngest");
    tokio::spawn({
        let url = url.clone();
        async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, url.clone()));
            }
        }
    });
    let host = setup().env("PAWL_APPS", &url).start().await;
    pawl_tests::clock::until("the app", pawl_tests::clock::PATIENCE, async || {
        let functions = host.read("/v1/functions").await;
        let is_there = functions.as_array().is_some_and(|list| list.iter().any(|f| f["id"] == "free-ten"));
        if is_there { Ok(()) } else { Err(functions.to_string()) }
    })
    .await;
    let before = direct(addr, "free", "ten").await?;
    let ours = steps::burst_of(&host, &json!({"name": "free/ten", "data": {}}), 2_000).await? * STEPS as f64;
    let after = direct(addr, "free", "ten").await?;
    Ok(figure("an app that only answers, a call each", ours, f64::midpoint(before, after)))
}

/// The app on npm's `inngest` 4.
async fn official(args: &[&str], what: &str) -> anyhow::Result<Option<Figure>> {
    const STEPS: f64 = 2.0;
    let host = setup().start().await;
    let Some(app) = App::start_with(Sdk::Js4, args, &[("INNGEST_DEV", &host.url(""))]).await else {
        return Ok(None);
    };
    app.register().await;
    let addr = app.url.trim_start_matches("http://").split('/').next().unwrap_or_default().parse()?;
    let before = direct(addr, "shop", "plain").await?;
    let ours = steps::burst_of(&host, &json!({"name": "shop/plain", "data": {}}), 1_000).await? * STEPS;
    let after = direct(addr, "shop", "plain").await?;
    Ok(Some(figure(&format!("an app on npm's inngest 4, {what}"), ours, f64::midpoint(before, after))))
}

fn figure(what: &str, ours: f64, direct: f64) -> Figure {
    Figure::new(
        format!("steps of {what}, {IN_FLIGHT} runs at once"),
        format!("{ours:.0} durable steps/s"),
        format!("{:.2} × the calls that it answers directly ({direct:.0}/s)", ours / direct),
        None,
    )
}

/// First calls of runs that the app answers a second.
async fn direct(addr: std::net::SocketAddr, app: &str, function: &str) -> anyhow::Result<f64> {
    let event = json!({"name": format!("{app}/{function}"), "data": {}, "id": "e1", "ts": 0, "user": {}});
    let body = json!({
        "ctx": {"attempt": 0, "disable_immediate_execution": false, "max_attempts": 4, "run_id": "r1",
            "stack": {"current": 0, "stack": []}, "step_id": "step", "use_api": false},
        "event": event, "events": [event], "steps": {}, "use_api": false, "version": 2,
    });
    let path = format!("/api/inngest?fnId={app}-{function}&stepId=step");
    let request = load::post(&path, "content-type: application/json\r\n", body.to_string().as_bytes());
    let from = clock::now();
    let calls = load::run(addr, IN_FLIGHT, SLICE, move |_, _| request.clone()).await?.len();
    Ok(calls as f64 / from.elapsed().as_secs_f64())
}

/// Answers calls of one connection: the next step, or the end after [`STEPS`].
async fn answer(mut stream: TcpStream, url: String) {
    let mut read = Vec::new();
    loop {
        let Some(request) = request(&mut stream, &mut read).await else { return };
        let (status, body) = match request {
            Request::Sync => ("200 OK", registration(&url)),
            Request::Call(STEPS..) => ("200 OK", "null".into()),
            Request::Call(n) => {
                let step = json!([{"op": "StepRun", "id": format!("{n:040x}"), "data": n}]);
                ("206 Partial Content", step.to_string())
            }
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-inngest-sdk: bench:v1.0.0\r\n\
             x-inngest-req-version: 2\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all(format!("{head}{body}").as_bytes()).await.is_err() {
            return;
        }
    }
}

enum Request {
    /// The host asks for the functions.
    Sync,
    /// The host calls, with so many steps settled.
    Call(usize),
}

/// The next request of a connection; `None` at its end.
async fn request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some(head) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&read[..head]).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let end = head + 4 + length.and_then(|l| l.trim().parse().ok()).unwrap_or(0);
            if read.len() >= end {
                let body: Value = serde_json::from_slice(&read[head + 4..end]).unwrap_or_default();
                read.drain(..end);
                let settled = body["steps"].as_object().map(serde_json::Map::len);
                return Some(settled.map_or(Request::Sync, Request::Call));
            }
        }
        if stream.read_buf(read).await.ok()? == 0 {
            return None;
        }
    }
}

/// What an app tells of itself, in the answer to a sync (Inngest's SDK specification, 4.4.2).
fn registration(url: &str) -> String {
    let runtime = json!({"type": "http", "url": format!("{url}?fnId=free-ten&stepId=step")});
    let function = json!({
        "id": "free-ten", "name": "ten", "triggers": [{"event": "free/ten"}],
        "steps": {"step": {"id": "step", "name": "step", "runtime": runtime}},
    });
    json!({
        "app_id": "free", "env": null, "framework": "bench", "functions": [function], "inspection": {},
        "sdk_author": "pawl", "sdk_language": "bench", "sdk_version": "1.0.0", "url": url,
    })
    .to_string()
}
