//! What a step's code reaches: requests, keys, settings.

use super::{begin, completed, output, quick, step, text};
use pawl_tests::upstream::Upstream;
use pawl_tests::{Language, in_every_language, languages};
use serde_json::json;

in_every_language!(requests_go_out_inside_of_steps_alone, keys_and_settings_are_those_of_the_function,);

async fn requests_go_out_inside_of_steps_alone(language: Language) {
    let upstream = Upstream::start().await;
    let Some(host) = languages::conformance(language, quick()).await else { return };
    upstream.plan(201, "grüße");
    let run = completed(&host, "fetcher", json!({ "url": upstream.url("/x?y=z") })).await;
    let output = &run["output"];
    assert_eq!(output["inside"], json!({ "status": 201, "body": "grüße" }));
    assert_eq!(output["durable"], 200);
    assert!(!text(output, "outside").is_empty(), "{output}");
    let calls = upstream.calls();
    assert_eq!(calls.iter().map(|call| call.line.as_str()).collect::<Vec<_>>(), ["GET /x?y=z"; 2]);
    let own = calls[0].headers.get("x-language").expect("its header");
    assert_eq!(own, language.name());
    assert_eq!(step(&run, "durable")["op"], "fetch");
}

async fn keys_and_settings_are_those_of_the_function(language: Language) {
    let setup = quick().config("[settings]\nGREETING = \"good day, 世界\"\n");
    let Some(host) = languages::conformance(language, setup).await else { return };
    let keys = begin(&host, "keys", json!({ "key": "größe", "value": "🎉 \u{0}" })).await;
    assert_eq!(output(&host, "configured", json!({})).await, "good day, 世界");
    let keys = host.wait_for(&keys, "keys", "Completed").await;
    assert_eq!(keys["output"], json!({ "read": "🎉 \u{0}", "exists": false }));
}
