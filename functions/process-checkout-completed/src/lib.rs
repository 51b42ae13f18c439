//! `stripe/checkout.session.completed`: the user who paid gets an active subscription.
//!
//! Completed does not mean paid. A delayed payment method gives `completed` with
//! `unpaid` first, which activates nothing, and `async_payment_succeeded` later, which
//! therefore starts this function too. Stripe may send an event several times and both
//! of them for one session: what is written is the same each time.

mod checkout;
mod instant;
mod subscription;

use checkout::{Checkout, Verdict};
use pawl::{Event, Result, Step, Value};
use serde::Deserialize;
use subscription::Subscription;

/// The event's data; what is in it beside the session is not needed.
#[derive(Debug, Deserialize)]
struct Completed {
    #[serde(default)]
    session: Value,
}

#[pawl::function(
    id = "process-checkout-completed",
    events = ["stripe/checkout.session.completed", "stripe/checkout.session.async_payment_succeeded"],
    name = "Process completed checkouts",
    retries = 3,
    hosts = ["{setting:INSTANT_API_URI}"],
    settings = ["INSTANT_APP_ID", "INSTANT_API_URI"],
    secrets = ["INSTANT_ADMIN_TOKEN"]
)]
fn process_checkout_completed(event: Event<Completed>, step: Step) -> Result<Value> {
    let checkout: Checkout = step.run("validate-session", || checkout::validate(&event.data.session))?;
    let Checkout { session_id, user_id, .. } = &checkout;
    if checkout.verdict != Verdict::Activate {
        return Ok(pawl::json!({
            "completed": true,
            "activated": false,
            "reason": checkout.verdict,
            "userId": user_id,
            "sessionId": session_id,
        }));
    }
    let subscription = Subscription::active(&checkout, event.timestamp);
    let store = step.run("update-subscription", || match instant::App::from_settings()? {
        Some(app) => app.update_user(user_id, &subscription),
        None => subscription::keep(user_id, &subscription),
    })?;
    step.run("log-payment-success", || {
        pawl::info!("subscription activated"; session = session_id, user = user_id, store = store);
        Ok(())
    })?;
    Ok(pawl::json!({
        "completed": true,
        "activated": true,
        "userId": user_id,
        "sessionId": session_id,
        "store": store,
    }))
}

pawl::plugin!(process_checkout_completed);

#[cfg(test)]
mod tests {
    use super::*;
    use pawl::json;
    use pawl::test::{Answer, Request};

    #[test]
    fn a_database_in_trouble_is_asked_again_and_the_payment_logged_once() {
        let text =
            include_str!("../../../tests/fixtures/stripe/checkout.session.completed.subscription.json");
        let event: Value = serde_json::from_str(text).expect("a fixture");
        let mut calls = 0;
        let run = pawl::test::run(process_checkout_completed)
            .event("stripe/checkout.session.completed", json!({ "session": event["data"]["object"] }))
            .setting("INSTANT_APP_ID", "app-1")
            .setting("INSTANT_API_URI", "https://instant.example.com/")
            .http(move |request: &Request| {
                assert_eq!(request.url, "https://instant.example.com/admin/transact");
                calls += 1;
                if calls == 1 { Answer::status(503) } else { (200, json!({ "tx-id": 7 })).into() }
            })
            .go();
        assert_eq!(run.output::<Value>().expect("completes")["store"], "instantdb");
        assert_eq!(run.step_ids(), ["validate-session", "update-subscription", "log-payment-success"]);
        assert_eq!(run.step("update-subscription").attempts, 2);
        assert_eq!(run.logs().len(), 1, "{:?}", run.logs());
    }
}
