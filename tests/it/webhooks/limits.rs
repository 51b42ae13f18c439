//! Senders that are too large or too slow, by mistake or on purpose.

use super::stored;
use pawl_tests::clock::PATIENCE;
use pawl_tests::raw::Raw;
use pawl_tests::{Host, Setup, stripe};
use std::time::Duration;

/// Bytes of a webhook.
const LIMIT: usize = 1 << 20;

/// A signed event of exactly so many bytes.
fn sized(id: &str, bytes: usize) -> Vec<u8> {
    let mut body = stripe::small(id);
    // white space is signed like everything else
    body.resize(bytes, b' ');
    body
}

fn head(host: &Host, length: usize, signature: &str) -> String {
    format!(
        "POST /api/stripe/webhook HTTP/1.1\r\nhost: {}\r\ncontent-length: {length}\r\n\
         stripe-signature: {signature}\r\n\r\n",
        host.addr()
    )
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    let host = Setup::serve().start().await;
    host.deliver(&sized("evt_full", LIMIT)).await.expect(200);
    host.deliver(&sized("evt_over", LIMIT + 1)).await.expect_refusal(413, "too_large");
    assert_eq!(stored(&host).await, ["evt_full"]);
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused_before_it_is_sent() {
    let host = Setup::serve().start().await;
    // the last is more than any machine can count, and is no length to some
    for (length, statuses) in [(LIMIT + 1, 413..=413), (1 << 40, 413..=413), (usize::MAX, 400..=499)] {
        let mut connection = Raw::connect(host.addr()).await;
        assert!(connection.write(head(&host, length, "t=1,v1=00")).await);
        let heard = connection.hear(PATIENCE).await;
        assert!(heard.status.is_some_and(|s| statuses.contains(&s)), "{length}: {heard:?}");
        assert!(heard.is_closed, "{length}: {heard:?}");
    }
    assert!(stored(&host).await.is_empty());
}

#[tokio::test]
async fn a_body_in_chunks_that_never_end_is_cut_off_at_the_limit() {
    let host = Setup::serve().start().await;
    let mut connection = Raw::connect(host.addr()).await;
    let head = format!(
        "POST /api/stripe/webhook HTTP/1.1\r\nhost: {}\r\ntransfer-encoding: chunked\r\n\
         stripe-signature: t=1,v1=00\r\n\r\n",
        host.addr()
    );
    assert!(connection.write(head).await);
    let chunk = format!("{:x}\r\n{}\r\n", 64 << 10, "x".repeat(64 << 10));
    let mut sent = 0;
    // far beyond the limit, unless the host hangs up
    while sent < 16 * LIMIT && connection.write(&chunk).await {
        sent += chunk.len();
    }
    let heard = connection.hear(PATIENCE).await;
    assert!(heard.is_closed, "{heard:?}");
    assert!(matches!(heard.status, Some(413) | None), "{heard:?}");
    assert!(stored(&host).await.is_empty());
    host.deliver(&stripe::small("evt_after")).await.expect(200);
}

#[tokio::test]
async fn a_header_without_an_end_is_cut_off() {
    let host = Setup::serve().start().await;
    let line = format!("x-more: {}\r\n", "y".repeat(1_000));
    for (case, lines) in [("many lines", vec![line; 2_000]), ("one line", vec!["z".repeat(4_000_000)])] {
        let mut connection = Raw::connect(host.addr()).await;
        connection.write("POST /api/stripe/webhook HTTP/1.1\r\nhost: x\r\n").await;
        for line in &lines {
            if !connection.write(line).await {
                break;
            }
        }
        let heard = connection.hear(PATIENCE).await;
        assert!(heard.is_closed, "{case}: {heard:?}");
        assert!(matches!(heard.status, Some(400..=499) | None), "{case}: {heard:?}");
    }
    host.deliver(&stripe::small("evt_after")).await.expect(200);
}

#[tokio::test]
async fn what_is_no_http_at_all_does_no_harm() {
    let host = Setup::serve().start().await;
    let cases: [&[u8]; 7] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"POST /api/stripe/webhook HTTP/9.9\r\n\r\n",
        b"POST /api/stripe/webhook HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
        b"POST /api/stripe/webhook HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST /api/stripe/webhook HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nhello",
    ];
    for bytes in cases {
        let mut connection = Raw::connect(host.addr()).await;
        connection.write(bytes).await;
        let heard = connection.hear(Duration::from_millis(300)).await;
        assert!(!matches!(heard.status, Some(200..=299 | 500..)), "{bytes:?}: {heard:?}");
    }
    assert!(stored(&host).await.is_empty());
    host.deliver(&stripe::small("evt_after")).await.expect(200);
}

#[tokio::test]
async fn slow_senders_are_cut_off_in_the_end_and_keep_nobody_else_out() {
    let host = Setup::serve().start().await;
    let body = stripe::small("evt_slow");
    let head = head(&host, body.len(), &stripe::header(stripe::SECRET, &body));
    let mut slow = tokio::task::JoinSet::new();
    for n in 0..300 {
        let mut connection = Raw::connect(host.addr()).await;
        // a third stops within the header, a third before the body, a third within it
        let part = match n % 3 {
            0 => head.as_bytes()[..20 + n / 3].to_vec(),
            1 => head.clone().into_bytes(),
            _ => [head.as_bytes(), &body[..10]].concat(),
        };
        assert!(connection.write(part).await);
        slow.spawn(async move { (n % 3, connection.hear(PATIENCE).await) });
    }
    // while they all hang there
    for n in 0..20 {
        host.deliver(&stripe::small(&format!("evt_good_{n}"))).await.expect(200);
    }
    while let Some(heard) = slow.join_next().await {
        let (kind, heard) = heard.expect("no panic");
        assert!(heard.is_closed, "{kind}: {heard:?}");
        let expected: &[Option<u16>] = if kind == 0 { &[None, Some(408)] } else { &[Some(408)] };
        assert!(expected.contains(&heard.status), "{kind}: {heard:?}");
    }
    assert_eq!(stored(&host).await.len(), 20);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_event() {
    let host = Setup::serve().start().await;
    let body = stripe::small("evt_half");
    let head = head(&host, body.len() + 100, &stripe::header(stripe::SECRET, &body));
    for _ in 0..20 {
        let mut connection = Raw::connect(host.addr()).await;
        assert!(connection.write([head.as_bytes(), &body].concat()).await);
        drop(connection);
    }
    host.deliver(&stripe::small("evt_after")).await.expect(200);
    assert_eq!(stored(&host).await, ["evt_after"]);
}
