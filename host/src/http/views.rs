//! What answers look like: the shapes of `/v1`, made from the host's own types.
//! Events and runs as Inngest's REST API has them, with more to each run.

use crate::catalog::{Offer, Problem, Snapshot};
use crate::clock;
use crate::store::find::Page;
use crate::store::{Deployment, RunRow, Skip};
use axum::Json;
use axum::response::{IntoResponse, Response};
use pawl_engine::event::Event;
use pawl_engine::manifest::{Manifest, Trigger};
use pawl_engine::view::{self, AttemptView, StepView};
use pawl_engine::{EventId, Failure, Outcome, Payload, RunId, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

/// When an answer was made; here nothing is answered from what was read before.
#[derive(Serialize)]
struct Fetched {
    fetched_at: Option<String>,
    cached_until: Option<String>,
}

impl Fetched {
    fn now() -> Self {
        let now = time(clock::now());
        Self { fetched_at: now.clone(), cached_until: now }
    }
}

/// `{"data":…,"metadata":{…}}`.
pub(super) fn data(value: impl Serialize) -> Response {
    #[derive(Serialize)]
    struct Data<T> {
        data: T,
        metadata: Fetched,
    }
    Json(Data { data: value, metadata: Fetched::now() }).into_response()
}

/// A page of a list, each row as `view` shows it.
pub(super) fn page<T, V: Serialize>(page: Page<T>, view: impl Fn(T) -> V) -> Response {
    #[derive(Serialize)]
    struct List<V> {
        data: Vec<V>,
        metadata: Metadata,
    }
    #[derive(Serialize)]
    struct Metadata {
        /// Where the next page begins.
        cursor: Option<String>,
        /// How far back was looked for this one, when it is not full for that.
        looked_back_to: Option<String>,
        #[serde(flatten)]
        fetched: Fetched,
    }
    let fetched = Fetched::now();
    let metadata =
        Metadata { fetched, cursor: page.cursor, looked_back_to: page.looked_back_to.and_then(time) };
    Json(List { data: page.rows.into_iter().map(view).collect(), metadata }).into_response()
}

/// RFC 3339 with milliseconds, in UTC. `null` for a time that no calendar has.
pub fn time(at: Timestamp) -> Option<String> {
    jiff::Timestamp::from_millisecond(at.as_millis()).ok().map(|t| format!("{t:.3}"))
}

/// An event.
#[derive(Serialize)]
pub(super) struct EventView {
    internal_id: String,
    /// The sender's id where there is one, as it is known to the sender.
    id: String,
    name: String,
    data: Payload,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Payload>,
    ts: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<String>,
    source: Option<&'static str>,
    received_at: Option<String>,
    /// Functions that it made no run of, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) skipped: Vec<Value>,
}

impl From<Event> for EventView {
    fn from(e: Event) -> Self {
        let source = e.sender.as_ref().map(|s| s.source);
        Self {
            internal_id: e.id.to_string(),
            id: e.sender.map_or_else(|| e.id.to_string(), |s| s.id),
            name: e.name.to_string(),
            data: e.data,
            user: e.user,
            ts: e.at.as_millis(),
            v: e.version,
            source,
            received_at: time(e.received_at),
            skipped: Vec::new(),
        }
    }
}

/// A run; with its steps when its whole journal is there.
#[derive(Serialize)]
pub(super) struct RunView {
    run_id: String,
    function_id: String,
    /// The deployment that the run is pinned to.
    function_version: String,
    event_id: String,
    event_name: String,
    /// All events of a batch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    event_ids: Vec<EventId>,
    /// The run that invoked this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_run_id: Option<RunId>,
    status: &'static str,
    created_at: Option<String>,
    run_started_at: Option<String>,
    ended_at: Option<String>,
    /// When a sleeping run goes on.
    wake_at: Option<String>,
    output: Option<Payload>,
    error: Option<ErrorView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<Step>>,
}

/// A failure.
#[derive(Serialize)]
struct ErrorView {
    name: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Payload>,
}

impl From<Failure> for ErrorView {
    fn from(f: Failure) -> Self {
        Self { name: f.name, message: f.message, stack: f.stack, data: f.data }
    }
}

#[derive(Serialize)]
struct Step {
    id: String,
    op: &'static str,
    status: &'static str,
    attempts: Vec<Attempt>,
    started_at: Option<String>,
    ended_at: Option<String>,
    wake_at: Option<String>,
    output: Option<Payload>,
    error: Option<ErrorView>,
    /// What it waits for: an event's name, a function, a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoked_run_id: Option<RunId>,
}

#[derive(Serialize)]
struct Attempt {
    number: u32,
    started_at: Option<String>,
    ended_at: Option<String>,
    error: Option<ErrorView>,
}

impl RunView {
    /// With its steps, from a run that has all of its journal.
    pub(super) fn whole(run: RunRow) -> Self {
        let steps = view::steps(&run.journal).into_iter().map(Step::from).collect();
        // while a run is claimed its columns do not know of its start yet
        let started_at = view::started_at(&run.journal).and_then(time);
        Self { steps: Some(steps), run_started_at: started_at, ..Self::listed(run) }
    }

    /// As a line of a list.
    pub(super) fn listed(run: RunRow) -> Self {
        let (output, error) = match view::outcome(&run.journal) {
            Some(Outcome::Completed(output)) => (Some(output.clone()), None),
            Some(Outcome::Failed(failure)) => (None, Some(failure.clone())),
            Some(Outcome::Cancelled(reason)) => (None, Some(Failure::new("Cancelled", reason.clone()))),
            None => (None, view::last_failure(&run.journal).cloned()),
        };
        Self {
            run_id: run.id.to_string(),
            function_id: run.function.to_string(),
            function_version: run.deployment.to_string(),
            event_id: run.event.to_string(),
            event_name: run.event_name,
            event_ids: run.batch,
            parent_run_id: run.parent.map(|parent| parent.run),
            status: run.index.status.as_str(),
            created_at: time(run.created_at),
            run_started_at: run.index.started_at.and_then(time),
            ended_at: run.index.ended_at.and_then(time),
            wake_at: run.index.wake_at.filter(|_| !run.index.status.is_final()).and_then(time),
            output,
            error: error.map(Into::into),
            steps: None,
        }
    }
}

impl From<StepView> for Step {
    fn from(s: StepView) -> Self {
        Self {
            id: s.id.to_string(),
            op: s.op.as_str(),
            status: s.status.as_str(),
            attempts: s.attempts.into_iter().map(Into::into).collect(),
            started_at: time(s.started_at),
            ended_at: s.ended_at.and_then(time),
            wake_at: s.wake_at.and_then(time),
            output: s.output,
            error: s.error.map(Into::into),
            about: s.about,
            invoked_run_id: s.invoked,
        }
    }
}

impl From<AttemptView> for Attempt {
    fn from(a: AttemptView) -> Self {
        Self {
            number: a.number,
            started_at: time(a.started_at),
            ended_at: time(a.ended_at),
            error: a.error.map(Into::into),
        }
    }
}

/// What a function says of itself, as `check` and `/v1/functions` show it.
pub fn manifest(m: &Manifest) -> Value {
    let triggers: Vec<_> = m
        .triggers
        .iter()
        .map(|t| match t {
            Trigger::Event { name, filter: None } => json!({"event": name}),
            Trigger::Event { name, filter } => json!({"event": name, "if": filter}),
            Trigger::Cron { schedule, jitter } if jitter.as_millis() == 0 => json!({"cron": schedule}),
            Trigger::Cron { schedule, jitter } => {
                json!({"cron": schedule, "jitter_ms": jitter.as_millis()})
            }
        })
        .collect();
    json!({
        "id": m.id,
        "name": m.name,
        "app": m.app,
        "triggers": triggers,
        "retries": m.retries,
        "concurrency": m.flow.concurrency.iter().find(|c| c.key.is_none()).map(|c| c.limit),
        "flow": m.flow,
        "step_timeout_ms": m.step_timeout.as_millis(),
        "wishes": {"hosts": m.wishes.hosts, "settings": m.wishes.settings, "secrets": m.wishes.secrets},
    })
}

/// A run that an event did not make.
pub(super) fn skip(skip: &Skip) -> Value {
    json!({"function_id": skip.function, "reason": skip.why.as_str(), "run_id": skip.run, "at": time(skip.at)})
}

/// A function that can be started.
pub(super) fn offer(offer: &Offer, paused_since: Option<Timestamp>) -> Value {
    let mut view = manifest(&offer.manifest);
    view["paused_since"] = json!(paused_since.and_then(time));
    view["deployment"] = json!(offer.deployment);
    view["source"] = json!(offer.source);
    view["not_granted"] = json!(offer.refused);
    view
}

/// A deployment, and where it is what is offered now.
pub(super) fn deployment(deployment: &Deployment, snapshot: &Snapshot) -> Value {
    let sources: Vec<_> =
        snapshot.sources.iter().filter(|s| s.deployment == deployment.id).map(|s| &s.name).collect();
    json!({
        "deployment": deployment.id,
        "size": deployment.size,
        "functions": deployment.manifests.iter().map(|m| &m.id).collect::<Vec<_>>(),
        "deployed_at": time(deployment.at),
        "sources": sources,
    })
}

/// Why a source offers nothing new.
pub(super) fn problem(source: &str, problem: &Problem) -> Value {
    json!({"source": source, "code": problem.code, "error": problem.message})
}
