//! What is no plugin, in the folder and as an upload.

use super::{problems, wait_for_problem};
use pawl_tests::{Setup, components};

/// Takes memory until there is none, and then breaks.
const HOG: &str = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";

/// A list that is longer than all memory.
const LONG_LIST: &str = "(i32.store (i32.const 1028) (i32.const 0x7fffffff)) (i32.const 1024)";

/// What, its code, and a word that its sentence has.
fn cases() -> Vec<(&'static str, Vec<u8>, &'static str, &'static str)> {
    vec![
        ("nothing", Vec::new(), "not_a_component", "WebAssembly"),
        ("no wasm", components::no_wasm(), "not_a_component", "WebAssembly"),
        ("broken", components::broken(), "not_a_component", "component"),
        ("core", components::core_module(), "not_a_component", "which world"),
        ("empty", components::empty(), "no_functions", "pawl:workflow/functions"),
        ("files", components::wants_later_files(), "import_not_granted", "wasi:filesystem/preopens@0.9.0"),
        ("http", components::wants_http(), "import_not_granted", "wasi:http/types@0.2.0"),
        ("no function", components::describing(&[], None, ""), "no_functions", "describes at least one"),
        ("twice", components::describing(&["same", "same"], None, ""), "function_repeated", "`same`"),
        ("no id", components::describing(&[""], None, ""), "invalid_manifest", "id"),
        ("odd id", components::describing(&["a b"], None, ""), "invalid_manifest", "`a b`"),
        ("long id", components::describing(&[&"x".repeat(129)], None, ""), "invalid_manifest", "129"),
        ("retries", components::describing(&["eager"], Some(21), ""), "invalid_manifest", "retries"),
        ("trap", components::describing_by("unreachable"), "describe_failed", "unreachable"),
        (
            "endless",
            components::describing_by("(loop $l (br $l)) (i32.const 0)"),
            "describe_failed",
            "endless",
        ),
        ("starting", components::starting_for_ever(), "describe_failed", "endless"),
        ("memory", components::describing_by(HOG), "describe_failed", "memory"),
        ("outside", components::describing_by(LONG_LIST), "describe_failed", "out of bounds"),
        ("cut off", super::bytes("version-a")[..50_000].to_vec(), "not_a_component", "component"),
    ]
}

/// With little time and memory, so that what has no end ends soon.
fn setup() -> Setup {
    Setup::dev().guests(&["version-a"]).env("PAWL_STEP_CPU", "300ms").env("PAWL_MEMORY", "16")
}

#[tokio::test]
async fn an_upload_that_is_no_plugin_is_refused_with_the_reason_and_changes_nothing() {
    let host = setup().start().await;
    let before = (host.read("/v1/functions").await, host.read("/v1/deployments").await);
    for (case, bytes, code, word) in cases() {
        let refused = host.deploy(bytes).await;
        assert_eq!(refused.status, 422, "{case}: {}", refused.body);
        refused.expect_refusal(422, code);
        assert!(refused.body.contains(word), "{case}: {}", refused.body);
    }
    assert_eq!((host.read("/v1/functions").await, host.read("/v1/deployments").await), before);
    assert!(problems(&host).await.is_empty());
}

#[tokio::test]
async fn a_file_that_is_no_plugin_is_reported_with_the_reason_and_the_rest_is_offered() {
    let setup = setup();
    for (case, bytes, ..) in cases() {
        let name = format!("{}.wasm", case.replace(' ', "-"));
        std::fs::write(setup.functions_folder().join(name), bytes).expect("writes");
    }
    // a host starts for all that
    let host = setup.start().await;
    for (case, _, code, word) in cases() {
        let name = format!("{}.wasm", case.replace(' ', "-"));
        assert_eq!(wait_for_problem(&host, &name).await, code, "{case}");
        let all = problems(&host).await;
        let found = all.iter().find(|p| p["source"].as_str().is_some_and(|s| s.ends_with(&name)));
        let why = found.and_then(|p| p["error"].as_str()).expect("a sentence");
        assert!(why.contains(word), "{case}: {why}");
    }
    assert_eq!(super::version(&host).await, "a");
    assert_eq!(problems(&host).await.len(), cases().len());
}
