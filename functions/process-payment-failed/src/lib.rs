//! `stripe/payment_intent.payment_failed`: the failure is logged, recorded and warned of.

use pawl::{Event, Result, Step, Value};
use serde::{Deserialize, Serialize};
use stripe::PaymentIntent;

/// Failures of one payment that are kept: enough to see a pattern.
const KEPT: usize = 20;

/// The event's data; what is in it beside the payment is not needed.
#[derive(Debug, Deserialize)]
struct Payment {
    #[serde(rename = "paymentIntent", default)]
    payment_intent: Value,
}

/// A failed payment without the data of the person who tried to pay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    payment_intent_id: String,
    user_id: Option<String>,
    code: Option<String>,
    decline_code: Option<String>,
}

/// One failure of a payment, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    event_id: String,
    at: String,
    code: Option<String>,
    decline_code: Option<String>,
}

/// What is kept under `failures:<payment intent>`.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    user_id: Option<String>,
    /// How often the payment has failed.
    count: u64,
    /// The latest of them.
    latest: Vec<Entry>,
}

#[pawl::function(
    id = "process-payment-failed",
    event = "stripe/payment_intent.payment_failed",
    name = "Process failed payments",
    retries = 3
)]
fn process_payment_failed(event: Event<Payment>, step: Step) -> Result<Value> {
    let failure: Failure = step.run("log-failure", || {
        let failure = read(&event.data.payment_intent)?;
        pawl::warn!(
            "payment failed";
            payment_intent = failure.payment_intent_id,
            code = failure.code.as_deref().unwrap_or("unknown"),
            decline_code = failure.decline_code.as_deref().unwrap_or("none")
        );
        Ok(failure)
    })?;
    let count: u64 = step.run("handle-failure", || {
        let bucket = pawl::kv::open()?;
        let key = format!("failures:{}", failure.payment_intent_id);
        let entry = Entry {
            event_id: event.id.clone(),
            at: event.timestamp.to_string(),
            code: failure.code.clone(),
            decline_code: failure.decline_code.clone(),
        };
        let record = add(bucket.get_json(&key)?.unwrap_or_default(), failure.user_id.clone(), entry);
        bucket.set_json(&key, &record)?;
        if record.count > 1 {
            // what somebody should look at: the buyer tries again and again
            pawl::warn!("a payment fails again and again"; payment_intent = failure.payment_intent_id, count = record.count);
        }
        Ok(record.count)
    })?;
    Ok(pawl::json!({
        "completed": true,
        "paymentIntentId": failure.payment_intent_id,
        "code": failure.code,
        "failures": count,
    }))
}

pawl::plugin!(process_payment_failed);

fn read(object: &Value) -> Result<Failure> {
    let payment: PaymentIntent = stripe::read(object, "payment intent")?;
    let id = payment.required_id()?.to_owned();
    let user_id = payment.user_id().map(str::to_owned);
    let error = payment.last_payment_error.unwrap_or_default();
    Ok(Failure { payment_intent_id: id, user_id, code: error.code, decline_code: error.decline_code })
}

/// The record with this failure in it. A repeated step or event changes nothing.
fn add(mut record: Record, user_id: Option<String>, entry: Entry) -> Record {
    record.user_id = user_id.or(record.user_id);
    if !record.latest.iter().any(|known| known.event_id == entry.event_id) {
        record.count += 1;
        record.latest.push(entry);
        let surplus = record.latest.len().saturating_sub(KEPT);
        record.latest.drain(..surplus);
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use pawl::json;

    fn entry(event_id: &str) -> Entry {
        Entry { event_id: event_id.into(), at: "t".into(), code: None, decline_code: None }
    }

    #[test]
    fn a_failure_of_stripes_own_event_holds_ids_and_codes_only() {
        let text = include_str!("../../../tests/fixtures/stripe/payment_intent.payment_failed.json");
        let event: Value = serde_json::from_str(text).expect("a fixture");
        let failure = read(&event["data"]["object"]).expect("valid");
        let expected = json!({
            "paymentIntentId": "pi_3QxTnFB7WZ01zgkW1hIjKlMn",
            "userId": failure.user_id,
            "code": "card_declined",
            "declineCode": "insufficient_funds",
        });
        assert_eq!(serde_json::to_value(failure).expect("JSON"), expected);
    }

    #[test]
    fn a_payment_without_an_error_is_a_failure_all_the_same() {
        let failure = read(&json!({"id": "pi_1", "last_payment_error": null})).expect("valid");
        assert_eq!((failure.payment_intent_id.as_str(), failure.code), ("pi_1", None));
        assert!(read(&json!({})).is_err_and(|e| !e.is_retryable()));
    }

    #[test]
    fn a_repeated_event_counts_once_and_old_ones_are_dropped() {
        let mut record = Record::default();
        for n in 0..30 {
            record = add(record, (n == 0).then(|| "u".into()), entry(&format!("evt_{n}")));
            record = add(record, None, entry(&format!("evt_{n}")));
        }
        assert_eq!((record.count, record.latest.len(), record.user_id.as_deref()), (30, KEPT, Some("u")));
        assert_eq!(record.latest[0].event_id, "evt_10");
    }

    #[test]
    fn a_payment_that_failed_before_is_counted_and_warned_of_again() {
        let before = json!({ "userId": "u", "count": 1, "latest": [{ "eventId": "evt_0", "at": "t" }] });
        let payment = json!({ "id": "pi_1", "last_payment_error": { "code": "card_declined" } });
        let run = pawl::test::run(process_payment_failed)
            .event("stripe/payment_intent.payment_failed", json!({ "paymentIntent": payment }))
            .key("failures:pi_1", before)
            .fails_first("handle-failure", 1, "the store is busy")
            .go();
        assert_eq!(run.output::<Value>().expect("completes")["failures"], 2);
        assert_eq!(run.key::<Record>("failures:pi_1").map(|record| record.count), Some(2));
        let warned = ["payment failed", "a payment fails again and again"];
        assert_eq!(run.logs().iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), warned);
    }
}
