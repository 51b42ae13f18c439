//! Files that are gone for a moment, that cannot be stored or read for a while, and a
//! component that never comes to describe itself.

use super::{bytes, deployment, problems, version, wait_for_change, wait_for_problem};
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::components::{by_hand, describing_by};
use pawl_tests::{Host, Setup, paths};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How soon a file is to be offered that nobody touches any more.
const SOON: Duration = Duration::from_secs(20);

/// Sends events without a pause until it is told; their ids.
fn events(host: &Host) -> (Arc<AtomicBool>, tokio::task::JoinHandle<Vec<String>>) {
    let is_over = Arc::new(AtomicBool::new(false));
    let (url, told) = (host.url("/e/k"), is_over.clone());
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let task = tokio::spawn(async move {
        let mut ids = Vec::new();
        while !told.load(Ordering::Relaxed) {
            let request = client.post(&url).body(r#"{"name":"test/versioned","data":{"ms":1}}"#);
            let answer = pawl_tests::Answer::read(request.send().await.expect("is answered")).await;
            let json = answer.expect("to its end").expect(200).json();
            ids.push(json["ids"][0].as_str().expect("an id").to_owned());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        ids
    });
    (is_over, task)
}

#[tokio::test]
async fn a_file_that_is_gone_for_a_moment_while_it_is_replaced_costs_no_event_its_run() {
    let host = Setup::dev().guests(&["version-a"]).start().await;
    let path = host.folder().join("functions/version-a.wasm");
    let (is_over, task) = events(&host);
    for (ms, guest) in [(50, "version-b"), (100, "version-a"), (150, "version-b"), (200, "version-a")] {
        let before = deployment(&host, "versioned").await;
        std::fs::remove_file(&path).expect("removes");
        tokio::time::sleep(Duration::from_millis(ms)).await;
        std::fs::copy(paths::guest(guest), &path).expect("copies");
        let after = wait_for_change(&host, "versioned", before.as_deref()).await;
        assert!(after.is_some(), "gone for {ms} ms");
    }
    // and the same bytes again, which changes nothing that could be waited for
    std::fs::remove_file(&path).expect("removes");
    tokio::time::sleep(Duration::from_millis(100)).await;
    std::fs::copy(paths::guest("version-a"), &path).expect("copies");
    tokio::time::sleep(Duration::from_secs(1)).await;
    is_over.store(true, Ordering::Relaxed);
    let ids = task.await.expect("every event was accepted");
    let mut lost = 0;
    for id in &ids {
        lost += usize::from(host.runs_of(id).await.is_empty());
    }
    assert_eq!(lost, 0, "of {} events that were accepted", ids.len());
    assert_eq!(version(&host).await, "a");
}

#[tokio::test]
async fn a_file_that_comes_while_the_database_is_locked_is_offered_when_it_no_longer_is() {
    let host = Setup::dev().start().await;
    let database = rusqlite::Connection::open(host.data().join("pawl.db")).expect("opens");
    database.execute_batch("BEGIN IMMEDIATE").expect("locks");
    std::fs::copy(paths::guest("version-a"), host.folder().join("functions/new.wasm")).expect("copies");
    // longer than the host waits for a lock
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    database.execute_batch("ROLLBACK").expect("unlocks");
    drop(database);
    until("it to be offered", SOON, async || match deployment(&host, "versioned").await {
        Some(_) => Ok(()),
        None => Err(format!("{:?}", problems(&host).await)),
    })
    .await;
    assert_eq!(version(&host).await, "a");
    assert!(problems(&host).await.is_empty(), "{:?}", problems(&host).await);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_offered_when_it_can_be() {
    use std::os::unix::fs::PermissionsExt;
    let host = Setup::dev().start().await;
    let part = host.folder().join("functions/new.part");
    std::fs::write(&part, bytes("version-a")).expect("writes");
    std::fs::set_permissions(&part, PermissionsExt::from_mode(0o000)).expect("shuts it");
    if std::fs::read(&part).is_ok() {
        eprintln!("SKIPPED: this user reads every file");
        return;
    }
    let file = part.with_extension("wasm");
    std::fs::rename(&part, &file).expect("renames");
    wait_for_problem(&host, "new.wasm").await;
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).expect("opens it");
    until("it to be offered", SOON, async || match deployment(&host, "versioned").await {
        Some(_) => Ok(()),
        None => Err(format!("{:?}", problems(&host).await)),
    })
    .await;
    assert!(problems(&host).await.is_empty());
}

// ---- descriptions without an end

/// Components that ask the host for something without an end while they describe
/// themselves, which takes no processor time at a stretch, and one that just goes round.
fn endless() -> [(&'static str, Vec<u8>); 3] {
    let asking = |code: &str| describing_by(&format!("{} (i32.const 0)", by_hand::for_ever(code)));
    [
        ("sleeping.wasm", asking(&by_hand::sleep(None, 0))),
        ("selecting.wasm", asking(&by_hand::select(&[]))),
        ("going-round.wasm", asking("")),
    ]
}

#[tokio::test]
async fn a_component_that_describes_itself_for_ever_is_refused_and_the_next_one_offered() {
    let host = Setup::dev().env("PAWL_STEP_CPU", "500ms").start().await;
    for (file, bytes) in endless() {
        host.place(file, &bytes);
    }
    host.place_guest("version-a", "z-good.wasm");
    wait_for_change(&host, "versioned", None).await;
    for (file, bytes) in endless() {
        assert_eq!(wait_for_problem(&host, file).await, "describe_failed");
        host.deploy(bytes).await.expect_refusal(422, "describe_failed");
    }
    assert_eq!(version(&host).await, "a");
}

/// Processor time that a process has used, in the system's ticks (mostly 100 a second).
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("reads");
    // behind the name, which may hold anything: user's and system's are the 12th and 13th
    let (_, fields) = stat.rsplit_once(") ").expect("a name");
    fields.split(' ').skip(11).take(2).map(|n| n.parse::<u64>().expect("a number")).sum()
}

#[tokio::test]
async fn a_host_that_is_asked_to_stop_ends_while_a_component_describes_itself() {
    for (file, bytes) in endless() {
        let mut host = Setup::dev().env("PAWL_STEP_CPU", "10m").start().await;
        let before = ticks(host.pid());
        host.place(file, &bytes);
        // or refused already, which is as good
        until("it to be at work", PATIENCE, async || match (ticks(host.pid()), problems(&host).await) {
            (now, all) if now > before + 100 || !all.is_empty() => Ok(()),
            (now, _) => Err(now.to_string()),
        })
        .await;
        assert!(host.stop().await.success(), "{file}");
    }
}
