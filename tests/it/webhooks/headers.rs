//! Every odd `Stripe-Signature` that was tried on the official libraries.

use super::Expect::{self, Accept, Free, Refuse};
use super::stored;
use pawl_tests::stripe::{self, SECRET};
use pawl_tests::{Setup, clock};

const MISSING: Expect = Refuse("signature_missing");
const MISMATCH: Expect = Refuse("signature_mismatch");
const STALE: Expect = Refuse("timestamp_out_of_tolerance");

/// A case: its header, the time that its signatures are made for, what is expected.
/// `OK` is a right signature, `BAD` a wrong one, `NOW` and `NOW±n` are seconds.
type Case = (&'static str, &'static str, Expect);

const CASES: &[Case] = &[
    // as Stripe sends it, and with what it may add
    ("t=NOW,v1=OK", "NOW", Accept),
    (",t=NOW,v1=OK", "NOW", Accept),
    ("t=NOW,v1=OK,", "NOW", Accept),
    ("v1=OK,t=NOW", "NOW", Accept),
    ("t=NOW,v1=OK,v0=BAD", "NOW", Accept),
    ("t=NOW,v0=BAD,v1=OK", "NOW", Accept),
    ("t=NOW,v2=BAD,v1=OK", "NOW", Accept),
    // a secret is being rolled: one signature a secret
    ("t=NOW,v1=BAD,v1=OK", "NOW", Accept),
    ("t=NOW,v1=OK,v1=BAD", "NOW", Accept),
    ("t=NOW,v1=BAD,v1=BAD,v1=OK", "NOW", Accept),
    ("t=NOW,v1=00,v1=OK", "NOW", Accept),
    // nothing that could be a signature
    ("", "NOW", MISSING),
    (" ", "NOW", MISSING),
    ("garbage", "NOW", MISSING),
    ("=", "NOW", MISSING),
    (",", "NOW", MISSING),
    ("T=NOW,V1=OK", "NOW", MISSING),
    ("t=NOW", "NOW", MISSING),
    ("t=NOW,v0=OK", "NOW", MISSING),
    ("t=NOW,v2=OK", "NOW", MISSING),
    ("t=NOW,v1", "NOW", MISSING),
    ("v1=OK", "NOW", MISSING),
    ("t=,v1=OK", "", MISSING),
    // spaces: both libraries refuse
    ("t=NOW, v1=OK", "NOW", MISSING),
    ("t =NOW,v1=OK", "NOW", MISSING),
    ("t=NOW,v1= OK", "NOW", MISMATCH),
    ("t=NOW,v1 =OK", "NOW", MISSING),
    ("t=NOW,v1=OK ,v1=BAD", "NOW", MISMATCH),
    ("t= NOW,v1=OK", "NOW", Free),
    // times that are none
    ("t=abc,v1=OK", "abc", MISSING),
    ("t=abc,v1=OK", "NaN", MISSING),
    ("t=NaN,v1=OK", "NaN", MISSING),
    ("t=NOW.5,v1=OK", "NOW", MISSING),
    ("t=NOW.5,v1=OK", "NOW.5", MISSING),
    ("t=NOWabc,v1=OK", "NOW", MISSING),
    ("t=1_7,v1=OK", "1_7", MISSING),
    ("t=-NOW,v1=OK", "-NOW", MISSING),
    ("t=NOW,t=1,v1=OK", "NOW", MISSING),
    ("t=1,t=NOW,v1=OK", "NOW", MISSING),
    ("t=111111111111111111111111111111,v1=OK", "111111111111111111111111111111", MISSING),
    ("t=18446744073709551615,v1=OK", "18446744073709551615", STALE),
    ("t=+NOW,v1=OK", "NOW", Free),
    ("t=000NOW,v1=OK", "000NOW", Free),
    ("t=NOW,t=NOW,v1=OK", "NOW", Free),
    // signatures that are none
    ("t=NOW,v1=BAD", "NOW", MISMATCH),
    ("t=NOW,v1=", "NOW", MISMATCH),
    ("t=NOW,v1=,v1=OK", "NOW", Free),
    ("t=NOW,v1=OK=x", "NOW", Free),
    ("t=NOW,v1=OK00", "NOW", MISMATCH),
    ("t=NOW,v1=0", "NOW", MISMATCH),
    ("t=NOW,v1=zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", "NOW", MISMATCH),
    // right for another time or for no time at all
    ("t=NOW,v1=OK", "NOW-1", MISMATCH),
    ("t=NOW,v1=OK", "", MISMATCH),
    // too old, and from the future, however right
    ("t=NOW-290,v1=OK", "NOW-290", Accept),
    ("t=NOW+290,v1=OK", "NOW+290", Accept),
    ("t=NOW-310,v1=OK", "NOW-310", STALE),
    ("t=NOW+320,v1=OK", "NOW+320", STALE),
    ("t=NOW+3600,v1=OK", "NOW+3600", STALE),
    ("t=NOW+31536000,v1=OK", "NOW+31536000", STALE),
    ("t=NOW000,v1=OK", "NOW000", STALE),
    ("t=0,v1=OK", "0", STALE),
];

/// `NOW`, `NOW+5`, `NOW-5` become numbers.
fn with_times(text: &str, now: u64) -> String {
    let Some((before, after)) = text.split_once("NOW") else { return text.to_owned() };
    let sign = after.chars().next().filter(|c| matches!(c, '+' | '-'));
    let digits: String = after.chars().skip(1).take_while(char::is_ascii_digit).collect();
    let (time, rest) = match (sign, digits.parse::<u64>()) {
        (Some('+'), Ok(n)) => (now + n, &after[1 + digits.len()..]),
        (Some('-'), Ok(n)) => (now - n, &after[1 + digits.len()..]),
        _ => (now, after),
    };
    format!("{before}{time}{}", with_times(rest, now))
}

#[tokio::test]
async fn each_odd_signature_header_gets_its_answer_and_only_right_ones_are_stored() {
    let host = Setup::serve().start().await;
    let mut accepted = Vec::new();
    for (n, (header, signed_at, expect)) in CASES.iter().enumerate() {
        let id = format!("evt_header_{n:03}");
        let body = stripe::small(&id);
        let now = clock::unix_seconds();
        let ok = stripe::sign(SECRET, &with_times(signed_at, now), &body);
        let bad = stripe::sign("whsec_of_somebody_else", &now.to_string(), &body);
        let header = with_times(header, now).replace("OK", &ok).replace("BAD", &bad);
        let answer = host.deliver_with(header.as_bytes(), &body).await;
        if expect.check(&header, &answer) {
            assert_eq!(answer.json()["id"], id);
            accepted.push(id);
        }
        assert!(!answer.body.contains(&ok), "the right signature is never told: {}", answer.body);
    }
    assert_eq!(stored(&host).await, accepted);
    let log = host.log();
    assert!(!log.contains(SECRET), "the secret is in the log");
}

#[tokio::test]
async fn a_header_of_odd_bytes_or_none_or_two_is_refused() {
    let host = Setup::serve().start().await;
    let body = stripe::small("evt_odd");
    let right = stripe::header(SECRET, &body);
    let (t, v1) = right.split_once(',').expect("two parts");

    let odd = [b"t=1,v1=\xff\xfe".to_vec(), [t.as_bytes(), b",v1=\xc3\xa9,", v1.as_bytes()].concat()];
    for header in odd {
        Free.check("odd bytes", &host.deliver_with(&header, &body).await);
    }
    let arabic = format!("t=\u{661}\u{667}\u{669}\u{663},{v1}");
    MISSING.check(&arabic, &host.deliver_with(arabic.as_bytes(), &body).await);

    // the right one among more signatures than any rotation has, and one too long
    let crowd = format!("{t}{},{v1}", ",v1=00".repeat(100));
    MISSING.check("100 signatures", &host.deliver_with(crowd.as_bytes(), &body).await);
    let long = format!("{right},x={}", "y".repeat(17 << 10));
    MISSING.check("17 KB", &host.deliver_with(long.as_bytes(), &body).await);

    let post = || host.request(reqwest::Method::POST, "/api/stripe/webhook").body(body.clone());
    MISSING.check("no header", &host.ask(post()).await);
    let twice = post().header("stripe-signature", &right).header("stripe-signature", &right);
    MISSING.check("two headers", &host.ask(twice).await);
    let other = post().header("webhook-signature", &right).header("x-stripe-signature", &right);
    MISSING.check("another header", &host.ask(other).await);

    let stored = stored(&host).await;
    assert!(stored.is_empty() || stored == ["evt_odd"], "{stored:?}");
}

#[tokio::test]
async fn each_of_several_secrets_is_good_and_none_of_them_is_logged() {
    let secrets = ["whsec_old", "whsec_new", "whsec_of_the_live_mode"];
    // copied with white space, as it happens
    let list = format!("{},{}\n, {} ", secrets[0], secrets[1], secrets[2]);
    let host = Setup::serve().env("STRIPE_WEBHOOK_SECRET", list).start().await;
    for (n, secret) in secrets.into_iter().enumerate() {
        let body = stripe::small(&format!("evt_by_{n}"));
        let answer = host.deliver_with(stripe::header(secret, &body).as_bytes(), &body).await;
        Accept.check(secret, &answer);
    }
    // the whole list is nobody's secret, and neither is a part of one
    for secret in ["whsec_old,whsec_new", "whsec_", "old", "whsec_new\n"] {
        let body = stripe::small("evt_forged");
        let answer = host.deliver_with(stripe::header(secret, &body).as_bytes(), &body).await;
        MISMATCH.check(secret, &answer);
    }
    assert_eq!(stored(&host).await.len(), secrets.len());
    let log = host.log();
    assert!(log.contains("white space"), "{log}");
    assert!(secrets.iter().all(|s| !log.contains(s)), "{log}");
}
