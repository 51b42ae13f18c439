//! Settings that change what a host is.

use pawl_tests::host::refused;
use pawl_tests::{Setup, paths, stripe};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn a_store_in_memory_does_everything_but_remember() {
    let setup = Setup::dev().guests(&["steps"]).env("PAWL_STORE", "memory");
    let mut host = setup.env("PAWL_RETRY_INTERVAL", "20ms").start().await;
    for (function, data) in [
        ("ten-steps", json!({})),
        ("sleeper", json!({ "ms": 100 })),
        ("flaky", json!({ "failures": 2 })),
        ("parallel", json!({ "ms": 50 })),
        ("counter", json!({})),
    ] {
        let event = host.send(&format!("test/{function}"), data).await;
        host.wait_for(&event, function, "Completed").await;
    }
    let body = stripe::small("evt_memory");
    assert_eq!(host.deliver(&body).await.expect(200).json()["duplicate"], false);
    assert_eq!(host.deliver(&body).await.expect(200).json()["duplicate"], true);
    host.stop().await;
    host.restart().await;
    assert_eq!(host.read("/v1/events").await, json!([]));
    assert!(!host.data().join("pawl.db").exists());
}

#[tokio::test]
async fn functions_may_be_named_file_by_file() {
    let files = ["version-a", "steps"].map(|name| paths::guest(name).display().to_string());
    let host = Setup::dev().env("PAWL_FUNCTIONS", files.join(",")).start().await;
    assert_eq!(host.read("/v1/functions").await.as_array().map(Vec::len), Some(27));
}

#[tokio::test]
async fn hosts_may_share_compiled_code_in_a_folder_that_others_cannot_write_into() {
    let cache = tempfile::tempdir().expect("a folder");
    fs::set_permissions(cache.path(), fs::Permissions::from_mode(0o777)).expect("opens it to others");
    let code = || fs::read_dir(cache.path()).expect("reads").map(|f| f.expect("a file")).collect::<Vec<_>>();
    for _ in 0..2 {
        let host = Setup::dev().guests(&["version-a"]).env("PAWL_CACHE", cache.path()).start().await;
        assert!(!host.data().join("compiled").exists());
        assert_eq!(code().len(), 1);
    }
    let mode = fs::metadata(cache.path()).expect("reads").permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    let written = code()[0].metadata().and_then(|m| m.modified()).expect("a time");
    let host = Setup::dev().guests(&["version-a"]).env("PAWL_CACHE", cache.path()).start().await;
    assert_eq!(host.read("/v1/functions").await.as_array().map(Vec::len), Some(1));
    assert_eq!(
        code()[0].metadata().and_then(|m| m.modified()).expect("a time"),
        written,
        "not compiled anew"
    );
}

#[tokio::test]
async fn the_settings_file_of_the_folder_is_read() {
    let config = r#"
        retry_interval = "30ms"
        [limits]
        step_cpu = "200ms"
    "#;
    let host = Setup::dev().guests(&["steps"]).config(config).start().await;
    let event = host.send("test/flaky", json!({ "failures": 3 })).await;
    host.wait_for(&event, "flaky", "Completed").await;
    let event = host.send("test/looper", json!({})).await;
    let run = host.wait_for(&event, "looper", "Failed").await;
    assert!(run["error"]["message"].as_str().is_some_and(|m| m.contains("200ms")), "{}", run["error"]);
}

#[tokio::test]
async fn a_taken_address_is_said_with_what_to_do() {
    let host = Setup::dev().start().await;
    let addr = host.addr().to_string();
    let output = host.cli(&["dev", "--addr", &addr, "--data", "another"]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&addr) && said.contains("--addr"), "{said}");
}

#[tokio::test]
async fn dev_does_not_listen_for_others() {
    let host = Setup::dev().start().await;
    for addr in ["0.0.0.0:0", "[::]:0"] {
        let output = host.cli(&["dev", "--addr", addr, "--data", "another"]).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("pawl serve"), "the way out is named: {said}");
    }
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_used_is_said() {
    let setup = Setup::dev();
    let file = setup.functions_folder().join("a-file");
    std::fs::write(&file, "text").expect("writes");
    let (status, log) = refused(&setup.env("PAWL_DATA", file.clone())).await;
    assert!(!status.success());
    assert!(log.contains(&file.display().to_string()), "{log}");
}

#[tokio::test]
async fn a_database_of_something_else_is_refused_and_let_be() {
    let mut host = Setup::dev().start().await;
    host.stop().await;
    let database = host.data().join("pawl.db");
    for file in ["pawl.db-wal", "pawl.db-shm"] {
        let _gone = std::fs::remove_file(host.data().join(file));
    }
    std::fs::write(&database, "this is a letter to my aunt".repeat(1_000)).expect("writes");
    let before = std::fs::read(&database).expect("reads");
    let data = host.data().display().to_string();
    let output = host.cli(&["dev", "--addr", "127.0.0.1:0", "--data", &data]).await;
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read(&database).expect("reads"), before);
}

#[tokio::test]
async fn a_settings_file_that_cannot_be_read_is_said_by_its_line_and_without_its_secrets() {
    const SECRET: &str = "sk_live_which_nobody_sees";
    for (case, line) in [
        ("no closing quote", format!("TOKEN = \"{SECRET}")),
        ("no opening quote", format!("TOKEN = {SECRET}\"")),
        ("no quotes", format!("TOKEN = {SECRET}")),
        ("a list", format!("TOKEN = [\"{SECRET}\"]")),
        ("a table", format!("TOKEN = {{ text = \"{SECRET}\" }}")),
        ("a wrong place", format!("TOKEN = {{ env = [\"{SECRET}\"] }}")),
        ("no equals sign", format!("TOKEN \"{SECRET}\"")),
        ("twice", format!("TOKEN = \"a\"\nTOKEN = \"{SECRET}\"")),
        ("the name forgotten", format!("\"{SECRET}\"")),
    ] {
        let config = format!("# of the shop\n[secrets]\n{line}\n\n[settings]\nSHOP = \"x\"\n");
        let (status, log) = refused(&Setup::dev().config(&config)).await;
        assert!(!status.success(), "{case}: {status}");
        assert!(!log.contains("nobody_sees"), "{case}: {log}");
        let wrong = 3 + line.matches('\n').count();
        assert!(log.contains("pawl.toml"), "{case}: {log}");
        assert!(
            [format!("line {wrong}"), format!(":{wrong}")].iter().any(|words| log.contains(words.as_str())),
            "{case} is in line {wrong}: {log}"
        );
    }
}
