//! What came to the door, how it was answered, and what to do about refusals.

use super::chart::{Chart, Series};
use super::choice::Choice;
use super::error::PageError;
use super::filters;
use super::form::sentence;
use super::json::Sight;
use super::period::{Axis, Range};
use super::shell::{Nav, Shell, page};
use super::viewer::Viewer;
use super::{Dashboard, WebhookEndpoint};
use crate::clock;
use crate::store::records::{Answered, Delivery, DeliveryCount, DeliveryFilter};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use pawl_engine::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Webhooks of a page.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "webhooks.html")]
struct WebhooksPage {
    shell: Shell,
    has_stripe: bool,
    endpoints: Arc<[WebhookEndpoint]>,
    chart: Chart,
    outcomes: Vec<Choice>,
    providers: Vec<Choice>,
    is_filtered: bool,
    is_paged: bool,
    rows: Vec<Row>,
    newest: Option<String>,
    older: Option<String>,
    looked: Option<Timestamp>,
}

struct Row {
    at: Timestamp,
    provider: String,
    answered: &'static str,
    reason: Option<String>,
    cure: Option<&'static str>,
    event: Option<String>,
    name: String,
    sender_id: String,
}

/// `GET /webhooks`.
pub(super) async fn list(State(dashboard): State<Dashboard>, viewer: Viewer) -> Result<Response, PageError> {
    let asked = &viewer.query;
    let axis = Range::Day.axis(clock::now());
    let records = dashboard.store.records();
    let counts = records.delivery_counts(axis.period()).await?;
    let filter = DeliveryFilter {
        answered: asked.get("outcome").and_then(Answered::parse),
        provider: asked.get("provider").map(str::to_owned),
        before: asked.get("cursor").and_then(|n| n.parse().ok()),
        // one more tells whether there are others
        limit: ROWS + 1,
    };
    let mut found = records.deliveries(filter).await?;
    let is_more = found.len() > ROWS;
    found.truncate(ROWS);
    let last = found.last().filter(|_| is_more).map(|d| d.n.to_string());
    let is_paged = asked.get("cursor").is_some();
    let provider = asked.get("provider");
    let configured = dashboard.endpoints.iter().map(|e| e.name.as_str()).chain(["stripe"]);
    let known: BTreeSet<_> =
        counts.iter().map(|c| c.provider.as_str()).chain(provider).chain(configured).collect();
    page(&WebhooksPage {
        shell: dashboard.shell(&viewer, Nav::Webhooks),
        has_stripe: dashboard.has_stripe,
        endpoints: dashboard.endpoints.clone(),
        chart: chart("Webhooks in the last 24 hours", &axis, &counts),
        outcomes: Choice::all(Answered::ALL.map(|a| (a.as_str(), word(a))), asked.get("outcome")),
        providers: Choice::all(known.into_iter().map(|name| (name, name)), provider),
        is_filtered: asked.any(&["outcome", "provider"]),
        is_paged,
        rows: found.into_iter().map(row).collect(),
        newest: is_paged.then(|| asked.with(&[("cursor", "")])),
        older: last.map(|n| asked.with(&[("cursor", &n)])),
        looked: None,
    })
}

/// Webhooks by what became of them.
pub(super) fn chart(label: &'static str, axis: &Axis, counts: &[DeliveryCount]) -> Chart {
    let series = [
        (Answered::Accepted, "bar-ok"),
        (Answered::Duplicate, "bar-cancelled"),
        (Answered::Ignored, "bar-neutral"),
        (Answered::Refused, "bar-failed"),
    ];
    let series = series.map(|(answered, class)| {
        let counts = counts.iter().filter(|c| c.answered == answered);
        Series::counts(word(answered), class, &axis.sums(counts.map(|c| (c.at, c.n))))
    });
    Chart::bars(label, axis, series.into())
}

fn word(answered: Answered) -> &'static str {
    match answered {
        Answered::Accepted => "Accepted",
        Answered::Duplicate => "Duplicate",
        Answered::Ignored => "Ignored",
        Answered::Refused => "Refused",
    }
}

fn row(delivery: Delivery) -> Row {
    let said = delivery.detail.or_else(|| delivery.reason.clone());
    Row {
        at: delivery.at,
        provider: delivery.provider,
        answered: word(delivery.answered),
        // a parser may quote what it could not read
        reason: said.map(|said| sentence(&Sight::Masked.text(&said).text)),
        cure: delivery.reason.as_deref().and_then(cure),
        event: delivery.event.map(|id| id.to_string()),
        name: delivery.event_name.unwrap_or_default(),
        sender_id: delivery.sender_id.map(|id| Sight::Masked.text(&id).text).unwrap_or_default(),
    }
}

/// What to do about a refusal, by its code.
fn cure(code: &str) -> Option<&'static str> {
    Some(match code {
        "signature_missing" => {
            "It was not sent by the provider, or something on the way takes the signature header out: let a proxy pass it on."
        }
        "signature_mismatch" => {
            "Set STRIPE_WEBHOOK_SECRET (or the secret of its [[webhook]] in pawl.toml) to the signing secret of this very endpoint; during a rotation, to both. A proxy must not change the body."
        }
        "timestamp_out_of_tolerance" => {
            "Look at this machine's clock (pawl doctor does). A delivery that was held up is sent again by its provider."
        }
        "not_configured" => {
            "Set STRIPE_WEBHOOK_SECRET (or the secret of its [[webhook]] in pawl.toml) to the endpoint's signing secret, and restart the host."
        }
        "content_encoding" => "Let the proxy send the body as the provider wrote it, not compressed.",
        "invalid_json" | "invalid_event" => {
            "It was signed by the right sender, and is no event: look at the endpoint's version in the provider's settings."
        }
        "mapping_failed" => {
            "Change the templates of its [webhook.event] in pawl.toml, and restart the host. Its provider sends it again."
        }
        "too_large" => "Let the provider send thin events, or fewer fields.",
        "too_slow" | "broken_body" => "The connection is slow, or broke off; its provider sends it again.",
        "unavailable" => {
            "The store could not take it: look at the disk and at the host's log. Its provider sends it again."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_to_do_about_it() {
        let delivery = Delivery {
            n: 1,
            at: Timestamp::from_millis(0),
            provider: "stripe".into(),
            answered: Answered::Refused,
            reason: Some("signature_mismatch".into()),
            detail: Some("no signature matches for a@b.co".into()),
            sender_id: None,
            event: None,
            event_name: None,
        };
        let row = row(delivery);
        assert!(row.cure.is_some_and(|cure| cure.contains("STRIPE_WEBHOOK_SECRET")));
        assert_eq!(row.reason.as_deref(), Some("No signature matches for [masked]."));
    }
}
