//! Steps side by side.

use super::{begin, completed, start, step, text, tries};
use pawl_tests::{Language, in_every_language};
use serde_json::json;

in_every_language!(steps_side_by_side_come_to_their_ends, a_race_has_its_winner_in_every_pass);

async fn steps_side_by_side_come_to_their_ends(language: Language) {
    let Some(host) = start(language).await else { return };
    let wide = begin(&host, "wide", json!({ "n": 40 })).await;
    let run = completed(&host, "parallel", json!({})).await;
    assert_eq!(run["output"], json!({ "a": 1, "b": "b is broken", "d": 4, "e": 6 }));
    let mut ids = super::step_ids(&run);
    ids.sort_unstable();
    assert_eq!(ids, ["a", "b", "c", "d", "e1", "e2"]);
    assert_eq!((tries(&run, "a"), tries(&run, "b"), tries(&run, "e2")), (1, 1, 1));
    assert_eq!(step(&run, "b")["status"], "Failed");
    let wide = host.wait_for(&wide, "wide", "Completed").await;
    assert_eq!(wide["output"], json!((0..40).map(|i| i * i).sum::<u64>()));
    assert_eq!(wide["steps"].as_array().map(Vec::len), Some(40));
}

async fn a_race_has_its_winner_in_every_pass(language: Language) {
    let Some(host) = start(language).await else { return };
    let mut events = Vec::new();
    for _ in 0..5 {
        events.push(begin(&host, "race", json!({})).await);
    }
    for event in events {
        let run = host.wait_for(&event, "race", "Completed").await;
        assert_eq!(run["output"], json!({ "won": "fast", "after": "after" }));
        assert!(text(step(&run, "fast"), "ended_at") <= text(step(&run, "after"), "started_at"), "{run:#}");
    }
}
