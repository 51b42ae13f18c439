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
