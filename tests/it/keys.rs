//! Keys that are made, rotated and ended while the host runs.

use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::setup::{EVENT_KEY, SIGNING_KEY};
use pawl_tests::{Answer, Host, Setup};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// `pawl keys ARGS --json`.
async fn keys(host: &Host, args: &[&str]) -> Value {
    let output = host.cli(&[&["keys"], args, &["--json"]].concat()).await;
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn text(made: &Value) -> &str {
    made["key"].as_str().unwrap_or_else(|| panic!("no key in {made}"))
}

async fn send(host: &Host, key: &str) -> Answer {
    host.post(&format!("/e/{key}"), r#"{"name":"a/b"}"#).await
}

/// A read of `/v1` with this as a bearer's token.
async fn read(host: &Host, token: &str) -> Answer {
    // not by `Host::request`, which brings a key along
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    host.ask(client.request(Method::GET, host.url("/v1/runs")).bearer_auth(token)).await
}

/// Starts again without keys in the environment.
async fn without_env(host: &mut Host) {
    host.stop().await;
    for name in ["INNGEST_EVENT_KEY", "INNGEST_SIGNING_KEY"] {
        host.set_env(name, "");
    }
    host.restart().await;
}

#[tokio::test]
async fn a_made_key_holds_at_once_and_an_ended_one_no_more() {
    let host = Setup::serve().start().await;
    let event = keys(&host, &["new", "event", "--name", "shop"]).await;
    let signing = keys(&host, &["new", "signing"]).await;
    send(&host, text(&event)).await.expect(200);
    read(&host, text(&signing)).await.expect(200);
    // those of the environment hold beside them
    send(&host, EVENT_KEY).await.expect(200);
    read(&host, SIGNING_KEY).await.expect(200);
    // one is none of the other
    send(&host, text(&signing)).await.expect_refusal(401, "event_key_unknown");
    read(&host, text(&event)).await.expect_refusal(401, "invalid_signing_key");

    for made in [&event, &signing] {
        keys(&host, &["end", made["id"].as_str().expect("an id")]).await;
    }
    send(&host, text(&event)).await.expect_refusal(401, "event_key_unknown");
    read(&host, text(&signing)).await.expect_refusal(401, "invalid_signing_key");
    send(&host, EVENT_KEY).await.expect(200);
    assert!(!host.log().contains(text(&event)) && !host.log().contains(text(&signing)), "{}", host.log());
}

#[tokio::test]
async fn a_host_starts_with_the_keys_of_its_folder_alone() {
    let mut host = Setup::serve().start().await;
    let event = keys(&host, &["new", "event"]).await;
    let signing = keys(&host, &["new", "signing"]).await;
    without_env(&mut host).await;
    send(&host, text(&event)).await.expect(200);
    read(&host, text(&signing)).await.expect(200);
    send(&host, EVENT_KEY).await.expect_refusal(401, "event_key_unknown");
    read(&host, SIGNING_KEY).await.expect_refusal(401, "invalid_signing_key");
}

#[tokio::test]
async fn a_key_is_known_by_its_hash_as_inngests_clients_send_it() {
    let host = Setup::serve().start().await;
    let made = keys(&host, &["new", "signing"]).await;
    let bare = text(&made).strip_prefix("signkey-prod-").expect("its prefix");
    assert_eq!(bare.len(), 64);
    let hash = hex::encode(Sha256::digest(hex::decode(bare).expect("hex")));
    read(&host, &format!("signkey-prod-{hash}")).await.expect(200);
    // the hash of another key, or half of one, opens nothing
    for odd in [format!("signkey-prod-{}", &hash[..63]), hash.clone(), made["hash"].to_string()] {
        read(&host, &odd).await.expect_refusal(401, "invalid_signing_key");
    }
    assert_eq!(made["hash"], hash[..12], "what is listed is its beginning");
}

#[tokio::test]
async fn lists_show_what_a_key_is_and_never_its_text() {
    let host = Setup::serve().start().await;
    let event = keys(&host, &["new", "event", "--name", "shop", "--for", "30d"]).await;
    let signing = keys(&host, &["new", "signing"]).await;
    keys(&host, &["end", signing["id"].as_str().expect("an id")]).await;
    let list = keys(&host, &["list"]).await;
    let shown: Vec<_> = list
        .as_array()
        .expect("a list")
        .iter()
        .map(|key| [&key["kind"], &key["name"], &key["state"]].map(|v| v.as_str().unwrap_or("-").to_owned()))
        .collect();
    assert_eq!(shown, [["event", "shop", "active"], ["signing", "-", "ended"]]);
    assert_eq!(list[0]["hash"], hex::encode(Sha256::digest(text(&event)))[..12]);
    assert!(list[0]["ends_at"].is_string(), "{list:#}");
    let table = host.cli(&["keys", "list"]).await;
    let table = String::from_utf8(table.stdout).expect("text");
    for key in [&event, &signing] {
        assert!(table.contains(key["id"].as_str().expect("an id")), "{table}");
        assert!(!table.contains(text(key)) && !list.to_string().contains(text(key)), "{table}");
    }
    let none = host.cli(&["keys", "end", "key_none"]).await;
    assert!(!none.status.success());
    assert!(String::from_utf8_lossy(&none.stderr).contains("pawl keys list"));
}

/// What a command says to its reader.
async fn said(host: &Host, args: &[&str]) -> String {
    let output = host.cli(args).await;
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The keys that sign and those that are accepted, as the list shows them.
async fn states(host: &Host) -> Vec<(String, String)> {
    let list = keys(host, &["list"]).await;
    let text = |key: &Value, name: &str| key[name].as_str().expect("text").to_owned();
    let list = list.as_array().expect("a list").iter();
    list.filter(|key| key["kind"] == "signing").map(|key| (text(key, "id"), text(key, "state"))).collect()
}

#[tokio::test]
async fn a_shell_without_the_hosts_keys_says_truly_whether_a_new_one_signs() {
    let mut host = Setup::serve().start().await;
    // the host has a key in its environment, and this shell has none
    host.set_env("INNGEST_SIGNING_KEY", "");
    let told = said(&host, &["keys", "new", "signing"]).await;
    assert!(told.contains("The host accepts it, and goes on to sign with another"), "{told}");
    let first = states(&host).await;
    assert_eq!(first[0].1, "accepted");
    // the apps know it by now, so this is the one that is taken
    let rotated = keys(&host, &["rotate", "signing"]).await;
    assert_eq!((rotated["id"].as_str(), &rotated["state"]), (Some(&*first[0].0), &json!("signs")));
    assert_eq!(states(&host).await, [(first[0].0.clone(), "signs".to_owned())]);
}

#[tokio::test]
async fn beside_a_stopped_host_the_key_that_apps_have_is_the_one_that_a_rotation_takes() {
    let mut host = Setup::serve().start().await;
    let made = keys(&host, &["new", "signing"]).await;
    host.stop().await;
    host.set_env("INNGEST_SIGNING_KEY", "");
    assert_eq!(states(&host).await[0].1, "accepted", "as it was started last it signs with another");
    let told = said(&host, &["keys", "new", "signing"]).await;
    assert!(told.contains("The host is stopped") && told.contains("goes on to sign with another"), "{told}");
    keys(&host, &["end", &states(&host).await[1].0]).await;
    let rotated = keys(&host, &["rotate", "signing"]).await;
    assert_eq!((&rotated["id"], &rotated["key"]), (&made["id"], &Value::Null), "no key that no app knows");
    let kept = std::fs::read_to_string(host.data().join("started.json")).expect("it stays");
    assert!(!kept.contains(SIGNING_KEY), "{kept}");
}

#[tokio::test]
async fn the_only_key_of_a_host_signs_and_is_the_one_that_a_rotation_ends() {
    let mut host = Setup::serve().start().await;
    let made = ["event", "signing"].map(|kind| ["new", kind]);
    for args in &made {
        keys(&host, args).await;
    }
    without_env(&mut host).await;
    assert_eq!(states(&host).await[0].1, "signs");
    let told = said(&host, &["keys", "new", "signing"]).await;
    assert!(told.contains("goes on to sign with another"), "{told}");
    let waiting = states(&host).await[1].clone();
    assert_eq!(waiting.1, "accepted");
    let rotated = keys(&host, &["rotate", "signing"]).await;
    assert_eq!(rotated["id"].as_str(), Some(&*waiting.0));
    // there is none that waits now: a new one is made, and the others end
    let next = keys(&host, &["rotate", "signing", "--grace", "0s"]).await;
    assert!(next["key"].is_string() && !states(&host).await.iter().any(|(_, state)| state == "accepted"));
    for (id, _) in states(&host).await {
        keys(&host, &["end", &id]).await;
    }
    let told = said(&host, &["keys", "new", "signing"]).await;
    assert!(told.contains("The host has no other signing key"), "{told}");
    // also when it is stopped: from its next start on
    host.stop().await;
    assert_eq!(states(&host).await.pop().map(|(_, state)| state).as_deref(), Some("signs"));
    let next = keys(&host, &["rotate", "signing"]).await;
    assert!(next["key"].is_string(), "the only key does not wait for another to end: {next}");
}

#[tokio::test]
async fn what_no_host_has_told_is_said_with_its_condition() {
    let mut host = Setup::dev().env("INNGEST_SIGNING_KEY", SIGNING_KEY).start().await;
    let other = host.folder().join("other").to_str().expect("text").to_owned();
    for (args, begins) in
        [(&["--data", &other][..], "No host has been started here yet"), (&[], "`pawl dev`")]
    {
        let with =
            |verb: &[&'static str]| verb.iter().copied().chain(args.iter().copied()).collect::<Vec<_>>();
        let told = said(&host, &with(&["keys", "new", "signing"])).await;
        assert!(told.contains(begins) && told.contains("without a signing key in its environment"), "{told}");
        let list = keys(&host, &with(&["list"])).await;
        assert_eq!(list[0]["state"], "signs if alone", "{list}");
        // apps may have it already
        let rotated = keys(&host, &with(&["rotate", "signing"])).await;
        assert_eq!((&rotated["id"], &rotated["state"]), (&list[0]["id"], &json!("signs")));
        let told = said(&host, &with(&["keys", "new", "signing"])).await;
        assert!(told.contains(begins) && told.contains("goes on to sign with another"), "{told}");
    }
    host.stop().await;
    assert_eq!(states(&host).await[0].1, "signs");
}

#[tokio::test]
async fn commands_about_keys_ask_nobody_at_the_hosts_address() {
    let host = Setup::serve().start().await;
    keys(&host, &["new", "signing"]).await;
    let other = pawl_tests::upstream::Upstream::start().await;
    let addr = other.url("").trim_start_matches("http://").to_owned();
    std::fs::write(host.data().join("addr"), addr).expect("writes");
    for args in [&["new", "signing"][..], &["list"], &["rotate", "signing"]] {
        keys(&host, args).await;
    }
    assert!(other.calls().is_empty(), "{:?}", other.calls());
}

#[tokio::test]
async fn a_key_ends_by_itself_at_its_time() {
    let host = Setup::serve().start().await;
    let made = keys(&host, &["new", "event", "--for", "5s"]).await;
    send(&host, text(&made)).await.expect(200);
    until("the key's end", PATIENCE, async || match send(&host, text(&made)).await.status {
        401 => Ok(()),
        status => Err(status.to_string()),
    })
    .await;
}

/// Asks with this key until it is told to stop; how often, and each refusal.
async fn ask(
    host: Arc<Host>,
    signing: String,
    event: String,
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
) {
    while !stop.load(Ordering::SeqCst) {
        read(&host, &signing).await.expect(200);
        send(&host, &event).await.expect(200);
        asked.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_rotation_refuses_no_request() {
    let mut host = Setup::serve().start().await;
    let old = [keys(&host, &["new", "signing"]).await, keys(&host, &["new", "event"]).await];
    without_env(&mut host).await;
    let host = Arc::new(host);
    let (stop, mut asking, mut counts) = (Arc::new(AtomicBool::new(false)), Vec::new(), Vec::new());
    let mut begin = |pair: &[Value; 2]| {
        let count = Arc::new(AtomicUsize::new(0));
        let [signing, event] = [0, 1].map(|n| text(&pair[n]).to_owned());
        asking.push(tokio::spawn(ask(host.clone(), signing, event, stop.clone(), count.clone())));
        counts.push(count);
    };
    begin(&old);
    // the signing key is made beforehand, as apps have to know it; the event key at once
    let next = [keys(&host, &["new", "signing"]).await, keys(&host, &["rotate", "event"]).await];
    begin(&next);
    let rotated = keys(&host, &["rotate", "signing", "--grace", "1h"]).await;
    assert_eq!((&rotated["id"], &rotated["state"]), (&next[0]["id"], &json!("signs")), "the one that waited");
    let so_far: Vec<_> = counts.iter().map(|count| count.load(Ordering::SeqCst)).collect();
    until("both to have asked since", PATIENCE, async || {
        let now: Vec<_> = counts.iter().map(|count| count.load(Ordering::SeqCst)).collect();
        let is_so = now.iter().zip(&so_far).all(|(now, before)| *now > before + 20);
        if is_so { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
    stop.store(true, Ordering::SeqCst);
    for asking in asking {
        asking.await.expect("nothing was refused");
    }
    // the old ones have an end now
    let list = keys(&host, &["list"]).await;
    for key in list.as_array().expect("a list") {
        let is_old = old.iter().any(|old| old["id"] == key["id"]);
        assert_eq!(key["ends_at"].is_string(), is_old, "{list:#}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_told_by_what_is_wrong_with_it() {
    let host = Setup::serve().env("INNGEST_SIGNING_KEY", "signkey-prod-12ab").start().await;
    for (token, word) in [
        ("signkey-test-12ab", "signkey-test-"),
        ("signkey-prod-12ac", "none of this host's"),
        ("signkey-prod- 12ab", "white space"),
        ("", "none came"),
    ] {
        let answer = read(&host, token).await;
        answer.expect_refusal(401, "invalid_signing_key");
        assert!(answer.body.contains(word), "{token}: {}", answer.body);
        assert!(!answer.body.contains("12ab") && !answer.body.contains("12ac"), "{}", answer.body);
    }
    for (key, word) in [
        ("wrong", "none of this host's"),
        ("a%20b", "white space"),
        ("signkey-prod-12ab", "a signing key came"),
        ("NO_EVENT_KEY_SET", "no event key came"),
    ] {
        let answer = send(&host, key).await;
        answer.expect_refusal(401, "event_key_unknown");
        assert!(
            answer.body.contains(word) || answer.body.contains("not one of this host's"),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn a_broken_key_file_keeps_the_host_from_starting_and_not_from_going_on() {
    let mut host = Setup::serve().start().await;
    let made = keys(&host, &["new", "event"]).await;
    send(&host, text(&made)).await.expect(200);
    std::fs::write(host.data().join("keys.json"), "{").expect("writes");
    send(&host, text(&made)).await.expect(200);
    let output = host.cli(&["keys", "list"]).await;
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("keys.json"));
    host.stop().await;
    let output = host.cli(&["serve"]).await;
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("keys.json"), "{said}");
}
