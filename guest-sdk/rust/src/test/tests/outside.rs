//! What a function reaches beyond its steps.

use super::steps::panic_of;
use crate::test::{Answer, Request, run};
use crate::{Error, Event, Level, Result, Step, Value, http, json, kv, settings};

#[crate::function(
    id = "asker",
    hosts = ["api.example.com", "127.0.0.1:*", "*.example.org:8443", "{setting:SHOP_URL}"],
    settings = ["SHOP_URL", "GREETING"],
    secrets = ["TOKEN"],
    retries = 1
)]
fn asker(event: Event, step: Step) -> Result<Value> {
    let url = event.data["url"].as_str().unwrap_or_default();
    let header = event.data["header"].as_str().unwrap_or("Bearer {secret:TOKEN}");
    step.run("ask", || {
        http::post(url).header("Authorization", header).json(&7).send()?.error_for_status()?.json()
    })
}

fn asked(url: &str) -> std::result::Result<Value, String> {
    let run = run(asker).event("a/b", json!({ "url": url })).setting("SHOP_URL", "http://shop.test:81/x");
    let run = run.http(|request: &Request| (200, json!({ "url": request.url }))).go();
    run.output::<Value>().map_err(|e| format!("{}: {}", e.name(), e.message()))
}

#[test]
fn a_request_is_seen_whole_and_answered() {
    let run =
        run(asker).event("a/b", json!({ "url": "https://api.example.com/x" })).http(|request: &Request| {
            assert_eq!((request.method.as_str(), request.json::<u8>()), ("POST", 7));
            assert_eq!(request.header("authorization"), Some("Bearer {secret:TOKEN}"));
            Answer::status(200).header("x-n", "1").json(&[request.url.as_str()])
        });
    assert_eq!(run.go().output::<Value>().ok(), Some(json!(["https://api.example.com/x"])));
}

#[test]
fn where_there_is_no_answer_the_step_is_tried_again() {
    let mut calls = 0;
    let run =
        run(asker).event("a/b", json!({ "url": "https://api.example.com/" })).http(move |_: &Request| {
            calls += 1;
            if calls == 1 { Answer::none("refused") } else { Answer::status(503) }
        });
    let run = run.go();
    assert_eq!(run.error().map(Error::message), Some("POST api.example.com answered 503"));
    assert_eq!(run.step("ask").attempts, 2);
}

#[test]
fn only_what_the_attribute_names_can_be_reached() {
    for url in [
        "http://127.0.0.1:9/",
        "https://a.example.org:8443/",
        "http://shop.test:81/y",
        "http://API.example.com",
    ] {
        assert_eq!(asked(url), Ok(json!({ "url": url })));
    }
    for url in [
        "https://example.org:8443/",
        "http://shop.test/",
        "https://api.example.com:444/",
        "ftp://api.example.com/",
    ] {
        assert!(asked(url).is_err_and(|e| e.starts_with("HttpDenied: ")), "{url}");
    }
    let other = json!({ "url": "https://api.example.com/", "header": "{secret:OTHER}" });
    let denied = run(asker).event("a/b", other).http(|_: &Request| Answer::status(200)).go();
    let why = "secret OTHER is not granted: name it in the function's `secrets`";
    assert_eq!(denied.error().map(Error::message), Some(why));
}

#[test]
fn a_request_that_nothing_is_said_about_panics_with_what_to_say() {
    let test = run(asker).event("a/b", json!({ "url": "https://api.example.com/" }));
    let panic = panic_of(|| drop(test.go()));
    assert!(panic.starts_with("step `ask` sends a request: say what answers it by `.http("), "{panic}");
}

#[test]
fn requests_that_the_host_makes_are_answered_as_well() {
    let fetch = |_: Event, step: Step| -> Result<Value> {
        let answer = step.fetch("rate", http::get("https://api.example.com/rate").retries(2))?;
        Ok(json!({ "status": answer.status(), "kind": answer.header("X-Kind"), "body": answer.text() }))
    };
    let mut calls = 0;
    let run = run(fetch).http(move |_: &Request| {
        calls += 1;
        if calls < 3 { Answer::none("refused") } else { Answer::status(404).header("X-Kind", "k").body("no") }
    });
    let run = run.go();
    assert_eq!(run.output::<Value>().ok(), Some(json!({ "status": 404, "kind": "k", "body": "no" })));
    assert_eq!(run.step("rate").attempts, 3);
}

#[test]
fn several_requests_are_answered_in_their_order_and_a_wrong_one_alone_fails() {
    let send = |_: Event, step: Step| -> Result<Vec<String>> {
        step.run("send", || {
            let requests =
                [http::get("http://a/"), http::get("http://b/").timeout("soon"), http::get("http://c/")];
            let answers = http::send_all(requests).into_iter();
            Ok(answers.map(|answer| answer.map_or_else(|e| e.name().to_owned(), |a| a.text())).collect())
        })
    };
    let run = run(send).http(|request: &Request| Answer::status(200).body(request.url.as_str())).go();
    assert_eq!(
        run.output::<Vec<String>>().expect("completes"),
        ["http://a/", "InvalidDuration", "http://c/"]
    );
}

#[test]
fn outside_of_steps_nothing_is_reached() {
    let outside = |_: Event, _: Step| -> Result<Vec<String>> {
        let errors = [
            http::get("http://a/").send().err(),
            settings::get("GREETING").err(),
            kv::open()?.get("key").err(),
        ];
        Ok(errors.into_iter().flatten().map(|e| e.name().to_owned()).collect())
    };
    let names: Vec<String> = run(outside).go().output().expect("completes");
    assert_eq!(names, ["HttpDenied", "SettingDenied", "KeyValueDenied"]);
}

#[crate::function(id = "greeter", settings = ["GREETING", "NAME"])]
fn greeter(_: Event, step: Step) -> Result<Value> {
    step.run("read", || {
        let other = settings::get("OTHER").map_err(|e| e.message().to_owned());
        Ok(json!({ "set": settings::get("GREETING")?, "unset": settings::get("NAME")?, "other": other.err() }))
    })
}

#[test]
fn settings_are_those_that_the_test_gives_and_the_attribute_names() {
    let run = run(greeter).setting("GREETING", "hi").setting("OTHER", "x").go();
    let other = "setting OTHER is not granted: name it in the function's `settings`";
    assert_eq!(run.output::<Value>().ok(), Some(json!({ "set": "hi", "unset": null, "other": other })));
}

#[test]
fn keys_are_kept_over_passes_and_can_be_looked_at() {
    let keep = |_: Event, step: Step| -> Result<Vec<String>> {
        step.run("set", || kv::open()?.set_json("b", &2))?;
        step.sleep("nap", "1d")?;
        step.run("look", || {
            let bucket = kv::open()?;
            bucket.delete("a")?;
            crate::ensure!(!bucket.exists("a")?, Error::no_retry("still there"));
            bucket.keys()
        })
    };
    let run = run(keep).key("a", 1).key("c", [3]).go();
    assert_eq!(run.output::<Vec<String>>().expect("completes"), ["b", "c"]);
    assert_eq!(
        (run.key::<u8>("a"), run.key::<u8>("b"), run.key::<Vec<u8>>("c")),
        (None, Some(2), Some(vec![3]))
    );
}

#[test]
fn each_line_is_logged_once_with_its_step() {
    let log = |_: Event, step: Step| -> Result<()> {
        crate::info!("before");
        step.run("work", || {
            crate::warn!("inside"; order = "o1");
            Ok(())
        })?;
        step.sleep("nap", "1s")?;
        crate::error!("after");
        Ok(())
    };
    let run = run(log).go();
    let lines = run.logs().iter().map(|line| (line.level, line.message.as_str(), line.step.as_deref()));
    let expected =
        [(Level::Info, "before", None), (Level::Warn, "inside", Some("work")), (Level::Error, "after", None)];
    assert_eq!(lines.collect::<Vec<_>>(), expected);
    assert_eq!(run.logs()[1].fields, [("order".to_owned(), "o1".to_owned())]);
}
