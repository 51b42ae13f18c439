//! Which keys hold when, and that the file is read again.

use super::*;
use crate::inngest::sign;
use pawl_engine::Span;

fn secret(text: &str) -> Secret {
    Secret::load(text).expect("a key").0
}

fn put(data: &Path, key: Key) {
    change(data, clock::now(), |keys| {
        keys.push(key);
        Ok::<_, BadFile>(())
    })
    .expect("writes");
}

fn texts(keys: &Keys) -> Vec<String> {
    keys.signing().iter().map(|key| key.expose().to_owned()).collect()
}

#[test]
fn a_key_of_the_file_holds_at_once_and_until_its_end() {
    let data = tempfile::tempdir().expect("a folder");
    let keys = Keys::open(vec![secret("of-env")], Vec::new(), data.path()).expect("opens");
    assert!(keys.event_key_matches("of-env") && !keys.event_key_matches("of-en"));
    let now = clock::now();
    let new = New::make(Kind::Event, None, None, now);
    assert!(!keys.event_key_matches(new.text.expose()));
    put(data.path(), new.kept.clone());
    assert!(keys.event_key_matches(new.text.expose()), "it is read again without being told");
    let id = new.kept.id.clone();
    change(data.path(), now, |keys| {
        keys.iter_mut().filter(|key| key.id == id).for_each(|key| key.ends_at = Some(now));
        Ok::<_, BadFile>(())
    })
    .expect("writes");
    assert!(!keys.event_key_matches(new.text.expose()) && keys.event_key_matches("of-env"));
}

#[test]
fn the_key_that_signs_is_first_and_one_that_waits_is_last() {
    let data = tempfile::tempdir().expect("a folder");
    let keys = Keys::open(Vec::new(), vec![secret("env"), secret("fallback")], data.path()).expect("opens");
    let at = |s| Timestamp::from_millis(1_000_000) + Span::from_secs(s);
    let mut made = Vec::new();
    for (n, signs_since) in [(0, Some(at(0))), (1, None), (2, Some(at(9))), (3, None)] {
        let new = New::make(Kind::Signing, None, None, at(n));
        let mut kept = new.kept;
        kept.signs_since = signs_since;
        put(data.path(), kept);
        made.push(new.text.expose().to_owned());
    }
    assert_eq!(texts(&keys), [&made[2], &made[0], "env", "fallback", &made[1], &made[3]]);
}

#[test]
fn the_file_is_its_owners_holds_no_event_key_and_forgets_what_has_ended() {
    let data = tempfile::tempdir().expect("a folder");
    let now = clock::now();
    let (event, signing) =
        (New::make(Kind::Event, None, None, now), New::make(Kind::Signing, None, None, now));
    put(data.path(), event.kept);
    put(data.path(), signing.kept.clone());
    let path = data.path().join(FILE);
    let text = || std::fs::read_to_string(&path).expect("reads");
    assert!(text().contains(signing.text.expose()) && !text().contains(event.text.expose()));
    assert_eq!(
        std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).expect("there")) & 0o777,
        0o600
    );
    assert_eq!(sign::hashed(&signing.text), format!("signkey-prod-{}", signing.kept.hash));
    change(data.path(), now, |keys| {
        keys.iter_mut().for_each(|key| key.ends_at = Some(now));
        Ok::<_, BadFile>(())
    })
    .expect("writes");
    assert!(!text().contains(signing.text.expose()), "an ended key's text is gone");
}

#[test]
fn a_broken_file_is_refused_at_the_start_and_changes_nothing_later() {
    let data = tempfile::tempdir().expect("a folder");
    let new = New::make(Kind::Event, None, None, clock::now());
    put(data.path(), new.kept);
    let keys = Keys::open(Vec::new(), Vec::new(), data.path()).expect("opens");
    std::fs::write(data.path().join(FILE), "{").expect("writes");
    assert!(keys.event_key_matches(new.text.expose()));
    let refused = Keys::open(Vec::new(), Vec::new(), data.path()).expect_err("refused");
    assert!(refused.to_string().contains("pawl keys"), "{refused}");
    std::fs::remove_file(data.path().join(FILE)).expect("removes");
    assert!(!keys.event_key_matches(new.text.expose()), "no file, no keys");
}

#[test]
fn a_signing_key_names_its_environment() {
    assert_eq!(environment("signkey-prod-12"), Some("prod"));
    for none in ["signkey-", "signkey--1", "signkey-prod", "12", "signkey-a b-1"] {
        assert_eq!(environment(none), None, "{none}");
    }
}

#[test]
fn who_signs_is_told_by_the_rule_of_the_host_and_by_how_it_was_started() {
    let data = tempfile::tempdir().expect("a folder");
    let env = vec![secret("signkey-prod-12ab")];
    let (now, none) = (clock::now(), None::<Started>);
    let made = |signs_since| {
        let kept = New::make(Kind::Signing, None, None, now).kept;
        Key { signs_since, ..kept }
    };
    let (waits, later, signs) = (made(None), made(None), made(Some(now)));
    assert_eq!(Started::read(data.path()), none);
    let keys = Keys::open(Vec::new(), env.clone(), data.path()).expect("opens");
    keys.tell_started(data.path(), false).expect("writes");
    let with_env = Started::read(data.path());
    assert_eq!(with_env, Some(Started::Serve(vec![sign::fingerprint(&env[0])])));
    keys.tell_started(data.path(), true).expect("writes");
    let dev = Started::read(data.path());
    assert_eq!(dev, Some(Started::Dev));
    let without = Some(Started::Serve(Vec::new()));
    let is = |keys: &[&Key], started: &Option<Started>, key: &Key| {
        let keys: Vec<_> = keys.iter().map(|key| (*key).clone()).collect();
        Signer::of(&keys, started.as_ref(), now).is(key)
    };
    for (started, first) in
        [(&with_env, Signs::No), (&without, Signs::Yes), (&dev, Signs::IfAlone), (&none, Signs::IfAlone)]
    {
        assert_eq!(is(&[&waits, &later], started, &waits), first, "{started:?}");
        assert_eq!(is(&[&waits, &later], started, &later), Signs::No, "{started:?}");
        // one that was rotated to comes before those of the environment, whichever they are
        assert_eq!(is(&[&waits, &signs], started, &signs), Signs::Yes, "{started:?}");
        assert_eq!(is(&[&waits, &signs], started, &waits), Signs::No, "{started:?}");
    }
}
