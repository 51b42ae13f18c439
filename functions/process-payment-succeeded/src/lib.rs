//! `stripe/payment_intent.succeeded`: the payment is confirmed in the log and recorded.

use pawl::{Event, Result, Step, Value};
use serde::{Deserialize, Serialize};
use stripe::PaymentIntent;

/// The event's data; what is in it beside the payment is not needed.
#[derive(Debug, Deserialize)]
struct Payment {
    #[serde(rename = "paymentIntent", default)]
    payment_intent: Value,
}

/// A payment without the data of the person who paid.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Confirmation {
    payment_intent_id: String,
    user_id: Option<String>,
    /// In the currency's smallest unit.
    amount: u64,
    currency: String,
}

/// A payment as it is kept under `payment:<id>`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    status: &'a str,
    #[serde(flatten)]
    confirmation: Confirmation,
    event_id: &'a str,
    at: String,
}

#[pawl::function(
    id = "process-payment-succeeded",
    event = "stripe/payment_intent.succeeded",
    name = "Process succeeded payments",
    retries = 3
)]
fn process_payment_succeeded(event: Event<Payment>, step: Step) -> Result<Value> {
    let confirmation: Confirmation = step.run("log-payment-confirmation", || {
        let confirmation = confirm(&event.data.payment_intent)?;
        let Confirmation { payment_intent_id, amount, currency, .. } = &confirmation;
        pawl::info!("payment succeeded"; payment_intent = payment_intent_id, amount = amount, currency = currency);
        Ok(confirmation)
    })?;
    let id = confirmation.payment_intent_id.clone();
    let key: String = step.run("record-payment", || {
        let key = format!("payment:{}", confirmation.payment_intent_id);
        let at = event.timestamp.to_string();
        // the same bytes each time: a repeated step or event changes nothing
        let record = Record { status: "succeeded", confirmation, event_id: &event.id, at };
        pawl::kv::open()?.set_json(&key, &record)?;
        Ok(key)
    })?;
    Ok(pawl::json!({ "completed": true, "paymentIntentId": id, "recordedAs": key }))
}

pawl::plugin!(process_payment_succeeded);

fn confirm(object: &Value) -> Result<Confirmation> {
    let payment: PaymentIntent = stripe::read(object, "payment intent")?;
    Ok(Confirmation {
        payment_intent_id: payment.required_id()?.to_owned(),
        user_id: payment.user_id().map(str::to_owned),
        amount: payment.amount_received.or(payment.amount).unwrap_or_default(),
        currency: payment.currency.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pawl::json;

    #[test]
    fn a_confirmation_of_stripes_own_event_holds_ids_and_the_amount_only() {
        let text = include_str!("../../../tests/fixtures/stripe/payment_intent.succeeded.json");
        let event: Value = serde_json::from_str(text).expect("a fixture");
        let confirmation = confirm(&event["data"]["object"]).expect("valid");
        let expected = json!({
            "paymentIntentId": "pi_3QxTn0B7WZ01zgkW0aBcDeFg",
            "userId": "6f9619ff-8b86-4011-b42d-00c04fc964ff",
            "amount": 3139,
            "currency": "usd",
        });
        assert_eq!(serde_json::to_value(confirmation).expect("JSON"), expected);
    }

    #[test]
    fn a_payment_without_an_id_is_refused_for_good() {
        for object in [Value::Null, json!({}), json!({"id": ""})] {
            assert!(confirm(&object).is_err_and(|e| !e.is_retryable()), "{object}");
        }
    }

    #[test]
    fn a_payment_is_logged_and_kept_under_its_id() {
        let payment = json!({ "id": "pi_1", "amount_received": 3139, "currency": "usd" });
        let run = pawl::test::run(process_payment_succeeded)
            .event("stripe/payment_intent.succeeded", json!({ "paymentIntent": payment }))
            .go();
        assert_eq!(run.output::<Value>().expect("completes")["recordedAs"], "payment:pi_1");
        let kept: Value = run.key("payment:pi_1").expect("kept");
        assert_eq!((&kept["status"], &kept["amount"]), (&json!("succeeded"), &json!(3139)));
        assert_eq!(
            run.logs().iter().map(|line| line.message.as_str()).collect::<Vec<_>>(),
            ["payment succeeded"]
        );
    }
}
