//! Who is not a server of ours gets nothing.

use super::wire::{OLD_KEY, app, ask, body, sign, sign_at, signed};
use pawl_tests::raw::Raw;
use pawl_tests::setup::SIGNING_KEY;
use pawl_tests::{Answer, Host, clock};
use reqwest::Method;

const QUERY: &str = "?fnId=cap-two-steps&stepId=step";

async fn call(host: &Host, body: &str, signature: Option<&str>) -> Answer {
    let headers: Vec<_> = signature.map(|s| ("x-inngest-signature", s)).into_iter().collect();
    ask(host, Method::POST, QUERY, body, &headers).await
}

#[tokio::test]
async fn a_call_without_a_signature_that_holds_is_refused_and_executes_nothing() {
    let host = app("http://127.0.0.1:9").start().await;
    let body = body("cap/two", &[]).to_string();
    let other = body.replace("e1", "e2");
    let (now, good) = (clock::unix_seconds(), sign(SIGNING_KEY, &body));
    let refusals = [
        (None, "signature_missing"),
        (Some(String::new()), "signature_missing"),
        (Some(good.replace("&s=", "&x=")), "signature_missing"),
        (Some(good[..good.len() - 1].to_owned()), "signature_missing"),
        (Some(format!("{good}&s={}", "0".repeat(64))), "signature_missing"),
        (Some(sign_at(SIGNING_KEY, &body, now - 400)), "signature_stale"),
        (Some(sign_at(SIGNING_KEY, &body, now + 400)), "signature_stale"),
        (Some(sign("some-other-key", &body)), "signature_mismatch"),
        (Some(format!("t={now}&s={}", "0".repeat(64))), "signature_mismatch"),
        // of another body, or of another time
        (Some(sign(SIGNING_KEY, &other)), "signature_mismatch"),
        (Some(good.replace(&format!("t={now}"), &format!("t={}", now - 1))), "signature_mismatch"),
    ];
    for (signature, code) in refusals {
        if signature.as_ref().is_some_and(|s| *s == good) {
            continue;
        }
        let answer = call(&host, &body, signature.as_deref()).await;
        answer.expect_refusal(401, code);
        let json = answer.json();
        assert_eq!(json["message"], "Unauthorized");
        assert!(json["error"].as_str().is_some_and(|e| e.contains("INNGEST_SIGNING_KEY")), "{json}");
        assert_eq!(answer.header("x-inngest-signature"), "", "nothing is signed for strangers");
        assert!(answer.header("x-inngest-sdk").starts_with("pawl:v"));
    }
    assert!(!host.log().contains("served run"), "nothing was executed");
    assert!(!host.log().contains(OLD_KEY) && !host.log().contains(SIGNING_KEY));
}

#[tokio::test]
async fn what_is_signed_and_no_call_is_refused_with_the_reason() {
    let host = app("http://127.0.0.1:9").start().await;
    for odd in ["", "{", "[]", "{\"ctx\":{\"run_id\":\"../x\"},\"event\":{\"name\":\"a\"}}"] {
        signed(&host, Method::POST, QUERY, odd).await.expect_refusal(400, "invalid_call");
    }
    signed(&host, Method::POST, "", "{}").await.expect_refusal(400, "invalid_query");
    let answer = ask(&host, Method::DELETE, "", "", &[]).await;
    answer.expect_refusal(405, "method_not_allowed");
    assert_eq!(answer.json()["message"], "Method not allowed");
    let large = format!("\"{}\"", "x".repeat(6 << 20));
    call(&host, &large, Some(&sign(SIGNING_KEY, &large))).await.expect_refusal(413, "too_large");
}

#[tokio::test]
async fn a_probe_of_trust_wants_a_signed_body() {
    let host = app("http://127.0.0.1:9").start().await;
    let answer = signed(&host, Method::POST, "?probe=trust", "{}").await.expect(200);
    assert_eq!(answer.body, "");
    signed(&host, Method::POST, "?probe=trust", "").await.expect_refusal(401, "signature_missing");
    signed(&host, Method::POST, "?probe=other", "{}").await.expect_refusal(400, "invalid_query");
    ask(&host, Method::POST, "?probe=trust", "{}", &[]).await.expect_refusal(401, "signature_missing");
}

/// A call with a signature that has the form of one, of which so many bytes of a large body have come.
async fn half_sent(host: &Host, bytes: usize) -> Raw {
    let (now, zeros) = (clock::unix_seconds(), "0".repeat(64));
    let head = format!(
        "POST /api/inngest{QUERY} HTTP/1.1\r\nHost: pawl\r\nContent-Length: {}\r\n\
         X-Inngest-Signature: t={now}&s={zeros}\r\n\r\n",
        5 << 20
    );
    let mut raw = Raw::connect(host.addr()).await;
    assert!(raw.write(head).await && raw.write("x".repeat(bytes)).await);
    raw
}

/// A body beyond 64 KiB, which is no call.
fn large() -> String {
    format!("\"{}\"", "x".repeat(100 << 10))
}

#[tokio::test]
async fn large_bodies_of_strangers_have_a_bounded_room_and_small_ones_another() {
    let host = app("http://127.0.0.1:9").start().await;
    let large = large();
    let mut strangers = Vec::new();
    let refused = clock::until("the room to be full", clock::PATIENCE, async || {
        // more than one after the other could be waited for
        for _ in 0..80 {
            strangers.push(half_sent(&host, 70_000).await);
        }
        let answer = call(&host, &large, Some(&sign(SIGNING_KEY, &large))).await;
        if answer.status == 503 { Ok(answer) } else { Err(answer.body.clone()) }
    })
    .await;
    refused.expect_refusal(503, "no_room");
    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(refused.header("x-inngest-signature"), "", "who it was is not known");
    signed(&host, Method::POST, "?probe=trust", "{}").await.expect(200);
    drop(strangers);
    call(&host, &large, Some(&sign(SIGNING_KEY, &large))).await.expect_refusal(400, "invalid_call");
}

#[tokio::test]
async fn strangers_who_only_announce_large_bodies_or_stop_within_one_hold_up_nobody() {
    let host = app("http://127.0.0.1:9").start().await;
    let large = large();
    for bytes in [1_000, 70_000] {
        let mut strangers = Vec::new();
        for _ in 0..24 {
            strangers.push(half_sent(&host, bytes).await);
        }
        // the first one may come before them
        for _ in 0..4 {
            let answer = call(&host, &large, Some(&sign(SIGNING_KEY, &large))).await;
            answer.expect_refusal(400, "invalid_call");
        }
    }
    let mut stranger = half_sent(&host, 70_000).await;
    let heard = stranger.hear(clock::PATIENCE).await;
    assert_eq!((heard.status, heard.is_closed), (Some(408), true), "{}", heard.text);
}
