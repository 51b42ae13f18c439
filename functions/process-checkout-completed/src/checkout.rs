//! What a session says about who paid for what.

use pawl::{Error, OrNoRetry, Result, Value};
use serde::{Deserialize, Serialize};
use stripe::{Reference, Session, filled};

/// A session that is valid, by its ids: nothing about the person is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checkout {
    pub(crate) session_id: String,
    pub(crate) user_id: String,
    pub(crate) customer_id: Option<String>,
    pub(crate) subscription_id: Option<String>,
    pub(crate) verdict: Verdict,
}

/// What follows from a session.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Verdict {
    /// The user gets what was paid.
    Activate,
    /// Nothing yet: the money is on its way, and another event comes when it has arrived.
    Unpaid,
    /// Nothing: the session only kept a payment method for later.
    Setup,
}

/// Reads a session. What is wrong with it is no better on another try.
pub(crate) fn validate(object: &Value) -> Result<Checkout> {
    let session: Session = stripe::read(object, "session")?;
    let id = filled(session.id.as_deref()).or_no_retry("the session has no id: it is none of Stripe's")?;
    let user_id = session.user_id().or_no_retry(format!(
        "session {id} names no user: give it a client_reference_id or metadata.userId when it is made"
    ))?;
    let verdict = match (session.mode.as_deref(), session.payment_status.as_deref()) {
        (Some("setup"), _) => Verdict::Setup,
        (_, Some("paid" | "no_payment_required")) => Verdict::Activate,
        (_, Some("unpaid")) => Verdict::Unpaid,
        // who knows whether anything was paid
        (_, Some(other)) => {
            let why = format!("session {id} has payment_status `{other}`, which this function does not know");
            return Err(Error::no_retry(why));
        }
        (_, None) => return Err(Error::no_retry(format!("session {id} has no payment_status"))),
    };
    let id_of = |reference: &Option<Reference>| reference.as_ref().map(|r| r.id().to_owned());
    Ok(Checkout {
        session_id: id.to_owned(),
        user_id: user_id.to_owned(),
        customer_id: id_of(&session.customer),
        subscription_id: id_of(&session.subscription),
        verdict,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pawl::json;

    fn session(fixture: &str) -> Value {
        let event: Value = serde_json::from_str(fixture).expect("a fixture");
        event["data"]["object"].clone()
    }

    #[test]
    fn stripes_own_events_are_valid_and_leave_ids_only() {
        let paid = session(include_str!(
            "../../../tests/fixtures/stripe/checkout.session.completed.subscription.json"
        ));
        let checkout = validate(&paid).expect("valid");
        assert_eq!(checkout.verdict, Verdict::Activate);
        assert_eq!(checkout.user_id, "6f9619ff-8b86-4011-b42d-00c04fc964ff");
        assert!(checkout.subscription_id.as_deref().is_some_and(|s| s.starts_with("sub_")));
        let kept = serde_json::to_string(&checkout).expect("JSON");
        for private in ["@", "Rosen", "secret"] {
            assert!(!kept.contains(private), "{kept}");
        }
    }

    #[test]
    fn an_unpaid_session_activates_nothing_until_its_payment_succeeds() {
        let completed = session(include_str!(
            "../../../tests/fixtures/stripe/checkout.session.completed.unpaid_async.json"
        ));
        assert_eq!(validate(&completed).expect("valid").verdict, Verdict::Unpaid);
        let succeeded = session(include_str!(
            "../../../tests/fixtures/stripe/checkout.session.async_payment_succeeded.json"
        ));
        assert_eq!(validate(&succeeded).expect("valid").verdict, Verdict::Activate);
    }

    #[test]
    fn free_activates_and_setup_does_not() {
        let verdict = |mode: &str| {
            let session = json!({"id": "cs_1", "client_reference_id": "u", "mode": mode, "payment_status": "no_payment_required"});
            validate(&session).expect("valid").verdict
        };
        assert_eq!(verdict("subscription"), Verdict::Activate);
        assert_eq!(verdict("setup"), Verdict::Setup);
    }

    #[test]
    fn a_session_without_what_is_needed_fails_for_good_with_a_sentence() {
        let cases = [
            (Value::Null, "the event carries no session"),
            (json!({}), "the session has no id"),
            (json!({"id": "cs_1", "payment_status": "paid"}), "session cs_1 names no user"),
            (json!({"id": "cs_1", "client_reference_id": "u"}), "session cs_1 has no payment_status"),
            (
                json!({"id": "cs_1", "client_reference_id": "u", "payment_status": "odd"}),
                "payment_status `odd`",
            ),
            (json!({"id": 7}), "the session is not as Stripe's are"),
        ];
        for (object, why) in cases {
            let error = validate(&object).expect_err(why);
            assert!(error.message().contains(why) && !error.is_retryable(), "{error:?}");
        }
    }
}
