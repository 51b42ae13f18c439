//! Requests to the demo's host: Stripe's, and those of a person who looks.

use crate::clock;
use anyhow::{Context, Result, bail};
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::net::SocketAddr;
use std::time::Duration;

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Talks to one host.
pub(super) struct Client {
    agent: ureq::Agent,
    addr: SocketAddr,
}

impl Client {
    pub(super) fn new(addr: SocketAddr) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(LIMIT))
            // the host is here: no proxy
            .proxy(None)
            // an error's answer says what is wrong
            .http_status_as_error(false)
            .build();
        Self { agent: config.into(), addr }
    }

    /// Whether the host takes work.
    pub(super) fn is_ready(&self) -> bool {
        let answer = self.agent.get(format!("http://{}/readyz", self.addr)).call();
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    /// The `data` of an answer.
    pub(super) fn get(&self, path: &str) -> Result<Value> {
        let answer = self.agent.get(format!("http://{}{path}", self.addr)).call();
        let mut value = read(answer, path)?;
        Ok(value["data"].take())
    }

    /// Delivers an event as Stripe does; gives the host's answer.
    pub(super) fn deliver(&self, body: &str, secret: &str) -> Result<Value> {
        let path = "/api/stripe/webhook";
        let request = self
            .agent
            .post(format!("http://{}{path}", self.addr))
            .header("Content-Type", "application/json; charset=utf-8")
            .header("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
            .header("Stripe-Signature", signature(secret, clock::unix_seconds(), body)?);
        read(request.send(body), path)
    }
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>, path: &str) -> Result<Value> {
    let mut answer = answer.with_context(|| format!("no answer to {path}"))?;
    let text = answer.body_mut().read_to_string().with_context(|| format!("half an answer to {path}"))?;
    if answer.status() != 200 {
        bail!("{path} answered {}: {text}", answer.status());
    }
    serde_json::from_str(&text).with_context(|| format!("{path} answered with no JSON"))
}

/// The header that Stripe signs an event with: the HMAC is made with the whole secret,
/// over the time and the body's bytes.
fn signature(secret: &str, at: u64, body: &str) -> Result<String> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).context("no key for an HMAC")?;
    hmac.update(format!("{at}.{body}").as_bytes());
    Ok(format!("t={at},v1={}", hex::encode(hmac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_stripes_own_libraries() {
        let signed =
            signature("whsec_test_secret", 1_614_265_330, r#"{"id":"evt_test_webhook","object":"event"}"#);
        let expected = "t=1614265330,v1=3c5817089d739023dd6190f70a3757e04f7a2fd8b5dab12c2e000f51970dccff";
        assert_eq!(signed.expect("signed"), expected);
    }
}
