//! The parts of Stripe's objects that the functions look at.
//!
//! The shape of an object belongs to the API version of its endpoint, so little is
//! asked of it: a field that nobody needs may be anything. What is needed and wrong is
//! an error that another try would not cure.

use pawl::{Error, OrNoRetry, Result, Value};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// A [Checkout Session](https://docs.stripe.com/api/checkout/sessions/object).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Session {
    /// `cs_…`
    pub id: Option<String>,
    /// `payment`, `subscription` or `setup`.
    pub mode: Option<String>,
    /// `paid`, `unpaid` or `no_payment_required`.
    pub payment_status: Option<String>,
    /// What the page that opened the session wrote; on a Payment Link the buyer can
    /// change it.
    pub client_reference_id: Option<String>,
    /// Written by whoever made the session.
    pub metadata: Option<BTreeMap<String, Value>>,
    /// `cus_…`
    pub customer: Option<Reference>,
    /// `sub_…`
    pub subscription: Option<Reference>,
}

/// A [PaymentIntent](https://docs.stripe.com/api/payment_intents/object). Its
/// `client_secret` is left out on purpose: who holds it can act on the payment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PaymentIntent {
    /// `pi_…`
    pub id: Option<String>,
    /// In the currency's smallest unit.
    pub amount: Option<u64>,
    /// What came in, in the currency's smallest unit.
    pub amount_received: Option<u64>,
    /// Three letters.
    pub currency: Option<String>,
    /// Written by whoever made the payment.
    pub metadata: Option<BTreeMap<String, Value>>,
    /// Why the last try did not succeed.
    pub last_payment_error: Option<PaymentError>,
}

/// Why a payment failed. The words for the buyer are left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PaymentError {
    /// Such as `card_declined`.
    pub code: Option<String>,
    /// The card issuer's reason, such as `insufficient_funds`.
    pub decline_code: Option<String>,
}

/// Another object: its id, or the object itself where it was expanded.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Reference {
    /// Not expanded.
    Id(String),
    /// Expanded.
    Object {
        /// The object's own.
        id: String,
    },
}

impl Reference {
    /// The object's id.
    pub fn id(&self) -> &str {
        match self {
            Self::Id(id) | Self::Object { id } => id,
        }
    }
}

impl Session {
    /// Whose session it is: `client_reference_id`, else `metadata.userId`.
    pub fn user_id(&self) -> Option<&str> {
        filled(self.client_reference_id.as_deref()).or_else(|| user_in(self.metadata.as_ref()))
    }
}

impl PaymentIntent {
    /// Its id, without which there is nothing to record.
    pub fn required_id(&self) -> Result<&str> {
        filled(self.id.as_deref()).or_no_retry("the payment intent has no id: it is none of Stripe's")
    }

    /// Whose payment it is: `metadata.userId`.
    pub fn user_id(&self) -> Option<&str> {
        user_in(self.metadata.as_ref())
    }
}

/// Reads an event's object; `what` names it in the error.
pub fn read<T: DeserializeOwned>(object: &Value, what: &str) -> Result<T> {
    let is_object = object.is_object();
    pawl::ensure!(is_object, Error::no_retry(format!("the event carries no {what}")));
    T::deserialize(object).map_err(|e| Error::no_retry(format!("the {what} is not as Stripe's are: {e}")))
}

/// A text that says something.
pub fn filled(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn user_in(metadata: Option<&BTreeMap<String, Value>>) -> Option<&str> {
    filled(metadata?.get("userId")?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pawl::json;

    #[test]
    fn the_client_reference_wins_over_the_metadata() {
        let user =
            |object: Value| read::<Session>(&object, "session").expect("valid").user_id().map(str::to_owned);
        let both = json!({"client_reference_id": " a ", "metadata": {"userId": "b"}});
        assert_eq!(user(both).as_deref(), Some("a"));
        let blank = json!({"client_reference_id": " ", "metadata": {"userId": "b", "other": 1}});
        assert_eq!(user(blank).as_deref(), Some("b"));
        assert_eq!(user(json!({"client_reference_id": null, "metadata": {"userId": ""}})), None);
        assert_eq!(user(json!({"metadata": null})), None);
        assert_eq!(user(json!({"metadata": {"userId": 7}})), None);
    }

    #[test]
    fn a_reference_may_be_expanded() {
        let session: Session =
            read(&json!({"customer": {"id": "cus_1", "email": "x"}, "subscription": "sub_1"}), "session")
                .expect("valid");
        assert_eq!(session.customer.as_ref().map(Reference::id), Some("cus_1"));
        assert_eq!(session.subscription.as_ref().map(Reference::id), Some("sub_1"));
    }

    #[test]
    fn what_is_no_such_object_is_refused_for_good_and_by_name() {
        for object in [Value::Null, json!([]), json!("cs_1")] {
            let error = read::<Session>(&object, "session").expect_err("no session");
            assert_eq!((error.message(), error.is_retryable()), ("the event carries no session", false));
        }
        let error =
            read::<PaymentIntent>(&json!({"amount": "much"}), "payment intent").expect_err("no amount");
        assert!(error.message().starts_with("the payment intent is not as Stripe's are: "), "{error}");
    }
}
