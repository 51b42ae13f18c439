//! What is wrong with a request before its signature is looked at, and what is not.

use super::stored;
use pawl_tests::{Setup, stripe};
use reqwest::Method;
use std::io::Write;

#[tokio::test]
async fn any_method_but_post_is_refused_with_what_is_allowed() {
    let host = Setup::serve().start().await;
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let body = stripe::small("evt_method");
        let header = stripe::header(stripe::SECRET, &body);
        let request = host.request(method.clone(), "/api/stripe/webhook").header("stripe-signature", header);
        let answer = host.ask(request.body(body)).await;
        answer.expect_refusal(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), "POST", "{method}");
    }
    assert!(stored(&host).await.is_empty());
}

#[tokio::test]
async fn a_compressed_body_is_refused_and_not_unpacked() {
    let host = Setup::serve().start().await;
    let body = stripe::small("evt_zip");
    for encoding in ["gzip", "br", "deflate", "zstd", "gzip, identity", "x"] {
        let request = host
            .request(Method::POST, "/api/stripe/webhook")
            .header("stripe-signature", stripe::header(stripe::SECRET, &body))
            .header("content-encoding", encoding);
        host.ask(request.body(body.clone())).await.expect_refusal(415, "content_encoding");
    }
    assert!(stored(&host).await.is_empty());
}

#[tokio::test]
async fn what_only_describes_the_body_does_not_matter() {
    let host = Setup::serve().start().await;
    let types: [(&str, &str); 6] = [
        ("content-type", "application/json"),
        ("content-type", "text/plain"),
        ("content-type", "nonsense"),
        ("content-encoding", "identity"),
        ("accept", "text/html"),
        ("expect", "100-continue"),
    ];
    for (n, (name, value)) in types.into_iter().enumerate() {
        let body = stripe::small(&format!("evt_described_{n}"));
        let request = host
            .request(Method::POST, "/api/stripe/webhook")
            .header("stripe-signature", stripe::header(stripe::SECRET, &body))
            .header(name, value);
        host.ask(request.body(body)).await.expect(200);
    }
    assert_eq!(stored(&host).await.len(), types.len());
}

#[tokio::test]
async fn without_a_secret_the_endpoint_answers_503_and_takes_nothing() {
    for setup in [Setup::serve(), Setup::dev()] {
        let host = setup.without("STRIPE_WEBHOOK_SECRET").start().await;
        let body = stripe::small("evt_unconfigured");
        for secret in [stripe::SECRET, "whsec_", " "] {
            let answer = host.deliver_with(stripe::header(secret, &body).as_bytes(), &body).await;
            answer.expect_refusal(503, "not_configured");
            assert!(answer.body.contains("STRIPE_WEBHOOK_SECRET"), "{}", answer.body);
        }
        assert!(stored(&host).await.is_empty());
    }
}

#[tokio::test]
async fn an_unknown_path_is_refused_and_a_query_does_not_matter() {
    let host = Setup::serve().start().await;
    let body = stripe::small("evt_path");
    for path in ["/api/stripe", "/api/stripe/webhook/", "/api/stripe/webhooks", "/api/github/webhook"] {
        let request = host
            .request(Method::POST, path)
            .header("stripe-signature", stripe::header(stripe::SECRET, &body))
            .body(body.clone());
        host.ask(request).await.expect_refusal(404, "no_such_path");
    }
    assert!(stored(&host).await.is_empty());
    let request = host
        .request(Method::POST, "/api/stripe/webhook?from=stripe")
        .header("stripe-signature", stripe::header(stripe::SECRET, &body));
    host.ask(request.body(body)).await.expect(200);
}

#[tokio::test]
async fn a_body_in_chunks_is_as_good_as_one_with_a_length() {
    let host = Setup::serve().start().await;
    let body = stripe::fixture("invoice.paid");
    let mut request = Vec::new();
    write!(
        request,
        "POST /api/stripe/webhook HTTP/1.1\r\nhost: {}\r\nstripe-signature: {}\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        host.addr(),
        stripe::header(stripe::SECRET, &body)
    )
    .expect("writes");
    for chunk in body.chunks(1_000) {
        write!(request, "{:x}\r\n", chunk.len()).expect("writes");
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let mut connection = pawl_tests::raw::Raw::connect(host.addr()).await;
    assert!(connection.write(request).await);
    let heard = connection.hear(pawl_tests::clock::PATIENCE).await;
    assert_eq!(heard.status, Some(200), "{heard:?}");
    assert_eq!(stored(&host).await.len(), 1);
}
