//! Webhooks of any sender: each signs as its documentation has it, by code that is not the
//! host's, and what becomes of them is what `pawl.toml` says.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use pawl_tests::clients::{self, Language};
use pawl_tests::clock::{PATIENCE, unix_seconds, until};
use pawl_tests::host::refused;
use pawl_tests::{Answer, Host, Setup};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

/// A key of 24 bytes, as Standard Webhooks has it.
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const CONFIG: &str = r#"
    [[webhook]]
    name = "standard"
    provider = "standard"
    secret = { env = "WHSEC" }

    [[webhook]]
    name = "clerk"
    provider = "svix"
    secret = ["whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", { env = "WHSEC" }]

    [[webhook]]
    name = "github"
    provider = "github"
    secret = "s3"

    [[webhook]]
    name = "slack"
    provider = "slack"
    secret = "s3"

    [[webhook]]
    name = "shopify"
    provider = "shopify"
    secret = "s3"

    [[webhook]]
    name = "billing"
    provider = "hmac"
    secret = "s3"
    header = "X-Signature"
    prefix = "sha256="
    signed = "{timestamp}.{body}"
    timestamp_header = "X-Time"
    id_path = "id"
    name_header = "X-Topic"
"#;

type Headers = Vec<(&'static str, String)>;

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// What `sender` sends with a body, under this secret and at this time.
fn signed(sender: &str, secret: &str, at: u64, id: &str, body: &str) -> Headers {
    let hex = |message: &str| hex::encode(mac(secret.as_bytes(), message));
    match sender {
        "standard" | "clerk" => {
            let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).expect("base64");
            let signature = STANDARD.encode(mac(&key, &format!("{id}.{at}.{body}")));
            let names = match sender {
                "clerk" => ["svix-id", "svix-timestamp", "svix-signature"],
                _ => ["webhook-id", "webhook-timestamp", "webhook-signature"],
            };
            let values = [id.to_owned(), at.to_string(), format!("v1,AAAA v1,{signature}")];
            names.into_iter().zip(values).collect()
        }
        "github" => vec![
            ("x-github-event", "issues".into()),
            ("x-github-delivery", id.into()),
            ("x-hub-signature-256", format!("sha256={}", hex(body))),
        ],
        "slack" => vec![
            ("x-slack-request-timestamp", at.to_string()),
            ("x-slack-signature", format!("v0={}", hex(&format!("v0:{at}:{body}")))),
        ],
        "shopify" => vec![
            ("x-shopify-topic", "orders/create".into()),
            ("x-shopify-webhook-id", id.into()),
            ("x-shopify-hmac-sha256", STANDARD.encode(mac(secret.as_bytes(), body))),
        ],
        _ => vec![
            ("x-topic", "invoice.paid".into()),
            ("x-time", at.to_string()),
            ("x-signature", format!("sha256={}", hex(&format!("{at}.{body}")))),
        ],
    }
}

async fn deliver(host: &Host, name: &str, headers: &Headers, body: &str) -> Answer {
    let mut request = host.request(Method::POST, &format!("/api/webhooks/{name}"));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    host.ask(request.body(body.to_owned())).await
}

/// A delivery of GitHub's, or of whoever signs a body alone, with its id.
async fn github(host: &Host, name: &str, id: &str, body: &str) -> Answer {
    deliver(host, name, &signed("github", "s3", 0, id, body), body).await
}

fn secret(sender: &str) -> &'static str {
    if matches!(sender, "standard" | "clerk") { WHSEC } else { "s3" }
}

/// Each sender with a body of its own, and the event that it becomes.
const SENDERS: [(&str, &str, &str); 6] = [
    ("standard", r#"{"type":"user.created","data":{"n": 1.50}}"#, "standard/user.created"),
    ("clerk", r#"{"type":"session.ended"}"#, "clerk/session.ended"),
    ("github", r#"{"action":"opened","id":"id-1"}"#, "github/issues.opened"),
    ("slack", r#"{"type":"event_callback","event_id":"id-1","event":{"type":"message"}}"#, "slack/message"),
    ("shopify", r#"{"total_price":"1.50"}"#, "shopify/orders.create"),
    ("billing", r#"{"id":"id-1"}"#, "billing/invoice.paid"),
];

async fn stored(host: &Host) -> Vec<Value> {
    host.all("/v1/events").await
}

#[tokio::test]
async fn each_senders_webhook_becomes_its_event_once() {
    let host = Setup::serve().config(CONFIG).env("WHSEC", WHSEC).start().await;
    for (n, (sender, body, event)) in SENDERS.into_iter().enumerate() {
        // the same id at every endpoint: they do not know of each other
        let headers = signed(sender, secret(sender), unix_seconds(), "id-1", body);
        let answer = deliver(&host, sender, &headers, body).await.expect(200);
        assert_eq!(answer.json(), json!({ "received": true, "id": "id-1", "duplicate": false }), "{sender}");
        let again = deliver(&host, sender, &headers, body).await.expect(200);
        assert_eq!(again.json()["duplicate"], true, "{sender}");
        let all = stored(&host).await;
        assert_eq!(all.len(), n + 1, "{sender}");
        let found = all.iter().find(|e| e["name"] == event).unwrap_or_else(|| panic!("no {event}: {all:#?}"));
        let id = found["internal_id"].as_str().expect("an id");
        let data: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(host.read(&format!("/v1/events/{id}")).await["data"], data, "{sender}");
    }
    let request = host.request(Method::GET, "/metrics").bearer_auth(pawl_tests::setup::SIGNING_KEY);
    let metrics = host.ask(request).await.expect(200).body;
    for outcome in ["accepted", "duplicate"] {
        let series = format!(r#"pawl_webhooks_total{{code="",outcome="{outcome}",provider="github"}} 1"#);
        assert!(metrics.contains(&series), "{series}: {metrics}");
    }
}

#[tokio::test]
async fn what_is_forged_stale_or_bare_is_refused_and_not_remembered() {
    let host = Setup::serve().config(CONFIG).env("WHSEC", WHSEC).start().await;
    let now = unix_seconds();
    for (sender, body, _) in SENDERS {
        let other = if matches!(sender, "standard" | "clerk") { "whsec_BBBB" } else { "other" };
        let forged = signed(sender, other, now, "id-1", body);
        deliver(&host, sender, &forged, body).await.expect_refusal(400, "signature_mismatch");
        let changed = body.replacen('{', "{ ", 1);
        let right = signed(sender, secret(sender), now, "id-1", body);
        deliver(&host, sender, &right, &changed).await.expect_refusal(400, "signature_mismatch");
        deliver(&host, sender, &Headers::new(), body).await.expect_refusal(400, "signature_missing");
        if !matches!(sender, "github" | "shopify") {
            for at in [now - 400, now + 400] {
                let stale = signed(sender, secret(sender), at, "id-1", body);
                deliver(&host, sender, &stale, body).await.expect_refusal(400, "timestamp_out_of_tolerance");
            }
        }
        let text = signed(sender, secret(sender), now, "id-1", "no JSON");
        deliver(&host, sender, &text, "no JSON").await.expect_refusal(400, "invalid_json");
    }
    assert_eq!(stored(&host).await, [] as [Value; 0]);
    let (sender, body, _) = SENDERS[2];
    let answer = deliver(&host, sender, &signed(sender, "s3", now, "id-1", body), body).await.expect(200);
    assert_eq!(answer.json()["duplicate"], false, "a forged id takes nobody's place");
    github(&host, "nobody", "id-1", "{}").await.expect_refusal(404, "no_such_webhook");
    host.get("/api/webhooks/github").await.expect_refusal(405, "method_not_allowed");
    assert!(!host.log().contains(WHSEC), "{}", host.log());
}

#[tokio::test]
async fn handshakes_are_answered_and_listed_as_ignored() {
    let host = Setup::dev().config(CONFIG).env("WHSEC", WHSEC).start().await;
    let body = r#"{"type":"url_verification","challenge":"3eZbrw1aB"}"#;
    let headers = signed("slack", "s3", unix_seconds(), "", body);
    let answer = deliver(&host, "slack", &headers, body).await.expect(200);
    assert_eq!(answer.json(), json!({ "challenge": "3eZbrw1aB" }));
    let forged = signed("slack", "other", unix_seconds(), "", body);
    deliver(&host, "slack", &forged, body).await.expect_refusal(400, "signature_mismatch");
    let mut ping = signed("github", "s3", 0, "d-1", "{}");
    ping[0].1 = "ping".into();
    let answer = deliver(&host, "github", &ping, "{}").await.expect(200);
    assert_eq!(answer.json(), json!({ "received": true, "ignored": "ping" }));
    assert_eq!(stored(&host).await, [] as [Value; 0]);
    let form = "payload=%7B%22type%22%3A%22block_actions%22%7D";
    let mut headers = signed("slack", "s3", unix_seconds(), "", form);
    headers.push(("content-type", "application/x-www-form-urlencoded".into()));
    deliver(&host, "slack", &headers, form).await.expect(200);
    assert_eq!(stored(&host).await[0]["name"], "slack/block_actions");
    until("the page to list them", PATIENCE, async || {
        let page = host.get("/webhooks?outcome=ignored").await.body;
        let is_all = ["Ping", "Url_verification", "POST /api/webhooks/slack", "</svg>Ignored</span>"]
            .iter()
            .all(|said| page.contains(said));
        if is_all { Ok(()) } else { Err(page) }
    })
    .await;
}

#[tokio::test]
async fn templates_say_which_event_a_webhook_becomes() {
    let config = r#"
        [[webhook]]
        name = "shop"
        provider = "github"
        secret = "s3"
        [webhook.event]
        name = "shop/{{ body.kind }}"
        id = "{{ body.order.id }}"
        skip = "{{ body.kind == 'noise' }}"
        data = '''
        {
          "order": {{ body.order }},
          "from": {{ headers["x-github-event"] }}
        }
        '''
    "#;
    let host = Setup::dev().config(config).start().await;
    let body = r#"{"kind":"placed","order":{"id":"o-1","who":"a \"quoted\" one"}}"#;
    let answer = github(&host, "shop", "d-1", body).await.expect(200);
    assert_eq!(answer.json()["id"], "o-1");
    assert_eq!(github(&host, "shop", "d-2", body).await.expect(200).json()["duplicate"], true);
    let skipped = github(&host, "shop", "d-3", r#"{"kind":"noise"}"#).await.expect(200);
    assert_eq!(skipped.json(), json!({ "received": true, "ignored": "skipped" }));
    let unmapped = github(&host, "shop", "d-4", r#"{"kind":"placed"}"#).await;
    unmapped.expect_refusal(422, "mapping_failed");
    let said = unmapped.json()["error"].as_str().expect("a sentence").to_owned();
    assert!(said.contains("data, line 2") && said.contains("[webhook.event]"), "{said}");
    let all = stored(&host).await;
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(all[0]["name"], "shop/placed");
    let wanted = json!({ "order": { "id": "o-1", "who": "a \"quoted\" one" }, "from": "issues" });
    let id = all[0]["internal_id"].as_str().expect("an id");
    assert_eq!(host.read(&format!("/v1/events/{id}")).await["data"], wanted);
}

#[tokio::test]
async fn a_function_makes_events_of_a_webhook() {
    let config = r#"
        [[webhook]]
        name = "mapped"
        provider = "github"
        secret = "s3"
        function = "mapper"

        [[webhook]]
        name = "unheard"
        provider = "github"
        secret = "s3"
        function = "mapper"
    "#;
    let host = Setup::dev().config(config).guests(&["flow"]).start().await;
    let log = host.log();
    assert!(log.contains("webhook unheard: ") && log.contains("webhook/unheard"), "{log}");
    assert!(!log.contains("webhook mapped: "), "{log}");
    let body = r#"{"orders":[{"id":1},{"id":2}]}"#;
    let mut headers = signed("github", "s3", 0, "d-1", body);
    headers.push(("x-topic", "orders".into()));
    headers.push(("authorization", "Bearer hidden".into()));
    deliver(&host, "mapped", &headers, body).await.expect(200);
    let all = stored(&host).await;
    let came = all.iter().find(|e| e["name"] == "webhook/mapped").expect("the webhook's own event");
    let id = came["internal_id"].as_str().expect("an id");
    host.wait_for(id, "mapper", "Completed").await;
    let data = host.read(&format!("/v1/events/{id}")).await["data"].clone();
    assert_eq!((&data["webhook"], &data["raw"]), (&json!("mapped"), &json!(body)));
    assert!(data["headers"]["authorization"].is_null() && data["headers"]["x-hub-signature-256"].is_null());
    let mut mapped = Vec::new();
    for event in stored(&host).await.iter().filter(|e| e["name"] == "shop/mapped") {
        let id = event["internal_id"].as_str().expect("an id");
        mapped.push(host.read(&format!("/v1/events/{id}")).await["data"].clone());
    }
    mapped.sort_by_key(|data| data["order"]["id"].as_u64());
    let wanted = [1, 2].map(|n| json!({ "order": { "id": n }, "topic": "orders" }));
    assert_eq!(mapped, wanted);
}

#[tokio::test]
async fn settings_that_do_not_hold_are_all_named_at_the_start() {
    let config = r#"
        [[webhook]]
        name = "a"
        provider = "gitlab"
        secret = "hunter2"

        [[webhook]]
        name = "b"
        provider = "hmac"
        secret = { env = "NOT_SET" }
        signed = "{timestamp}.{body}"
        event = { data = "{\n{{ body. }}" }
    "#;
    let (status, log) = refused(&Setup::serve().config(config)).await;
    assert!(!status.success());
    for said in [
        "webhook a: there is no provider `gitlab`",
        "webhook b: it has no header",
        "webhook b: `signed` has {timestamp}",
        "webhook b: it has no secret",
        "webhook b: the template of its event's data, line 2",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
    assert!(!log.contains("hunter2"), "{log}");
}

#[tokio::test]
async fn in_dev_an_endpoint_without_its_secret_answers_503() {
    let config = "[[webhook]]\nname = 'a'\nprovider = 'github'\nsecret = { env = 'NOT_SET' }";
    let host = Setup::dev().config(config).start().await;
    github(&host, "a", "d-1", "{}").await.expect_refusal(503, "not_configured");
    assert!(host.log().contains("NOT_SET"), "{}", host.log());
}

#[tokio::test]
async fn what_the_official_libraries_of_standard_webhooks_and_svix_sign_is_accepted() {
    let t = unix_seconds();
    let body =
        "{\r\n \"type\": \"user.created\", \"name\": \"Za\u{17c}\u{f3}\u{142}\u{107} \u{1f389}\"\r\n}\n";
    let senders = [("standard", "standard", "webhook"), ("clerk", "svix", "svix")];
    let to_sign = senders.map(
        |(_, library, _)| json!({ "library": library, "body": body, "secret": WHSEC, "id": "msg_1", "t": t }),
    );
    let Some(signatures) = clients::run(Language::Node, "webhooks.js", &json!(to_sign)).await else { return };
    let host = Setup::serve().config(CONFIG).env("WHSEC", WHSEC).start().await;
    for ((endpoint, _, prefix), signature) in senders.iter().zip(signatures.as_array().expect("a list")) {
        let mut request = host.request(Method::POST, &format!("/api/webhooks/{endpoint}"));
        let values = [
            ("id", "msg_1"),
            ("timestamp", &*t.to_string()),
            ("signature", signature.as_str().expect("text")),
        ];
        for (name, value) in values {
            request = request.header(format!("{prefix}-{name}"), value);
        }
        let answer = host.ask(request.body(body)).await.expect(200);
        assert_eq!(answer.json(), json!({ "received": true, "id": "msg_1", "duplicate": false }));
    }
    assert_eq!(stored(&host).await.len(), 2);
}
