//! Who did what.

use super::Dashboard;
use super::error::PageError;
use super::filters;
use super::shell::{Nav, Shell, page};
use super::viewer::Viewer;
use crate::mask;
use crate::store::records::Audit;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use pawl_engine::Timestamp;

/// Entries of a page.
const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    rows: Vec<Row>,
    is_paged: bool,
    newest: Option<String>,
    older: Option<String>,
    looked: Option<Timestamp>,
}

struct Row {
    at: Timestamp,
    who: String,
    action: String,
    subject: String,
    url: Option<String>,
    detail: String,
}

/// `GET /audit`.
pub(super) async fn list(State(dashboard): State<Dashboard>, viewer: Viewer) -> Result<Response, PageError> {
    let asked = &viewer.query;
    let before = asked.get("cursor").and_then(|n| n.parse().ok());
    let mut found = dashboard.store.records().audits(before, ROWS + 1).await?;
    let is_more = found.len() > ROWS;
    found.truncate(ROWS);
    let last = found.last().filter(|_| is_more).map(|audit| audit.n.to_string());
    page(&AuditPage {
        shell: dashboard.shell(&viewer, Nav::Audit),
        rows: found.into_iter().map(row).collect(),
        is_paged: before.is_some(),
        newest: before.map(|_| asked.with(&[("cursor", "")])),
        older: last.map(|n| asked.with(&[("cursor", &n)])),
        looked: None,
    })
}

fn row(audit: Audit) -> Row {
    let url = url(&audit);
    let action = match audit.action.as_str() {
        "login" => "Logged in",
        "login_refused" => "Login refused",
        "logout" => "Logged out",
        "reveal" => "Looked at personal data",
        "cancel" => "Cancelled",
        "rerun" => "Reran",
        "pause" => "Paused",
        "resume" => "Resumed",
        "move" => "Moved",
        "send" => "Sent an event",
        other => other,
    };
    let action = action.to_owned();
    let detail = mask::text(&audit.detail).into_owned();
    Row { at: audit.at, who: audit.who, action, subject: audit.subject, url, detail }
}

/// The page of what it was done to.
fn url(audit: &Audit) -> Option<String> {
    let kind = match audit.action.as_str() {
        "reveal" if audit.detail.contains("event:") => "events",
        "send" => "events",
        "pause" | "resume" if audit.detail == "the function" => "functions",
        "reveal" | "cancel" | "rerun" | "pause" | "resume" | "move" => "runs",
        _ => return None,
    };
    let id: String = form_urlencoded::byte_serialize(audit.subject.as_bytes()).collect();
    (!id.is_empty()).then(|| format!("/{kind}/{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_leads_to_what_it_is_about() {
        let url = |action: &str, detail: &str| {
            let (action, detail) = (action.into(), detail.into());
            url(&Audit {
                n: 1,
                at: Timestamp::from_millis(0),
                who: "dev".into(),
                action,
                subject: "x".into(),
                detail,
            })
        };
        assert_eq!(url("cancel", "").as_deref(), Some("/runs/x"));
        assert_eq!(url("reveal", "personal data of event:x").as_deref(), Some("/events/x"));
        assert_eq!(url("pause", "the function").as_deref(), Some("/functions/x"));
        assert_eq!(url("login", ""), None);
    }
}
