//! What an interpreter costs the others, and what its runtime finds around it.

use super::{output, start, text};
use pawl_tests::clock::PATIENCE;
use pawl_tests::{Language, Setup};
use serde_json::{Value, json};
use std::fs;

#[tokio::test]
async fn while_an_interpreter_is_compiled_other_functions_go_on() {
    let Some(component) = Language::Python.conformance() else { return };
    // a cache of its own: it has to be compiled
    let host = Setup::dev().guests(&["version-a"]).patience(PATIENCE * 10).start().await;
    host.place("python.wasm", &fs::read(component).expect("reads"));
    let mut completed = 0;
    loop {
        let offered = host.all("/v1/functions").await;
        if offered.iter().any(|function| function["id"] == "unicode") {
            break;
        }
        let event = host.send("test/versioned", json!({ "ms": 0 })).await;
        host.wait_for(&event, "versioned", "Completed").await;
        completed += 1;
    }
    // each was sent, run and seen completed before the compiler was done
    assert!(completed >= 10, "{completed} runs");
    assert_eq!(output(&host, "unicode", json!({ "text": "ä" })).await["bytes"], 2);
}

#[tokio::test]
async fn python_finds_no_files_no_network_and_no_environment() {
    let Some(host) = start(Language::Python).await else { return };
    let found: Value = output(&host, "walls", json!({ "port": host.addr().port() })).await;
    for way in ["read", "list", "write", "connect", "resolve"] {
        assert!(text(&found, way).ends_with("rror"), "{way}: {found:#}");
    }
    assert_eq!((&found["environment"], &found["arguments"]), (&json!({}), &json!([])), "{found:#}");
}
