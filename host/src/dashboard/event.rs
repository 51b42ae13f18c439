//! One event, and the form from which one is sent.

use super::Dashboard;
use super::error::PageError;
use super::events::source;
use super::filters;
use super::form::EventForm;
use super::json::{Shown, Sight};
use super::shell::{Nav, Shell, Tone, page};
use super::viewer::{Posted, Viewer};
use crate::intake::to_the_end;
use crate::store::{Accepted, RunFilter, RunRow, Skip, Why};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pawl_engine::event::{BadEvent, Event};
use pawl_engine::{EventId, NewEvent, Payload, Span, Status};

/// Runs that are shown.
const RUNS: usize = 100;

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    shell: Shell,
    event: Event,
    source: String,
    sender_id: Option<Shown>,
    subject: String,
    resend: String,
    data: Shown,
    user: Option<Shown>,
    is_masked: bool,
    is_open: bool,
    runs: Vec<Run>,
    is_more: bool,
    skips: Vec<SkipView>,
}

struct Run {
    id: String,
    function: String,
    status: Status,
    took: Option<Span>,
}

struct SkipView {
    function: String,
    name: &'static str,
    words: &'static str,
    run: Option<String>,
}

#[derive(Template)]
#[template(path = "event_new.html")]
struct NewPage {
    shell: Shell,
    form: EventForm,
    /// Something of the event that it is made from is masked.
    is_masked: bool,
}

/// `GET /events/{id}`, by our id or by its sender's.
pub(super) async fn show(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    viewer: Viewer,
) -> Result<Response, PageError> {
    let store = &dashboard.store;
    let event = store.event(&id).await.map_err(PageError::about("event"))?;
    let filter = RunFilter { event: Some(event.id.clone()), limit: RUNS + 1, ..RunFilter::default() };
    let mut runs: Vec<_> = store.runs(filter).await?.into_iter().map(run).collect();
    let is_more = runs.len() > RUNS;
    runs.truncate(RUNS);
    let skips = store.skips(&event.id).await?.into_iter().map(skip).collect();
    let subject = format!("event:{}", event.id);
    let sight = dashboard.sight(&viewer, &subject);
    let (data, user) = (sight.json(&event.data), event.user.as_ref().map(|user| sight.json(user)));
    let sender_id = event.sender.as_ref().map(|s| sight.text(&s.id));
    let is_masked = [&user, &sender_id].into_iter().flatten().any(|shown| shown.is_masked);
    page(&EventPage {
        shell: dashboard.shell(&viewer, Nav::Events),
        source: source(&event).to_owned(),
        resend: format!("/ui/events/{}/resend", event.id),
        is_masked: data.is_masked || is_masked,
        sender_id,
        is_open: sight == Sight::Open,
        subject,
        data,
        user,
        runs,
        is_more,
        skips,
        event,
    })
}

/// `GET /events/new`; `?from=ID`: like that event.
pub(super) async fn compose(
    State(dashboard): State<Dashboard>,
    viewer: Viewer,
) -> Result<Response, PageError> {
    let name = viewer.query.text("name").to_owned();
    let (form, is_masked) = match viewer.query.get("from") {
        None => (EventForm::new("/ui/events/send".into(), "Send event", name), false),
        Some(id) => like(&dashboard, &viewer, id).await?,
    };
    page(&NewPage { shell: dashboard.shell(&viewer, Nav::Events), form, is_masked })
}

/// The form for an event like this one, as far as the viewer sees it, and whether there is
/// more of it.
async fn like(dashboard: &Dashboard, viewer: &Viewer, id: &str) -> Result<(EventForm, bool), PageError> {
    let event = dashboard.store.event(id).await.map_err(PageError::about("event"))?;
    let form = EventForm::new("/ui/events/send".into(), "Send event", event.name.to_string());
    let sight = dashboard.sight(viewer, &format!("event:{}", event.id));
    let user = event.user.as_ref().map(|user| sight.json(user)).unwrap_or_default();
    let data = sight.json(&event.data);
    // what is masked, or cut, must not be sent as if it were the data
    let is_part = |shown: &Shown| shown.is_masked || shown.is_cut;
    let is_masked = is_part(&data) || is_part(&user);
    let one_line = |user: Payload| user.as_str().lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let form = EventForm {
        data: if is_part(&data) { "{}".into() } else { data.to_edit(&event.data) },
        user: event.user.filter(|_| !is_part(&user)).map(one_line).unwrap_or_default(),
        ..form
    };
    Ok((form, is_masked))
}

/// `POST /ui/events/send`.
pub(super) async fn send(State(dashboard): State<Dashboard>, posted: Posted) -> Result<Response, PageError> {
    let form = EventForm::new("/ui/events/send".into(), "Send event", String::new());
    match form.typed(&posted.fields).parse() {
        Ok(event) => accept(&dashboard, &posted.viewer, event, String::new()).await,
        Err(form) => {
            let again = NewPage {
                shell: dashboard.shell(&posted.viewer, Nav::Events),
                form: *form,
                is_masked: false,
            };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&again)?).into_response())
        }
    }
}

/// `POST /ui/events/{id}/resend`: the same name, data and user under a new id.
pub(super) async fn resend(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, PageError> {
    let event = dashboard.store.event(&id).await.map_err(PageError::about("event"))?;
    let detail = format!("the same as {}", event.id);
    let back = format!("/events/{}", event.id);
    let again = NewEvent {
        name: event.name,
        data: event.data,
        user: event.user,
        at: None,
        version: event.version,
        sender: None,
        trace: None,
    };
    match again.check() {
        Ok(event) => accept(&dashboard, &posted.viewer, event, detail).await,
        Err(BadEvent::ReservedName(_)) => {
            let said =
                "This event is the host's own: it cannot be sent. A rerun of its runs is what there is.";
            Ok(dashboard.tell(&posted.viewer, &back, Tone::Bad, said))
        }
        Err(bad) => Ok(dashboard.tell(&posted.viewer, &back, Tone::Bad, bad.to_string())),
    }
}

/// Sends an event; the way to its page. On record is what was sent, once it has an id.
pub(super) async fn accept(
    dashboard: &Dashboard,
    viewer: &Viewer,
    event: NewEvent,
    detail: String,
) -> Result<Response, PageError> {
    let detail = if detail.is_empty() { event.name.to_string() } else { format!("{}, {detail}", event.name) };
    let (this, who) = (dashboard.clone(), viewer.who.clone());
    // a browser that hangs up leaves no event behind that is not on record
    let (id, recorded) = to_the_end(async move {
        let accepted = this.intake.accept(vec![event]).await?;
        let id: EventId = match accepted.into_iter().next() {
            Some(Accepted::New(id) | Accepted::Duplicate(id)) => id,
            // what is sent from here is always kept
            Some(Accepted::Taken(_) | Accepted::Unheard) | None => return Err(PageError::Unavailable),
        };
        let recorded = this.record(&who, "send", id.as_str(), detail).await;
        Ok((id, recorded))
    })
    .await??;
    let (tone, said) = match recorded {
        Ok(()) => (Tone::Good, "The event is sent."),
        Err(_) => {
            (Tone::Bad, "The event is sent, but the audit log could not be written: see the host's log.")
        }
    };
    Ok(dashboard.tell(viewer, &format!("/events/{id}"), tone, said))
}

fn run(run: RunRow) -> Run {
    Run {
        took: run.index.started_at.zip(run.index.ended_at).map(|(from, to)| to - from),
        id: run.id.to_string(),
        function: run.function.to_string(),
        status: run.index.status,
    }
}

fn skip(skip: Skip) -> SkipView {
    let (name, words) = match skip.why {
        Why::RateLimit => ("Rate limit", "Its rate limit or idempotency takes no more such events for now."),
        Why::Debounced => ("Debounced", "It, or a newer event in its place, is in one run with others:"),
        Why::Batched => ("Batched", "It is in one run with other events:"),
        Why::Singleton => ("Singleton", "There is one run at a time, and another was not over:"),
    };
    SkipView { function: skip.function.to_string(), name, words, run: skip.run.map(|run| run.to_string()) }
}
