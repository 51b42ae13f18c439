//! What only one language can do wrong.

use super::{begin, ended, failed, start, still_completes_others, text, tries};
use pawl_tests::{Host, Language};
use serde_json::{Value, json};

/// A function whose step `bad` fails its run, at the first try; the error.
async fn error(host: &Host, function: &str) -> Value {
    let run = failed(host, function).await;
    assert_eq!(tries(&run, "bad"), 1, "{run:#}");
    let error = run["error"].clone();
    assert!(!text(&error, "message").is_empty(), "{error}");
    error
}

#[tokio::test]
async fn typescript_what_is_no_error_is_told_all_the_same() {
    let Some(host) = start(Language::TypeScript).await else { return };
    assert!(text(&error(&host, "throws-text").await, "message").contains("just a text"));
    error(&host, "throws-nothing").await;
    still_completes_others(&host).await;
}

#[tokio::test]
async fn typescript_what_cannot_be_json_fails_and_what_json_has_a_null_for_is_that() {
    let Some(host) = start(Language::TypeScript).await else { return };
    for function in ["circular", "bigint"] {
        error(&host, function).await;
    }
    assert_eq!(super::output(&host, "nan", json!({})).await, json!({ "a": null }));
    still_completes_others(&host).await;
}

#[tokio::test]
async fn typescript_promises_that_nobody_hears_or_settles_are_told_of() {
    let Some(host) = start(Language::TypeScript).await else { return };
    let hanging = begin(&host, "hangs", json!({})).await;
    let unheard = begin(&host, "unheard", json!({})).await;
    let run = ended(&host, &unheard).await;
    let is_told =
        run["error"].to_string().contains("nobody heard me") || host.log().contains("nobody heard me");
    assert!(is_told, "{run:#}");
    let run = host.wait_for(&hanging, "hangs", "Failed").await;
    assert!(!text(&run["error"], "message").is_empty(), "{run:#}");
    still_completes_others(&host).await;
}

#[tokio::test]
async fn python_a_chain_of_errors_is_told_whole() {
    let Some(host) = start(Language::Python).await else { return };
    let error = error(&host, "chain").await;
    assert_eq!((&error["name"], &error["message"]), (&json!("RuntimeError"), &json!("outer")));
    let stack = text(&error, "stack");
    assert!(stack.contains("inner") && stack.contains("outer"), "{stack}");
}

#[tokio::test]
async fn python_an_exit_or_a_set_fails_its_run_alone() {
    let Some(host) = start(Language::Python).await else { return };
    for function in ["exits", "set"] {
        error(&host, function).await;
    }
    still_completes_others(&host).await;
}

#[tokio::test]
async fn go_a_panic_fails_its_run_alone_and_tells_where() {
    let Some(host) = start(Language::Go).await else { return };
    let run = failed(&host, "panics").await;
    assert!(text(&run["error"], "message").contains("the card is made of paper"), "{run:#}");
    assert!(text(&run["error"], "stack").contains(".go:"), "{run:#}");
    still_completes_others(&host).await;
}
