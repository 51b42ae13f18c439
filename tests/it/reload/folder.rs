//! The functions folder is what is offered.

use super::{Requests, bytes, deployment, problems, version, wait_for_change, wait_for_problem};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::{Setup, components, paths};
use serde_json::json;

#[tokio::test]
async fn a_file_that_comes_changes_and_goes_takes_effect_without_a_failed_request() {
    let host = Setup::dev().start().await;
    let requests = Requests::start(&host);
    assert!(host.runs_of(&host.send("test/versioned", json!({})).await).await.is_empty());

    host.place_guest("version-a", "versioned.wasm");
    let a = wait_for_change(&host, "versioned", None).await;
    assert_eq!(version(&host).await, "a");

    host.place_guest("version-b", "versioned.wasm");
    let b = wait_for_change(&host, "versioned", a.as_deref()).await;
    assert_eq!(version(&host).await, "b");

    host.remove("versioned.wasm");
    assert_eq!(wait_for_change(&host, "versioned", b.as_deref()).await, None);
    assert!(host.runs_of(&host.send("test/versioned", json!({})).await).await.is_empty());

    // bytes that were there before
    host.place_guest("version-a", "versioned.wasm");
    assert_eq!(wait_for_change(&host, "versioned", None).await, a);
    assert_eq!(version(&host).await, "a");
    requests.end().await;
    assert!(problems(&host).await.is_empty());
}

#[tokio::test]
async fn many_changes_one_after_the_other_never_mix_two_versions_in_a_run() {
    let host = Setup::dev().start().await;
    host.place_guest("version-a", "versioned.wasm");
    wait_for_change(&host, "versioned", None).await;
    let requests = Requests::start(&host);
    for n in 0..10 {
        host.place_guest(if n % 2 == 0 { "version-b" } else { "version-a" }, "versioned.wasm");
        // sometimes before the host has seen it
        if n % 3 == 0 {
            version(&host).await;
        }
    }
    until("the last one", PATIENCE, async || match version(&host).await.as_str() {
        "a" => Ok(()),
        other => Err(other.to_owned()),
    })
    .await;
    requests.end().await;
    for run in host.all("/v1/runs").await {
        if run["status"] == "Completed" {
            let output = &run["output"];
            assert!(output["first"] == output["second"] && output["first"] == output["outside"], "{run:#}");
        }
    }
}

#[tokio::test]
async fn a_broken_file_is_reported_and_what_was_there_before_stays() {
    let host = Setup::dev().guests(&["version-a"]).start().await;
    let a = deployment(&host, "versioned").await;
    let requests = Requests::start(&host);
    host.place("version-a.wasm", &components::broken());
    assert_eq!(wait_for_problem(&host, "version-a.wasm").await, "not_a_component");
    assert_eq!(deployment(&host, "versioned").await, a);
    assert_eq!(version(&host).await, "a");
    assert!(host.log().contains("version-a.wasm"), "the log says it too");

    // mended, the problem is gone
    host.place_guest("version-b", "version-a.wasm");
    wait_for_change(&host, "versioned", a.as_deref()).await;
    assert_eq!(version(&host).await, "b");
    assert!(problems(&host).await.is_empty());
    requests.end().await;
}

#[tokio::test]
async fn a_problem_goes_with_its_file() {
    let host = Setup::dev().start().await;
    host.place("bad.wasm", &components::no_wasm());
    assert_eq!(wait_for_problem(&host, "bad.wasm").await, "not_a_component");
    host.remove("bad.wasm");
    until("it to be gone", PATIENCE, async || match problems(&host).await {
        all if all.is_empty() => Ok(()),
        all => Err(format!("{all:?}")),
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_written_slowly_is_taken_when_it_is_whole() {
    let host = Setup::dev().start().await;
    let requests = Requests::start(&host);
    let bytes = bytes("version-a");
    let path = host.folder().join("functions/slow.wasm");
    for end in (0..bytes.len()).step_by(10_000).chain([bytes.len()]) {
        std::fs::write(&path, &bytes[..end]).expect("writes");
        host.get("/healthz").await.expect(200);
    }
    wait_for_change(&host, "versioned", None).await;
    assert_eq!(version(&host).await, "a");
    assert!(problems(&host).await.is_empty());
    requests.end().await;
}

#[tokio::test]
async fn what_is_no_wasm_file_by_its_name_is_let_be() {
    let host = Setup::dev().start().await;
    let folder = host.folder().join("functions");
    std::fs::create_dir(folder.join("sub.wasm")).expect("a folder");
    std::fs::write(folder.join("readme.md"), "text").expect("writes");
    std::fs::write(folder.join("version-a.wasm.bak"), bytes("version-a")).expect("writes");
    host.place_guest("version-b", "versioned.wasm");
    wait_for_change(&host, "versioned", None).await;
    assert_eq!(version(&host).await, "b");
    assert!(problems(&host).await.is_empty());
}

#[tokio::test]
async fn a_file_that_is_renamed_goes_on_offering_its_functions() {
    let host = Setup::dev().guests(&["version-a"]).start().await;
    let folder = host.folder().join("functions");
    std::fs::rename(folder.join("version-a.wasm"), folder.join("a-new-name.wasm")).expect("renames");
    // until the host has looked, and then still
    until("the new name to be known", PATIENCE, async || {
        let functions = host.read("/v1/functions").await;
        let source = functions[0]["source"].as_str().unwrap_or_default().to_owned();
        if source.contains("a-new-name") {
            Ok(())
        } else {
            Err(format!("{functions} {:?}", problems(&host).await))
        }
    })
    .await;
    assert_eq!(version(&host).await, "a");
    assert!(problems(&host).await.is_empty());
}

#[tokio::test]
async fn a_function_may_move_to_another_file_at_one_stroke() {
    let host = Setup::dev().guests(&["version-a"]).start().await;
    let a = deployment(&host, "versioned").await;
    host.remove("version-a.wasm");
    host.place_guest("version-b", "z-other.wasm");
    until("b", PATIENCE, async || match deployment(&host, "versioned").await {
        Some(now) if Some(&now) != a.as_ref() => Ok(()),
        other => Err(format!("{other:?} {:?}", problems(&host).await)),
    })
    .await;
    assert_eq!(version(&host).await, "b");
}

#[tokio::test]
async fn two_files_with_the_same_function_are_told_and_the_first_stays() {
    let host = Setup::dev().guests(&["version-a"]).start().await;
    host.place_guest("version-b", "version-b.wasm");
    assert_eq!(wait_for_problem(&host, "version-b.wasm").await, "function_repeated");
    let all = problems(&host).await;
    let why = all[0]["error"].as_str().expect("a sentence");
    assert!(why.contains("versioned") && why.contains("version-a.wasm"), "{why}");
    assert_eq!(version(&host).await, "a");
    // without the first, the second takes its place
    host.remove("version-a.wasm");
    until("b", PATIENCE, async || match version_if_any(&host).await.as_deref() {
        Some("b") => Ok(()),
        other => Err(format!("{other:?} {:?}", problems(&host).await)),
    })
    .await;
    assert!(problems(&host).await.is_empty());
}

async fn version_if_any(host: &pawl_tests::Host) -> Option<String> {
    deployment(host, "versioned").await?;
    Some(version(host).await)
}

#[tokio::test]
async fn a_host_that_is_ready_has_the_functions_of_a_moment_ago() {
    let setup = Setup::dev();
    // written just now, not dated back as the harness does
    for name in ["steps", "version-a"] {
        let to = setup.functions_folder().join(format!("{name}.wasm"));
        std::fs::copy(paths::guest(name), to).expect("copies");
    }
    let host = setup.start().await;
    let event = host.send("test/repeat", json!({})).await;
    assert_eq!(host.runs_of(&event).await.len(), 1, "no event misses a function");
    assert_eq!(version(&host).await, "a");
}

#[tokio::test]
async fn a_folder_that_is_not_there_yet_is_no_reason_not_to_start() {
    let setup = Setup::dev();
    let folder = setup.functions_folder();
    std::fs::remove_dir(&folder).expect("removes");
    let host = setup.start().await;
    host.get("/v1/functions").await.expect(200);
    std::fs::create_dir(&folder).expect("makes it");
    host.place_guest("version-a", "versioned.wasm");
    wait_for_change(&host, "versioned", None).await;
    assert_eq!(version(&host).await, "a");
}

#[tokio::test]
async fn a_folder_that_goes_away_takes_nothing_with_it() {
    let host = Setup::dev().guests(&["version-a"]).start().await;
    let folder = host.folder().join("functions");
    std::fs::rename(&folder, host.folder().join("elsewhere")).expect("moves it");
    // the host looks at a folder that is not there
    until("it to be noticed", PATIENCE, async || {
        if host.log().contains("cannot be read") { Ok(()) } else { Err(host.log()) }
    })
    .await;
    assert_eq!(version(&host).await, "a", "it may be a mount that is late");
}
