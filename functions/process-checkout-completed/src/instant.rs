//! InstantDB as the place of subscriptions, through its HTTP admin API.
//!
//! It has no idempotency keys: the write itself is idempotent. `update` would create a
//! row for an id that nobody has, and an id from a session is not to be trusted that
//! far, so the update is strict. Its answers are never repeated as they are: an error's
//! `hint` may hold the admin token.

use crate::subscription::Subscription;
use pawl::http::Response;
use pawl::{Error, OrNoRetry, Result, Value};
use serde::Deserialize;

/// Where the admin API is when nobody says otherwise.
const CLOUD: &str = "https://api.instantdb.com";

/// The table of the app's users, whose `id` is the user's.
const USERS: &str = "users";

/// An InstantDB app.
pub(crate) struct App {
    id: String,
    api: String,
}

impl App {
    /// The app that the operator has set, if there is one.
    pub(crate) fn from_settings() -> Result<Option<Self>> {
        let set = |name| Ok::<_, Error>(pawl::settings::get(name)?.filter(|value| !value.trim().is_empty()));
        let Some(id) = set("INSTANT_APP_ID")? else { return Ok(None) };
        let api = set("INSTANT_API_URI")?.unwrap_or_else(|| CLOUD.into());
        Ok(Some(Self { id, api: api.trim_end_matches('/').to_owned() }))
    }

    /// Writes the subscription of a user who exists; gives the place's name.
    pub(crate) fn update_user(&self, user_id: &str, subscription: &Subscription) -> Result<String> {
        let body = transaction(user_id, subscription)?;
        let answer = pawl::http::post(format!("{}/admin/transact", self.api))
            .header("App-Id", self.id.as_str())
            .header("Authorization", "Bearer {secret:INSTANT_ADMIN_TOKEN}")
            .json(&body)
            .timeout("30s")
            .send()?;
        if !answer.is_success() {
            return Err(refused(&answer, user_id));
        }
        // whoever answers otherwise is no InstantDB
        answer.json::<Done>()?;
        Ok("instantdb".into())
    }
}

/// The answer to a transaction.
#[derive(Deserialize)]
struct Done {
    #[serde(rename = "tx-id")]
    _tx_id: Value,
}

/// The parts of an error that may be repeated.
#[derive(Deserialize)]
struct Refusal {
    r#type: String,
    #[serde(default)]
    message: String,
}

fn transaction(user_id: &str, subscription: &Subscription) -> Result<Value> {
    is_entity(user_id).then_some(()).or_no_retry(
        "the session's user id is neither a UUID nor a lookup (`lookup__attribute__\"value\"`): \
         InstantDB knows its users by nothing else",
    )?;
    Ok(pawl::json!({ "steps": [["update", USERS, user_id, subscription, { "upsert": false }]] }))
}

/// Whether InstantDB takes this as an entity's id.
fn is_entity(id: &str) -> bool {
    let is_lookup = id.strip_prefix("lookup__").and_then(|rest| rest.split_once("__")).is_some_and(
        |(attribute, value)| !attribute.is_empty() && serde_json::from_str::<Value>(value).is_ok(),
    );
    is_lookup || is_uuid(id)
}

fn is_uuid(id: &str) -> bool {
    let parts: Vec<&str> = id.split('-').collect();
    let is_hex = |part: &str| part.bytes().all(|b| b.is_ascii_hexdigit());
    parts.iter().map(|p| p.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(|p| is_hex(p))
}

/// The error for an answer that is no success: trouble of the server is worth another
/// try, a refusal is not.
fn refused(answer: &Response, user_id: &str) -> Error {
    match answer.status_error() {
        Some(trouble) if trouble.is_retryable() => trouble.context("InstantDB"),
        _ => final_error(answer.status(), answer.json().ok(), user_id),
    }
}

fn final_error(status: u16, refusal: Option<Refusal>, user_id: &str) -> Error {
    let Some(Refusal { r#type, message }) = refusal else {
        return Error::no_retry(format!("InstantDB answered {status}: check INSTANT_API_URI"));
    };
    match r#type.as_str() {
        "validation-failed" => {
            // a lookup may hold an address
            let user = if is_uuid(user_id) { user_id } else { "of this lookup" };
            let why = format!("InstantDB has no user {user}, or its schema refuses the values: {message}");
            Error::no_retry(why).with_name("UnknownUser")
        }
        "record-not-found" => Error::no_retry(format!(
            "InstantDB refused the app ({message}): check INSTANT_APP_ID and INSTANT_ADMIN_TOKEN"
        )),
        _ => Error::no_retry(format!("InstantDB refused: {message} ({kind})", kind = r#type)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pawl::json;

    fn subscription() -> Subscription {
        Subscription {
            subscription_status: "active".into(),
            stripe_customer_id: None,
            stripe_subscription_id: None,
            last_session_id: "cs_1".into(),
            updated_at: "t".into(),
        }
    }

    #[test]
    fn the_update_is_one_strict_step() {
        let user = "6f9619ff-8b86-4011-b42d-00c04fc964ff";
        let values = json!({"subscriptionStatus": "active", "lastSessionId": "cs_1", "updatedAt": "t"});
        let expected = json!({"steps": [["update", "users", user, values, {"upsert": false}]]});
        assert_eq!(transaction(user, &subscription()).expect("valid"), expected);
    }

    #[test]
    fn only_a_uuid_or_a_lookup_names_a_user() {
        for id in [
            "6f9619ff-8b86-4011-b42d-00c04fc964ff",
            "6F9619FF-8B86-4011-B42D-00C04FC964FF",
            r#"lookup__email__"a@b.c""#,
            "lookup__number__7",
        ] {
            assert!(is_entity(id), "{id}");
        }
        for id in
            ["user_1", "6f9619ff8b864011b42d00c04fc964ff", "lookup__email__a@b.c", "lookup____1", "", "----"]
        {
            assert!(!is_entity(id), "{id}");
            assert!(transaction(id, &subscription()).is_err_and(|e| !e.is_retryable()), "{id}");
        }
    }

    #[test]
    fn a_refusal_is_final_and_says_what_to_check_and_nothing_of_the_hint() {
        let user = "6f9619ff-8b86-4011-b42d-00c04fc964ff";
        let error = |text: &str, user: &str| final_error(400, serde_json::from_str(text).ok(), user);
        let unknown =
            r#"{"type":"validation-failed","message":"Validation failed","hint":{"args":["token-7"]}}"#;
        let app = r#"{"type":"record-not-found","message":"Record not found","hint":{"args":["token-7"]}}"#;
        let closed = r#"{"type":"app-read-only","message":"This app is read-only"}"#;
        let cases = [
            (error(unknown, user), "UnknownUser", user),
            (error(unknown, r#"lookup__email__"a@b.c""#), "UnknownUser", "no user of this lookup"),
            (error(app, user), "NonRetriableError", "INSTANT_ADMIN_TOKEN"),
            (error(closed, user), "NonRetriableError", "read-only (app-read-only)"),
            (error("<html>", user), "NonRetriableError", "answered 400: check INSTANT_API_URI"),
        ];
        for (error, name, part) in cases {
            assert!(error.message().contains(part) && !error.message().contains("token-7"), "{error}");
            assert_eq!((error.name(), error.is_retryable()), (name, false), "{error}");
        }
    }
}
