//! Runs whose function comes to other steps than before. No function that keeps to the rules
//! does, so the runs are put on other bytes behind the host's back.

use super::{id, replace, run, steer, step_ids, text};
use pawl_tests::components::by_hand;
use pawl_tests::{Host, Setup, components};
use serde_json::{Value, json};

/// Kills the host, puts the paused run on these bytes, starts the host again, and lets the
/// run go on: it is paused anew when it diverges.
async fn swap(host: &mut Host, run: &Value, to: &str) {
    host.kill();
    let database = rusqlite::Connection::open(host.data().join("pawl.db")).expect("opens");
    let changed = database
        .execute("UPDATE runs SET deployment = ?1 WHERE id = ?2", [to, id(run)])
        .expect("the run is there");
    assert_eq!(changed, 1);
    drop(database);
    host.restart().await;
    steer(host, run, "resume").await;
}

/// A run of `diverging` that has done `first` on the first version and is paused because of
/// the second; both deployments.
async fn diverged(host: &mut Host) -> (Value, String, String) {
    let asleep = run(host, "diverging", json!({ "ms": 900 }), "Sleeping").await;
    super::pause(host, &asleep).await;
    let (a, b) = replace(host, "diverging").await;
    swap(host, &asleep, &b).await;
    let paused = host.wait_for_run(id(&asleep), "Paused").await;
    assert_eq!(step_ids(&paused), step_ids(&asleep), "nothing of the other version was done");
    (paused, a, b)
}

async fn start() -> Host {
    Setup::dev().guests(&["moving-a", "steps"]).start().await
}

#[tokio::test]
async fn a_run_that_comes_to_other_steps_is_paused_and_says_which_and_on_what() {
    let mut host = start().await;
    let (paused, _, b) = diverged(&mut host).await;
    assert_eq!((&paused["error"]["name"], &paused["wake_at"]), (&json!("Diverged"), &Value::Null));
    let said = text(&paused["error"], "message");
    for word in ["`first`", "`begin`", &b, "move", "rerun", "cancel"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(paused["ended_at"].is_null() && paused["output"].is_null());
    let log = host.log();
    let line = log.lines().find(|line| line.contains("run stopped")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains(id(&paused)), "{line}");
    // others are not held up, and it stays so over a kill
    super::let_pass(&host, 1).await;
    host.kill();
    host.restart().await;
    super::let_pass(&host, 1).await;
    assert_eq!(host.run(id(&paused)).await, paused);
    let listed = &host.read("/v1/runs?status=Paused").await[0];
    assert_eq!(listed["error"], paused["error"], "lists say it too");
}

#[tokio::test]
async fn it_is_moved_back_and_goes_on_when_it_is_resumed() {
    let mut host = start().await;
    let (paused, a, _) = diverged(&mut host).await;
    let body = json!({ "deployment": a }).to_string();
    let moved = host.post(&format!("/v1/runs/{}/move", id(&paused)), body).await.expect(200).data();
    assert_eq!((&moved["function_version"], &moved["status"]), (&json!(a), &json!("Paused")));
    steer(&host, &paused, "resume").await;
    let done = host.wait_for_run(id(&paused), "Completed").await;
    assert_eq!(done["output"], json!({ "first": "a", "second": "a" }));
    assert!(done["error"].is_null(), "{done:#}");
}

#[tokio::test]
async fn resumed_on_the_same_bytes_it_is_paused_again() {
    let mut host = start().await;
    let (paused, _, _) = diverged(&mut host).await;
    steer(&host, &paused, "resume").await;
    let again = host.wait_for_run(id(&paused), "Paused").await;
    assert_eq!((&again["error"], &again["steps"]), (&paused["error"], &paused["steps"]));
}

#[tokio::test]
async fn it_can_be_cancelled() {
    let mut host = start().await;
    let (paused, _, _) = diverged(&mut host).await;
    let cancelled = host.delete(&format!("/v1/runs/{}", id(&paused))).await.expect(200).data();
    assert_eq!(
        (&cancelled["status"], &cancelled["error"]["name"]),
        (&json!("Cancelled"), &json!("Cancelled"))
    );
}

#[tokio::test]
async fn it_can_be_run_again_on_the_newest_bytes() {
    let mut host = start().await;
    let (paused, _, b) = diverged(&mut host).await;
    let again = host.post(&format!("/v1/runs/{}/rerun", id(&paused)), "").await.expect(201).data();
    let done = host.wait_for_run(id(&again), "Completed").await;
    assert_eq!((&done["function_version"], &done["output"]["begin"]), (&json!(b), &json!("b")));
    assert_eq!(host.run(id(&paused)).await, paused, "the old one stays as it is");
}

#[tokio::test]
async fn it_is_not_moved_to_where_it_diverges() {
    let mut host = start().await;
    let (paused, _, _) = diverged(&mut host).await;
    let answer = host.post(&format!("/v1/runs/{}/move", id(&paused)), "").await;
    answer.expect_refusal(409, "diverges");
    assert_eq!(host.run(id(&paused)).await, paused);
}

#[tokio::test]
async fn an_early_end_another_kind_and_another_step_are_all_found() {
    for (n, bytes, words) in [
        (0, components::describing(&["letters"], Some(0), "null"), vec!["`a`", "end"]),
        (
            1,
            by_hand::doing("letters", &by_hand::select(&[by_hand::Ask::Run('a')])),
            vec!["`a`", "sleep", "run"],
        ),
        (2, by_hand::doing("letters", &by_hand::sleep(Some('b'), 1)), vec!["`a`", "`b`"]),
    ] {
        let mut host = Setup::dev().start().await;
        host.deploy(by_hand::doing("letters", &by_hand::sleep(Some('a'), 900))).await.expect(201);
        let asleep = run(&host, "letters", json!({}), "Sleeping").await;
        super::pause(&host, &asleep).await;
        let deployed = host.deploy(bytes).await.expect(201).data();
        swap(&mut host, &asleep, text(&deployed, "deployment")).await;
        let paused = host.wait_for_run(id(&asleep), "Paused").await;
        assert_eq!(paused["error"]["name"], "Diverged", "{n}");
        let said = text(&paused["error"], "message");
        assert!(words.iter().all(|word| said.contains(word)), "{n} {words:?}: {said}");
    }
}
