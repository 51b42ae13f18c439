//! Stripe's webhooks: who is let in, who is not, and that nothing is remembered of those.

mod bodies;
mod duplicates;
mod headers;
mod limits;
mod official;
mod requests;

use pawl_tests::{Answer, Host};

/// What a case wants of the host.
#[derive(Debug, Clone, Copy)]
enum Expect {
    /// 200, and the event is stored.
    Accept,
    /// 400 with this code, and nothing is stored.
    Refuse(&'static str),
    /// Accepted or refused, as the official libraries differ too; never a 5xx.
    Free,
}

impl Expect {
    /// Checks an answer; whether it accepted the event.
    fn check(self, case: &str, answer: &Answer) -> bool {
        let shown = format!("{case}: {} {}", answer.status, answer.body);
        match self {
            Self::Accept => {
                assert_eq!(answer.status, 200, "{shown}");
                assert_eq!(answer.json()["received"], true, "{shown}");
            }
            Self::Refuse(code) => {
                assert_eq!(answer.status, 400, "{shown}");
                assert_eq!(answer.json()["code"], code, "{shown}");
                answer.expect_refusal(400, code);
            }
            Self::Free => assert!(matches!(answer.status, 200 | 400), "{shown}"),
        }
        answer.status == 200
    }
}

/// The senders' ids of everything that is stored.
async fn stored(host: &Host) -> Vec<String> {
    let mut ids: Vec<_> = host
        .all("/v1/events")
        .await
        .iter()
        .map(|event| event["id"].as_str().expect("an id").to_owned())
        .collect();
    ids.sort();
    ids
}
