//! Stripe: <https://docs.stripe.com/webhooks>.
//!
//! `Stripe-Signature: t=SECONDS,v1=HEX[,v1=HEX…]`, where each `v1` is the HMAC-SHA256
//! of `t.body` under one of the endpoint's active secrets (the whole text, `whsec_`
//! included). Stricter than the official libraries where they disagree: `t` is
//! digits alone, its distance is bounded both ways, and two different `t` are refused.

use super::{Provider, Rejected, Said, plain};
use crate::secret::Secret;
use hmac::{Hmac, Mac};
use http::HeaderMap;
use pawl_engine::event::SenderId;
use pawl_engine::{NewEvent, Payload, Timestamp, limits};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::Sha256;
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq};

/// Stripe as a provider, with the secrets of its endpoint.
pub struct Stripe(pub Arc<[Secret]>);

/// How far a signature's time may be from ours, both ways, in seconds.
const TOLERANCE: u64 = 300;

/// Bytes of the signature header, and signatures in it: more than any rotation needs.
const HEADER_BYTES: usize = 16 << 10;
const SIGNATURES: usize = 16;

/// Longest `id` and `type`; Stripe's are under 100.
const NAME_BYTES: usize = 255;

impl Provider for Stripe {
    fn name(&self) -> &str {
        "stripe"
    }

    fn accept(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Said, Rejected> {
        plain(headers)?;
        let signed = Signed::parse(headers)?;
        if !signed.holds(body, &self.0) {
            return Err(Rejected::SignatureMismatch);
        }
        // after the MAC: a forger learns nothing about our clock
        let seconds = u64::try_from(now.as_millis() / 1_000).unwrap_or(0);
        if signed.at.abs_diff(seconds) > TOLERANCE {
            return Err(Rejected::TimestampOutOfTolerance);
        }
        event(body, now).map(Said::Event)
    }
}

/// A signature header that is well-formed.
struct Signed<'a> {
    /// `t` as it was written: that is what was signed.
    t: &'a str,
    at: u64,
    v1: Vec<[u8; 32]>,
}

impl<'a> Signed<'a> {
    fn parse(headers: &'a HeaderMap) -> Result<Self, Rejected> {
        let missing = || Rejected::SignatureMissing;
        let mut values = headers.get_all("stripe-signature").iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Err(missing()) };
        let text = value.to_str().map_err(|_| missing())?;
        if text.len() > HEADER_BYTES {
            return Err(missing());
        }
        let (mut t, mut v1) = (None, Vec::new());
        for part in text.split(',').filter(|p| !p.is_empty()) {
            match part.split_once('=') {
                Some(("t", time)) if t.is_some_and(|t| t != time) => return Err(missing()),
                Some(("t", time)) => t = Some(time),
                Some(("v1", signature)) => v1.push(signature),
                // other schemes prove nothing; v0 is a fake on test events
                _ => {}
            }
        }
        let t = t.ok_or_else(missing)?;
        let is_number = !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        let at = t.parse().ok().filter(|_| is_number).ok_or_else(missing)?;
        if v1.is_empty() || v1.len() > SIGNATURES {
            return Err(missing());
        }
        Ok(Self { t, at, v1: v1.into_iter().filter_map(mac).collect() })
    }

    /// Whether any signature is made by any secret. All pairs are compared whatever
    /// the outcome, each in constant time.
    fn holds(&self, body: &[u8], secrets: &[Secret]) -> bool {
        let mut found = Choice::from(0);
        for secret in secrets {
            let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { continue };
            hmac.update(self.t.as_bytes());
            hmac.update(b".");
            hmac.update(body);
            let expected = hmac.finalize().into_bytes();
            for given in &self.v1 {
                found |= expected.as_slice().ct_eq(given);
            }
        }
        found.into()
    }
}

/// 64 lower-case hex digits; anything else cannot be a signature.
fn mac(text: &str) -> Option<[u8; 32]> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let mut mac = [0; 32];
    hex::decode_to_slice(text, &mut mac).ok().map(|()| mac)
}

/// The parts of an event that the host looks at. The object itself is passed on as
/// it is: its shape belongs to the API version of the endpoint.
#[derive(Deserialize)]
struct Body<'a> {
    id: String,
    r#type: String,
    #[serde(default)]
    object: Option<String>,
    #[serde(borrow, default)]
    created: Option<&'a RawValue>,
    #[serde(borrow, default)]
    livemode: Option<&'a RawValue>,
    #[serde(borrow, default)]
    account: Option<&'a RawValue>,
    #[serde(borrow, default)]
    api_version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<Data<'a>>,
    #[serde(default)]
    snapshot_event: Option<String>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
    #[serde(borrow, default)]
    previous_attributes: Option<&'a RawValue>,
}

fn event(body: &[u8], now: Timestamp) -> Result<NewEvent, Rejected> {
    let text = std::str::from_utf8(body).map_err(|e| Rejected::InvalidJson(e.to_string()))?;
    // the whole value once, so that what cannot be a value (a lone surrogate, 1e400,
    // too deep a nesting) is refused here and not by a function later
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|e| Rejected::InvalidJson(e.to_string()))?;
    if !value.is_object() {
        return Err(Rejected::InvalidEvent("it is no JSON object".into()));
    }
    let body: Body<'_> =
        serde_json::from_str(text).map_err(|e| Rejected::InvalidEvent(super::shortened(&e)))?;
    for (name, value) in [("id", &body.id), ("type", &body.r#type)] {
        if value.is_empty() || value.len() > NAME_BYTES || value.chars().any(char::is_control) {
            return Err(Rejected::InvalidEvent(format!("its {name} is empty, too long or not plain")));
        }
    }
    let is_thin = body.object.as_deref() == Some("v2.core.event");
    let data = if is_thin { thin(&body, text) } else { snapshot(&body)? };
    let data =
        Payload::parse(data, limits::EVENT_BYTES).map_err(|e| Rejected::InvalidEvent(e.to_string()))?;
    // a thin event and its snapshot are one fact
    let sender_id = body.snapshot_event.filter(|id| is_thin && !id.is_empty()).unwrap_or(body.id);
    let created = value["created"].as_i64().and_then(|s| s.checked_mul(1_000)).map(Timestamp::from_millis);
    // a clock of theirs that is ahead (a test clock may be, by months) delays nothing
    let at = created.map(|at| at.min(now));
    NewEvent {
        name: format!("stripe/{}", body.r#type).into(),
        data,
        user: None,
        at,
        version: value["api_version"].as_str().map(str::to_owned),
        sender: Some(SenderId { source: "stripe", id: sender_id }),
        trace: None,
    }
    .check()
    .map_err(|e| Rejected::InvalidEvent(e.to_string()))
}

fn thin(body: &Body<'_>, text: &str) -> String {
    format!(r#"{{"notification":{text},"eventId":{}}}"#, quoted(&body.id))
}

fn snapshot(body: &Body<'_>) -> Result<String, Rejected> {
    let no_object = || Rejected::InvalidEvent("it has no data.object".into());
    let data = body.data.as_ref().ok_or_else(no_object)?;
    if !data.object.get().starts_with('{') {
        return Err(no_object());
    }
    #[derive(Deserialize)]
    struct Named {
        #[serde(default)]
        object: Option<String>,
    }
    let named: Named = serde_json::from_str(data.object.get()).unwrap_or(Named { object: None });
    let name = own_name(named.object.as_deref().unwrap_or_default());
    let raw = |value: Option<&RawValue>| value.map_or("null", RawValue::get).to_owned();
    let mut text = format!(
        r#"{{{}:{},"eventId":{},"livemode":{},"account":{},"apiVersion":{},"created":{}"#,
        quoted(&name),
        data.object.get(),
        quoted(&body.id),
        raw(body.livemode),
        raw(body.account),
        raw(body.api_version),
        raw(body.created),
    );
    if let Some(previous) = data.previous_attributes {
        text += &format!(r#","previousAttributes":{}"#, previous.get());
    }
    text.push('}');
    Ok(text)
}

/// `checkout.session` → `session`, `payment_intent` → `paymentIntent`. A name that one
/// of our own fields has already, or that is none, is `object`.
fn own_name(object: &str) -> String {
    let last = object.rsplit('.').next().unwrap_or_default();
    let mut name = String::new();
    for (n, word) in last.split('_').filter(|w| !w.is_empty()).enumerate() {
        let mut chars = word.chars();
        match chars.next() {
            Some(first) if n > 0 => name.extend(first.to_uppercase()),
            Some(first) => name.push(first),
            None => {}
        }
        name.push_str(chars.as_str());
    }
    let is_taken = ["eventId", "livemode", "account", "apiVersion", "created", "previousAttributes"]
        .contains(&name.as_str());
    // a connected account's own object is told apart from the field beside it
    if name.is_empty() || is_taken { "object".into() } else { name }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
