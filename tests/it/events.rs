//! Events from programs: Inngest's event API, and the seed's test endpoint.

use pawl_tests::clock::PATIENCE;
use pawl_tests::raw::Raw;
use pawl_tests::setup::{EVENT_KEY, SIGNING_KEY};
use pawl_tests::{Answer, Host, Setup};
use reqwest::Method;
use serde_json::{Value, json};

/// Bytes of one event's data.
const DATA_BYTES: usize = 3 << 20;

async fn post(host: &Host, body: &Value) -> Answer {
    host.post(&format!("/e/{EVENT_KEY}"), body.to_string()).await
}

fn ids(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    assert_eq!((answer.status, &json["status"]), (200, &json!(200)), "{}", answer.body);
    json["ids"].as_array().expect("ids").iter().map(|id| id.as_str().expect("an id").to_owned()).collect()
}

/// A refusal in the shape that Inngest's clients expect.
fn expect_refusal(case: &str, answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{case}: {}", answer.body);
    answer.expect_refusal(status, code);
    assert_eq!(answer.json()["ids"], json!([]), "{case}: {}", answer.body);
}

async fn stored(host: &Host) -> usize {
    host.all("/v1/events").await.len()
}

#[tokio::test]
async fn one_event_or_many_are_stored_as_they_were_sent() {
    let host = Setup::serve().start().await;
    let event = json!({
        "name": "shop/order.placed", "data": { "n": 1.5, "text": "ż\u{0}", "list": [null] },
        "user": { "id": "u1" }, "ts": 1_700_000_000_123_i64, "v": "2024-01-01.1", "id": "order-1",
    });
    let [id] = ids(&post(&host, &event).await).try_into().expect("one id");
    let stored = host.read(&format!("/v1/events/{id}")).await;
    for key in ["name", "data", "user", "ts", "v", "id"] {
        assert_eq!(stored[key], event[key], "{stored:#}");
    }
    assert_eq!(stored["internal_id"], id);
    // also by the id that its sender gave
    assert_eq!(host.read("/v1/events/order-1").await["internal_id"], id);

    let many: Vec<_> = (0..10).map(|n| json!({ "name": "a/b", "data": { "n": n } })).collect();
    let many = ids(&post(&host, &json!(many)).await);
    for (n, id) in many.iter().enumerate() {
        assert_eq!(host.read(&format!("/v1/events/{id}")).await["data"]["n"], n, "ids are in order");
    }
    // what may be left out
    let [id] = ids(&post(&host, &json!({ "name": "bare" })).await).try_into().expect("one id");
    assert_eq!(host.read(&format!("/v1/events/{id}")).await["data"], json!({}));
}

#[tokio::test]
async fn an_event_with_a_known_id_is_the_first_one() {
    let host = Setup::serve().start().await;
    let first = ids(&post(&host, &json!({ "name": "a/b", "id": "x", "data": { "n": 1 } })).await);
    let again = ids(&post(&host, &json!({ "name": "a/b", "id": "x", "data": { "n": 2 } })).await);
    assert_eq!(first, again);
    let mixed =
        json!([{ "name": "a/b", "id": "x" }, { "name": "a/b", "id": "y" }, { "name": "a/b", "id": "y" }]);
    let mixed = ids(&post(&host, &mixed).await);
    assert_eq!((&mixed[0], &mixed[1]), (&first[0], &mixed[2]));
    assert_eq!(stored(&host).await, 2);
    assert_eq!(host.read("/v1/events/x").await["data"]["n"], 1);
    // Stripe's ids and a program's are not the same names
    host.deliver(&pawl_tests::stripe::small("x")).await.expect(200);
    assert_eq!(stored(&host).await, 3);
}

#[tokio::test]
async fn what_is_no_event_is_refused_and_nothing_is_stored() {
    let host = Setup::serve().start().await;
    let deep = format!(r#"{{"name":"a","data":{}1{}}}"#, r#"{"x":"#.repeat(200), "}".repeat(200));
    let long = json!({ "name": "x".repeat(513) }).to_string();
    let long_id = json!({ "name": "a", "id": "x".repeat(513) }).to_string();
    let cases = [
        "",
        "{",
        "null",
        "5",
        "\"a\"",
        "[]",
        "{}",
        "[5]",
        "[[]]",
        r#"{"data":{}}"#,
        r#"{"name":""}"#,
        r#"{"name":5}"#,
        r#"{"name":null}"#,
        r#"{"name":"a\nb"}"#,
        r#"{"name":"a\u0000b"}"#,
        r#"{"name":"inngest/function.failed"}"#,
        r#"{"name":"pawl/x"}"#,
        r#"{"name":"a","data":[]}"#,
        r#"{"name":"a","data":"text"}"#,
        r#"{"name":"a","user":5}"#,
        r#"{"name":"a","ts":"today"}"#,
        r#"{"name":"a","ts":5}"#,
        r#"{"name":"a","ts":1e30}"#,
        r#"{"name":"a","id":5}"#,
        r#"{"name":"a","data":{"x":"\ud800"}}"#,
        r#"{"name":"a","data":{"x":1e400}}"#,
        r#"{"name":"a"} {"name":"b"}"#,
        r#"[{"name":"good"},{"name":""}]"#,
        r#"[{"name":"good"},{"name":"bad","data":5}]"#,
        &deep,
        &long,
        &long_id,
    ];
    for body in cases {
        let answer = host.post(&format!("/e/{EVENT_KEY}"), body.to_owned()).await;
        expect_refusal(&body[..body.len().min(80)], &answer, 400, "invalid_event");
    }
    let answer = host.post(&format!("/e/{EVENT_KEY}"), vec![0xff_u8; 9]).await;
    expect_refusal("no UTF-8", &answer, 400, "invalid_event");
    assert_eq!(stored(&host).await, 0);
    // on the edge of what is refused
    ids(&post(&host, &json!({ "name": "ż".repeat(512), "id": "x".repeat(512) })).await);
    ids(&post(&host, &json!({ "name": "a", "id": "", "user": null, "ts": null, "v": null })).await);
}

#[tokio::test]
async fn sizes_are_bounded() {
    let host = Setup::serve().start().await;
    let event = |bytes: usize| {
        let frame = r#"{"x":""}"#.len();
        json!({ "name": "big", "data": { "x": "y".repeat(bytes - frame) } })
    };
    ids(&post(&host, &event(DATA_BYTES)).await);
    let over = post(&host, &event(DATA_BYTES + 1)).await;
    expect_refusal("data", &over, 400, "invalid_event");
    // refused by what it says of itself, before it is sent
    let mut connection = Raw::connect(host.addr()).await;
    let head = format!("POST /e/{EVENT_KEY} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", 12 << 20);
    assert!(connection.write(head).await);
    let heard = connection.hear(PATIENCE).await;
    assert_eq!((heard.status, heard.is_closed), (Some(413), true), "{heard:?}");
    assert!(heard.text.contains("too_large") && heard.text.contains(r#""ids":[]"#), "{heard:?}");

    let many = |n| json!(vec![json!({ "name": "m" }); n]);
    expect_refusal("5,001 events", &post(&host, &many(5_001)).await, 400, "invalid_event");
    assert_eq!(stored(&host).await, 1);
    assert_eq!(ids(&post(&host, &many(5_000)).await).len(), 5_000);
}

#[tokio::test]
async fn production_takes_events_under_its_keys_only() {
    let host = Setup::serve().env("INNGEST_EVENT_KEY", "key-one, key/two+ż\n").start().await;
    let send = async |key: &str| host.post(&format!("/e/{key}"), r#"{"name":"a"}"#).await;
    for key in ["wrong", "key-on", "key-one2", "key-one,", SIGNING_KEY, "%20", "key-one,%20key/two"] {
        let answer = send(key).await;
        if answer.status == 404 {
            answer.expect_refusal(404, "no_such_path");
        } else {
            expect_refusal(key, &answer, 401, "event_key_unknown");
        }
    }
    assert_eq!(stored(&host).await, 0);
    ids(&send("key-one").await);
    ids(&send("key%2Ftwo%2B%C5%BC").await);
    assert_eq!(stored(&host).await, 2);
    // a wrong key is refused whatever the body is
    let answer = host.post("/e/wrong", "{").await;
    expect_refusal("wrong", &answer, 401, "event_key_unknown");
    assert!(!host.log().contains("key-one"), "keys are not logged");
}

#[tokio::test]
async fn dev_takes_events_under_any_key_and_at_the_test_endpoint() {
    let host = Setup::dev().start().await;
    ids(&host.post("/e/anything", r#"{"name":"a"}"#).await);
    // the seed's own example
    let body = r#"{"name":"stripe/checkout.session.completed","data":{"session":{}}}"#;
    let [id] = ids(&host.post("/api/inngest/test", body).await).try_into().expect("one id");
    assert_eq!(host.read(&format!("/v1/events/{id}")).await["data"], json!({ "session": {} }));
    let answer = host.post("/api/inngest/test", r#"{"data":{}}"#).await;
    expect_refusal("no name", &answer, 400, "invalid_event");
    let answer = host.get("/api/inngest/test").await;
    assert!(matches!(answer.status, 404 | 405), "{}", answer.body);
}

#[tokio::test]
async fn production_has_no_test_endpoint() {
    let host = Setup::serve().start().await;
    for key in [None, Some(SIGNING_KEY)] {
        let mut request = host.request(Method::POST, "/api/inngest/test").body(r#"{"name":"a"}"#);
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        host.ask(request).await.expect_refusal(404, "no_such_path");
    }
    assert_eq!(stored(&host).await, 0);
}

#[tokio::test]
async fn dev_refuses_what_a_web_page_could_send() {
    let host = Setup::dev().start().await;
    let port = host.addr().port();
    let evil =
        ["https://evil.example".to_owned(), format!("http://127.0.0.1.evil.example:{port}"), "null".into()];
    let paths = ["/api/inngest/test", "/v1/events", "/v1/runs/x/rerun", "/"];
    for path in paths {
        for origin in &evil {
            let method =
                if path.starts_with("/v1/events") || path == "/" { Method::GET } else { Method::POST };
            let request = host.request(method, path).header("origin", origin).body(r#"{"name":"a"}"#);
            assert_eq!(host.ask(request).await.status, 403, "{path} from {origin}");
        }
        // DNS rebinding: the page's own name points here
        let method = if path.starts_with("/v1/events") || path == "/" { Method::GET } else { Method::POST };
        let request = host.request(method, path).header("host", format!("evil.example:{port}"));
        assert_eq!(host.ask(request.body(r#"{"name":"a"}"#)).await.status, 403, "{path}");
    }
    let own =
        host.request(Method::POST, "/api/inngest/test").header("origin", format!("http://localhost:{port}"));
    host.ask(own.body(r#"{"name":"a"}"#)).await.expect(200);
    assert_eq!(stored(&host).await, 1);
}

#[tokio::test]
async fn dev_refuses_a_web_pages_event_under_any_key_too() {
    let host = Setup::dev().start().await;
    let request = host.request(Method::POST, "/e/any").header("origin", "https://evil.example");
    let answer = host.ask(request.body(r#"{"name":"a"}"#)).await;
    assert_eq!(answer.status, 403, "in dev no key keeps a page out: {}", answer.body);
}

#[tokio::test]
async fn lists_are_newest_first_in_pages_and_by_name() {
    let host = Setup::serve().start().await;
    for n in 0..5 {
        for name in ["a/x", "b/y"] {
            host.send(name, json!({ "n": n })).await;
        }
    }
    let all = host.all("/v1/events").await;
    let seen: Vec<_> = all.iter().map(|e| (e["name"].as_str().expect("a name"), &e["data"]["n"])).collect();
    let expected = (0..5).rev().flat_map(|n| [("b/y", n), ("a/x", n)]);
    assert_eq!(json!(seen), json!(expected.collect::<Vec<_>>()));

    let page = host.get("/v1/events?limit=3&name=a/x").await.expect(200).json();
    assert_eq!(page["data"].as_array().expect("a list").len(), 3);
    let cursor = page["metadata"]["cursor"].as_str().expect("there is more");
    let rest = host.get(&format!("/v1/events?limit=3&name=a/x&cursor={cursor}")).await.expect(200).json();
    let rest: Vec<_> = rest["data"].as_array().expect("a list").iter().map(|e| &e["data"]["n"]).collect();
    assert_eq!(json!(rest), json!([1, 0]));
    assert_eq!(host.get("/v1/events?name=a/x").await.json()["metadata"]["cursor"], Value::Null);
    assert_eq!(host.read("/v1/events?name=nothing").await, json!([]));
    let found = host.all("/v1/events?q=data.n:3").await;
    let found: Vec<_> = found.iter().map(|e| (&e["name"], &e["data"]["n"])).collect();
    assert_eq!(json!(found), json!([("b/y", 3), ("a/x", 3)]));
    assert_eq!(host.read("/v1/events?q=data.n:3&name=a/x&until=2001-01-31T12:00:00Z").await, json!([]));

    for bad in ["limit=x", "limit=-1", "nonsense=1", "from=now"] {
        host.get(&format!("/v1/events?{bad}")).await.expect_refusal(400, "invalid_query");
    }
    host.get("/v1/events?cursor=%27").await.expect_refusal(400, "invalid_cursor");
    host.get("/v1/events/nothing").await.expect_refusal(404, "not_found");
    host.get("/v1/events/nothing/runs").await.expect_refusal(404, "not_found");
}

/// A seed of this moment, as clients make it: of the next whole second.
fn seed() -> String {
    format!("{},f50PQaYyQB+M6w==", (pawl_tests::clock::unix_seconds() + 1) * 1_000)
}

async fn post_with_seed(host: &Host, seed: &str, body: &Value) -> Answer {
    let request = host.request(Method::POST, &format!("/e/{EVENT_KEY}"));
    // clients say various things of their JSON
    let request = request.header("content-type", "text/plain").header("x-inngest-event-id-seed", seed);
    host.ask(request.body(body.to_string())).await
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids_and_stores_nothing_again() {
    let host = Setup::serve().start().await;
    let seed = seed();
    let body = json!([{ "name": "a/b" }, { "name": "a/b", "id": "own" }]);
    let first = ids(&post_with_seed(&host, &seed, &body).await);
    // the bytes of the seed, with 1 and 2 added: the end of what Inngest's server makes of it
    assert!(first[0].ends_with("FYEGYGD66901Z37C") && first[1].ends_with("FYEGYGD66901Z37D"), "{first:?}");
    assert_eq!(ids(&post_with_seed(&host, &seed, &body).await), first);
    assert_eq!(stored(&host).await, 2);
    for id in &first {
        assert_eq!(host.read(&format!("/v1/events/{id}")).await["internal_id"], **id);
    }
    // another body under the same seed: who has an id of its own is another event
    let other = json!([{ "name": "a/b" }, { "name": "a/b", "id": "other" }]);
    let others = ids(&post_with_seed(&host, &seed, &other).await);
    assert!(others[0] == first[0] && others[1] != first[1], "{first:?} {others:?}");
    assert_eq!(stored(&host).await, 3);
}

#[tokio::test]
async fn a_seed_of_another_clock_is_known_and_what_is_no_seed_is_ignored() {
    let host = Setup::serve().start().await;
    let body = json!({ "name": "a/b" });
    let seed = "1000000000000,f50PQaYyQB+M6w==";
    let first = ids(&post_with_seed(&host, seed, &body).await);
    assert_eq!(ids(&post_with_seed(&host, seed, &body).await), first);
    assert_eq!(stored(&host).await, 1);
    for odd in ["", "1,2", "now,f50PQaYyQB+M6w==", "1000000000000"] {
        ids(&post_with_seed(&host, odd, &body).await);
    }
    assert_eq!(stored(&host).await, 5);
    // they are listed as they came in, whatever their seed's time is
    let newest = host.all("/v1/events").await;
    assert_eq!(newest.last().expect("five")["internal_id"], first[0]);
}

/// Its shapes and its words, as Inngest's REST API has them.
#[tokio::test]
async fn what_reads_and_cancels_as_at_inngest_is_understood() {
    let host = Setup::serve().guests(&["flow"]).start().await;
    let event = host.send("test/cancelled-by", json!({ "id": 1, "ms": 3_600_000 })).await;
    host.wait_for(&event, "cancelled-by", "Sleeping").await;
    for path in ["/v1/events", &format!("/v1/events/{event}"), &format!("/v1/events/{event}/runs")] {
        let metadata = host.get(path).await.expect(200).json()["metadata"].clone();
        assert!(metadata["fetched_at"].is_string(), "{path}: {metadata}");
        assert_eq!(metadata["fetched_at"], metadata["cached_until"], "{path}");
    }
    let since = |time: &str| format!("/v1/events?received_after={time}");
    assert_eq!(host.all(&since("2001-01-31T12:00:00Z")).await.len(), 1);
    assert_eq!(host.all("/v1/events?received_before=2001-01-31T12:00:00Z").await.len(), 0);

    // an app's function is named beside its app
    let cancel = async |app: &str| {
        let wish = json!({
            "app_id": app, "function_id": "by", "started_after": "2001-01-31T12:00:00Z",
            "started_before": "2099-01-31T12:00:00Z", "if": "event.data.id == 1",
        });
        host.post("/v1/cancellations", wish.to_string()).await.expect(200).data()["cancelled"].clone()
    };
    assert_eq!(cancel("other").await, 0);
    assert_eq!(cancel("cancelled").await, 1);
    host.wait_for(&event, "cancelled-by", "Cancelled").await;
}
