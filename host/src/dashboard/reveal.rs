//! Personal data, shown on a wish that is on record before anything is seen.

use super::Dashboard;
use super::error::PageError;
use super::json::Sight;
use super::viewer::Posted;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

/// A page's subject with the page: `run:ID`, `event:ID`.
fn subject(posted: &Posted) -> Result<(String, String), PageError> {
    let subject = posted.fields.text("subject");
    let page = match subject.split_once(':') {
        Some(("run", id)) if !id.is_empty() => format!("/runs/{}", encoded(id)),
        Some(("event", id)) if !id.is_empty() => format!("/events/{}", encoded(id)),
        _ => return Err(PageError::Invalid("Personal data is shown of a run or of an event.".into())),
    };
    Ok((subject.to_owned(), posted.back(&page)))
}

fn encoded(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

/// `POST /ui/reveal`.
pub(super) async fn reveal(
    State(dashboard): State<Dashboard>,
    posted: Posted,
) -> Result<Response, PageError> {
    let (subject, page) = subject(&posted)?;
    let id = subject.split_once(':').map_or("", |(_, id)| id);
    dashboard.audit(&posted.viewer, "reveal", id, format!("personal data of {subject}")).await?;
    dashboard.set_sight(&posted.viewer, &subject, Sight::Open);
    Ok(Redirect::to(&page).into_response())
}

/// `POST /ui/conceal`.
pub(super) async fn conceal(
    State(dashboard): State<Dashboard>,
    posted: Posted,
) -> Result<Response, PageError> {
    let (subject, page) = subject(&posted)?;
    dashboard.set_sight(&posted.viewer, &subject, Sight::Masked);
    Ok(Redirect::to(&page).into_response())
}
