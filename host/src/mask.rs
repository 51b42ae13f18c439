//! What a screen should not show unasked: what an event says of people, and what lets its
//! holder act in somebody's name. Masked by the names of fields, and e-mail addresses
//! wherever they stand.

use regex::Regex;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::LazyLock;

/// What stands in place of a masked value.
pub const MASKED: &str = "[masked]";

/// Fields that are masked with all that is in them, in small letters and without `_` and `-`.
/// Among them are those in which Stripe's objects speak of people
/// (<https://docs.stripe.com/api/payment_intents/object>).
const FIELDS: [&str; 20] = [
    "addresses",
    "authorization",
    "billingdetails",
    "birthdate",
    "cookie",
    "customerdetails",
    "customername",
    "customershipping",
    "dateofbirth",
    "familyname",
    "firstname",
    "fullname",
    "givenname",
    "iban",
    "ip",
    "lastname",
    "phonenumber",
    "shipping",
    "shippingdetails",
    "ssn",
];

/// So are those whose names end like this: `access_token` is private, `token_count` is not.
const ENDINGS: [&str; 11] = [
    "address",
    "apikey",
    "cardnumber",
    "email",
    "emails",
    "password",
    "phone",
    "privatekey",
    "secret",
    "secretkey",
    "token",
];

static EMAIL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}").ok());

/// The same without what a screen should not show, and whether there was any.
pub fn value(mut value: Value) -> (Value, bool) {
    let mut is_masked = false;
    mask(&mut value, &mut is_masked);
    (value, is_masked)
}

/// A text without the e-mail addresses in it.
pub fn text(text: &str) -> Cow<'_, str> {
    match &*EMAIL {
        Some(email) if text.contains('@') => email.replace_all(text, MASKED),
        _ => text.into(),
    }
}

/// Whether a field of this name is masked with all that is in it.
pub fn is_private(field: &str) -> bool {
    let plain: String =
        field.chars().filter(|c| !matches!(c, '_' | '-')).collect::<String>().to_ascii_lowercase();
    FIELDS.contains(&plain.as_str()) || ENDINGS.iter().any(|ending| plain.ends_with(ending))
}

fn mask(value: &mut Value, is_masked: &mut bool) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                let is_said = !matches!(value, Value::Null | Value::Bool(_));
                if is_said && is_private(key) {
                    (*value, *is_masked) = (MASKED.into(), true);
                } else {
                    mask(value, is_masked);
                }
            }
            if fields.keys().any(|key| matches!(text(key), Cow::Owned(_))) {
                *is_masked = true;
                for (key, value) in std::mem::take(fields) {
                    let clean = text(&key);
                    let others = fields.keys().filter(|other| other.starts_with(&*clean)).count();
                    // two of them stay two
                    let is_taken = fields.contains_key(&*clean);
                    let key = if is_taken { format!("{clean} {}", others + 1) } else { clean.into_owned() };
                    fields.insert(key, value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, is_masked)),
        Value::String(said) => {
            if let Cow::Owned(clean) = text(said) {
                (*said, *is_masked) = (clean, true);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn personal_data_is_masked_at_any_depth_and_ids_are_not() {
        let event = json!({"data": {"paymentIntent": {"id": "pi_1", "client_secret": "s", "receipt_email": null,
            "charges": [{"billing_details": {"name": "Ann"}, "note": "for a@b.co, twice"}]}}, "customerEmail": "x"});
        let (shown, is_masked) = value(event);
        let text = shown.to_string();
        assert!(is_masked && text.contains("pi_1") && text.contains("for [masked], twice"), "{text}");
        for private in ["Ann", "a@b.co", "\"s\"", "\"x\""] {
            assert!(!text.contains(private), "{text}");
        }
        let keys = json!({"access_token": "s1", "idToken": "s2", "secret-key": "s3", "cardNumber": 4, "token_count": 5,
            "by": {"a@b.co": 1, "c@d.co": 2}});
        let (shown, _) = value(keys);
        assert_eq!(
            (&shown["token_count"], &shown["by"]),
            (&json!(5), &json!({"[masked]": 1, "[masked] 2": 2}))
        );
        for private in ["access_token", "idToken", "secret-key", "cardNumber"] {
            assert_eq!(shown[private], MASKED);
        }
        assert!(!value(json!({"id": 1, "email": null, "phone": false, "name": "Widget"})).1);
    }
}
