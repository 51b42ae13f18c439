//! Steps and functions that fail: what is tried again, what is told.

use super::{begin, completed, failed, start, step, still_completes_others, text, tries};
use pawl_tests::{Language, in_every_language};
use serde_json::{Value, json};

in_every_language!(
    failed_steps_are_tried_again_as_their_options_and_errors_say,
    a_functions_error_tells_where_it_came_from_in_its_source,
    what_cannot_be_kept_fails_for_good_with_a_sentence,
);

async fn failed_steps_are_tried_again_as_their_options_and_errors_say(language: Language) {
    let Some(host) = start(language).await else { return };
    let later = begin(&host, "later", json!({})).await;
    let flaky = begin(&host, "flaky", json!({ "failures": 2 })).await;
    let beyond = begin(&host, "flaky", json!({ "failures": 9 })).await;

    let hopeless = completed(&host, "hopeless", json!({})).await;
    assert_eq!(hopeless["output"], json!({ "caught": "the card is stolen", "said": "sorry" }));
    assert_eq!((tries(&hopeless, "charge"), tries(&hopeless, "apologise")), (1, 1));
    let own = completed(&host, "own-options", json!({})).await;
    assert_eq!(own["output"], json!({ "caught": "only once" }));
    assert_eq!(tries(&own, "once"), 1);

    let flaky = host.wait_for(&flaky, "flaky", "Completed").await;
    let key = format!("{}:try", text(&flaky, "run_id"));
    assert_eq!(flaky["output"], json!({ "tries": 3, "max": 4, "key": key }));
    let [first, second, third] = step(&flaky, "try")["attempts"].as_array().expect("attempts").as_slice()
    else {
        panic!("three tries: {flaky:#}")
    };
    for (attempt, n) in [(first, 0), (second, 1)] {
        assert_eq!((&attempt["number"], text(&attempt["error"], "name")), (&json!(n), "FlakyError"));
        assert_eq!(text(&attempt["error"], "message"), format!("attempt {n} fails"));
    }
    assert_eq!(third["error"], Value::Null);

    let beyond = host.wait_for(&beyond, "flaky", "Failed").await;
    assert_eq!(tries(&beyond, "try"), 4);
    assert_eq!(beyond["error"]["name"], "FlakyError");
    assert_eq!(beyond["error"]["message"], "attempt 3 fails");

    let later = host.wait_for(&later, "later", "Completed").await;
    assert_eq!((&later["output"], tries(&later, "busy")), (&json!("done"), 2));
    let [first, second] = step(&later, "busy")["attempts"].as_array().expect("attempts").as_slice() else {
        panic!("two tries: {later:#}")
    };
    assert_eq!(first["error"]["message"], "busy");
    let wait = super::between(text(first, "ended_at"), text(second, "started_at"));
    assert!((1_000..30_000).contains(&wait), "as long as was asked for: {later:#}");
}

/// Where an error of the language's own source shows in a stack.
fn source(language: Language) -> &'static str {
    match language {
        Language::Rust => "failing.rs:",
        Language::TypeScript => ".ts:",
        Language::Python => ".py\", line ",
        Language::Go => ".go:",
    }
}

async fn a_functions_error_tells_where_it_came_from_in_its_source(language: Language) {
    let Some(host) = start(language).await else { return };
    let run = failed(&host, "failing").await;
    let error = &run["error"];
    assert_eq!(error["message"], "nothing works");
    let stack = text(error, "stack");
    assert!(stack.contains(source(language)), "{stack}");
    let names = ["deep_in_the_code", "deepInTheCode"];
    // an error of Rust's knows its place, not its callers
    assert!(language == Language::Rust || names.iter().any(|name| stack.contains(name)), "{stack}");
    assert_eq!(super::step_ids(&run), ["ok"], "it had come that far");

    let parting = failed(&host, "parting").await;
    assert_eq!(parting["error"]["message"], "goodbye");
    assert!(text(&parting["error"], "stack").contains(source(language)), "{parting:#}");
    let told = super::runs_of(&host, "parting-failure").await;
    let [buried] = told.as_slice() else { panic!("{told:#?}") };
    let buried = host.wait_for_run(text(buried, "run_id"), "Completed").await;
    assert_eq!(buried["output"], json!({ "message": "goodbye", "run": parting["run_id"] }));
    assert_eq!(super::step_ids(&buried), ["bury"]);
}

async fn what_cannot_be_kept_fails_for_good_with_a_sentence(language: Language) {
    let Some(host) = start(language).await else { return };
    let too_big = begin(&host, "too-big", json!({})).await;
    let run = failed(&host, "not-json").await;
    assert_eq!(tries(&run, "bad"), 1);
    assert_eq!(step(&run, "bad")["status"], "Failed");
    assert!(!text(&run["error"], "message").is_empty(), "{run:#}");
    let run = host.wait_for(&too_big, "too-big", "Failed").await;
    assert_eq!((text(&run["error"], "name"), tries(&run, "bad")), ("InvalidOutput", 1), "{}", run["error"]);
    still_completes_others(&host).await;
}
