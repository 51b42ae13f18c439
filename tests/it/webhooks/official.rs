//! Stripe's own libraries at the other end.

use super::stored;
use pawl_tests::clients::{self, Language};
use pawl_tests::{Setup, clock, stripe};
use serde_json::json;

async fn deliver_signed_by(language: Language, script: &str) {
    let mut bodies: Vec<_> =
        stripe::fixtures().into_iter().map(|(_, body)| String::from_utf8(body).expect("text")).collect();
    bodies.push("{\r\n \"id\": \"evt_1\",\n\t\"type\": \"a.b\", \"data\": {\"object\": {\"n\": \"Za\u{17c}\u{f3}\u{142}\u{107} \u{1f389}\"}}\r\n}\n".into());
    let t = clock::unix_seconds();
    let to_sign: Vec<_> =
        bodies.iter().map(|body| json!({ "body": body, "secret": stripe::SECRET, "t": t })).collect();
    let Some(headers) = clients::run(language, script, &json!(to_sign)).await else { return };
    let host = Setup::serve().start().await;
    for (body, header) in bodies.iter().zip(headers.as_array().expect("a list")) {
        let header = header.as_str().expect("a header");
        let answer = host.deliver_with(header.as_bytes(), body.as_bytes()).await.expect(200);
        assert_eq!(answer.json()["duplicate"], false, "{header}");
        // and the harness signs as they do
        assert_eq!(stripe::header_at(stripe::SECRET, &t.to_string(), body.as_bytes()), header);
        let other = body.replacen("evt_", "evt_x", 1);
        host.deliver_with(header.as_bytes(), other.as_bytes())
            .await
            .expect_refusal(400, "signature_mismatch");
    }
    assert_eq!(stored(&host).await.len(), bodies.len());
}

#[tokio::test]
async fn what_the_official_node_library_signs_is_accepted() {
    deliver_signed_by(Language::Node, "stripe.js").await;
}

#[tokio::test]
async fn what_the_official_python_library_signs_is_accepted() {
    deliver_signed_by(Language::Python, "stripe_sign.py").await;
}
