//! Steps one after the other: their outputs, sizes, ids, clock, log.

use super::{begin, completed, output, quick, start, step_ids, text, tries};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::{Language, in_every_language, languages};
use serde_json::{Value, json};

in_every_language!(
    steps_run_once_in_their_order_and_hand_on_their_outputs,
    texts_of_every_kind_come_back_as_they_were,
    large_outputs_and_a_thousand_steps_are_no_trouble,
    clock_and_chance_are_the_runs_own_outside_of_steps,
    each_line_is_logged_once_at_its_level,
);

async fn steps_run_once_in_their_order_and_hand_on_their_outputs(language: Language) {
    let Some(host) = start(language).await else { return };
    let repeated = begin(&host, "loop", json!({})).await;
    let run = completed(&host, "plain", json!({ "name": "Ann" })).await;
    assert_eq!(step_ids(&run), ["greet", "measure"]);
    let expected = json!({
        "greeting": "hello Ann",
        "length": 9,
        "run": run["run_id"],
        "function": "plain",
        "event": "test/plain",
        "id": run["event_id"],
        "attempt": 0,
    });
    assert_eq!(run["output"], expected);
    assert_eq!((tries(&run, "greet"), tries(&run, "measure")), (1, 1));
    let repeated = host.wait_for(&repeated, "loop", "Completed").await;
    assert_eq!(repeated["output"], json!([0, 1, 2]));
    assert_eq!(step_ids(&repeated), ["same", "same:1", "same:2"]);
}

async fn texts_of_every_kind_come_back_as_they_were(language: Language) {
    let Some(host) = start(language).await else { return };
    let texts = [
        "",
        "grüße, 世界",
        "👩‍👩‍👧‍👦 and 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "\u{0} \u{7} \u{7f} \u{2028} \u{feff} \u{ffff}",
        "\\u0041 \"quoted\" </script> {{braces}} %s\r\n\t'",
        "e\u{301} is not \u{e9}",
    ];
    let mut events = Vec::new();
    for text in texts {
        events.push(begin(&host, "unicode", json!({ "text": text })).await);
    }
    for (event, text) in events.iter().zip(texts) {
        let run = host.wait_for(event, "unicode", "Completed").await;
        assert_eq!(run["output"], json!({ "text": text, "bytes": text.len() }));
        assert_eq!(step_ids(&run), ["größe 尺寸 🎉"]);
    }
    // characters are code points, whatever the language counts in
    let greeted = output(&host, "plain", json!({ "name": "é🎉" })).await;
    assert_eq!(greeted["length"], 8);
}

async fn large_outputs_and_a_thousand_steps_are_no_trouble(language: Language) {
    let Some(host) = start(language).await else { return };
    let thousand = begin(&host, "thousand", json!({ "n": 1_000 })).await;
    let made = output(&host, "big", json!({ "bytes": 3_000_000 })).await;
    assert_eq!(made, json!({ "length": 3_000_000, "tail": "xxx" }));
    assert_eq!(host.wait_for(&thousand, "thousand", "Completed").await["output"], 1_000);
}

async fn clock_and_chance_are_the_runs_own_outside_of_steps(language: Language) {
    let Some(host) = start(language).await else { return };
    let event = begin(&host, "clock", json!({})).await;
    let (first, other) =
        (host.wait_for(&event, "clock", "Completed").await, completed(&host, "clock", json!({})).await);
    for run in [&first, &other] {
        let [outside, again] = ["outside", "again"].map(|key| &run["output"][key]);
        assert_eq!(outside[0], again[0], "no time passes outside of steps: {run:#}");
        assert_ne!(outside[1], again[1], "one number after the other: {run:#}");
        let (began, inside) = (outside[0].as_u64(), run["output"]["inside"].as_u64());
        let (began, inside) = (began.expect("a time"), inside.expect("a time"));
        assert!((began + 50..began + 60_000).contains(&inside), "in a step it is the world's: {run:#}");
    }
    assert_ne!(
        first["output"]["outside"][1], other["output"]["outside"][1],
        "each run has numbers of its own"
    );
}

/// A run's lines in the host's log.
fn lines(log: &str, run: &Value, word: &str) -> Vec<String> {
    let is_its = |line: &&str| line.contains(text(run, "run_id")) && line.contains("function=logger");
    let is_it = |line: &&str| line.split_whitespace().any(|part| part == word);
    log.lines().filter(is_its).filter(is_it).map(str::to_owned).collect()
}

async fn each_line_is_logged_once_at_its_level(language: Language) {
    let setup = quick().env("PAWL_LOG", "info,guest=trace");
    let Some(host) = languages::conformance(language, setup).await else { return };
    let run = completed(&host, "logger", json!({})).await;
    assert_eq!(run["output"], Value::Null);
    for (word, level) in [("before", "INFO"), ("inside", "WARN"), ("printed", ""), ("after", "ERROR")] {
        let found = until(&format!("the line `{word}`"), PATIENCE, async || {
            let found = lines(&host.log(), &run, word);
            if found.is_empty() { Err("none".into()) } else { Ok(found) }
        })
        .await;
        let [line] = found.as_slice() else { panic!("{word}: {found:#?}") };
        assert!(line.contains(level), "{line}");
        let in_step = line.contains(r#"step="work""#);
        assert_eq!(in_step, ["inside", "printed"].contains(&word), "{line}");
        assert_eq!(line.contains("order=o_1"), word == "inside", "{line}");
    }
}
