//! A user's subscription, and the host's own key-value store as its place.

use crate::checkout::Checkout;
use pawl::{Result, Timestamp};
use serde::{Deserialize, Serialize};

/// What is written about a user: absolute values, so that writing twice changes
/// nothing. An id that the session does not have leaves the one there is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subscription {
    pub(crate) subscription_status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stripe_customer_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stripe_subscription_id: Option<String>,
    pub(crate) last_session_id: String,
    /// When the event happened, not when it was worked on: the same on every try.
    pub(crate) updated_at: String,
}

impl Subscription {
    pub(crate) fn active(checkout: &Checkout, at: Timestamp) -> Self {
        Self {
            subscription_status: "active".into(),
            stripe_customer_id: checkout.customer_id.clone(),
            stripe_subscription_id: checkout.subscription_id.clone(),
            last_session_id: checkout.session_id.clone(),
            updated_at: at.to_string(),
        }
    }

    /// The same with the ids that were known before and that this one does not have.
    fn over(mut self, before: Option<Self>) -> Self {
        if let Some(before) = before {
            self.stripe_customer_id = self.stripe_customer_id.or(before.stripe_customer_id);
            self.stripe_subscription_id = self.stripe_subscription_id.or(before.stripe_subscription_id);
        }
        self
    }
}

/// Writes it to the key-value store as `user:<id>`; gives the place's name.
pub(crate) fn keep(user_id: &str, subscription: &Subscription) -> Result<String> {
    let bucket = pawl::kv::open()?;
    let key = format!("user:{user_id}");
    let before = bucket.get_json(&key)?;
    bucket.set_json(&key, &subscription.clone().over(before))?;
    Ok("key-value".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::Verdict;
    use pawl::json;

    fn checkout(subscription_id: Option<&str>) -> Checkout {
        Checkout {
            session_id: "cs_1".into(),
            user_id: "u".into(),
            customer_id: Some("cus_1".into()),
            subscription_id: subscription_id.map(str::to_owned),
            verdict: Verdict::Activate,
        }
    }

    #[test]
    fn what_is_written_is_absolute_and_leaves_out_what_is_not_known() {
        let text = Subscription::active(&checkout(None), Timestamp::from_secs(1_793_000_008));
        let expected = json!({
            "subscriptionStatus": "active",
            "stripeCustomerId": "cus_1",
            "lastSessionId": "cs_1",
            "updatedAt": "2026-10-26T07:33:28.000Z",
        });
        assert_eq!(serde_json::to_value(text).expect("JSON"), expected);
    }

    #[test]
    fn a_single_payment_does_not_erase_the_subscription() {
        let at = Timestamp::from_secs(1);
        let before = Subscription::active(&checkout(Some("sub_1")), at);
        let after = Subscription::active(&checkout(None), at).over(Some(before));
        assert_eq!(after.stripe_subscription_id.as_deref(), Some("sub_1"));
    }
}
