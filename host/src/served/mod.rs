//! Our functions as an app of an Inngest server: it keeps the journal, and calls; each call is
//! one pass through the function, by the same sandbox as every other run.

mod server;
mod way;

use crate::catalog::{Catalog, Offer};
use crate::config::{Inngest, Mode};
use crate::inngest::register::{App, Setup};
use crate::inngest::wire::{BadCall, Call};
use crate::inngest::wire_ops::{self, Op};
use crate::keys::Keys;
use crate::runtime::{Ending, Input, Runtime, Stop};
use crate::secret::Secret;
use crate::store::Store;
use crate::telemetry::one_line;
use pawl_engine::trace::TraceParent;
use pawl_engine::{Failure, FunctionId, Manifest, Payload, Retry, Span, Timestamp};
use serde_json::{Value, json};
use server::Server;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use way::{About, Said, Way};

/// How long a call waits for room. A server calls again.
const ROOM: Duration = Duration::from_secs(30);

/// The step that a server names when it wants whichever comes next.
const NEXT: &str = "step";

/// Our functions, served.
#[derive(Clone)]
pub struct Served(Arc<Host>);

/// What a pass needs.
struct Host {
    mode: Mode,
    settings: Inngest,
    keys: Keys,
    store: Arc<dyn Store>,
    catalog: Arc<Catalog>,
    runtime: Arc<Runtime>,
    room: Arc<Semaphore>,
    server: Server,
}

/// What [`Served`] is made of.
pub struct Parts {
    /// Whether requests have to be signed.
    pub mode: Mode,
    /// The app and its server.
    pub settings: Inngest,
    /// Keys of requests and of events.
    pub keys: Keys,
    /// For buckets alone.
    pub store: Arc<dyn Store>,
    /// The functions.
    pub catalog: Arc<Catalog>,
    /// Where they run.
    pub runtime: Arc<Runtime>,
    /// Room for instances, shared with the worker.
    pub room: Arc<Semaphore>,
}

/// An answer to a call.
#[derive(Debug)]
pub struct Answer {
    /// What it is.
    pub kind: Kind,
    /// JSON.
    pub body: String,
    /// Not before this has passed.
    pub retry_after: Option<Span>,
}

/// What an answer is; HTTP has a status for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The function has returned.
    Returned,
    /// Steps.
    Steps,
    /// A step failed.
    StepFailed {
        /// it may be tried again
        again: bool,
    },
    /// The function failed.
    Failed {
        /// it may be tried again
        again: bool,
    },
    /// The wanted step or function is not there.
    Missing,
}

/// Why a call could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is not one.
    #[error(transparent)]
    Call(#[from] BadCall),
    /// There is no room.
    #[error("all slots for instances are taken")]
    Busy,
    /// What belongs to the run could not be had.
    #[error("{0}")]
    State(String),
}

impl Host {
    /// A function's id for the server. One that is not ours is one already.
    fn wire_id(&self, function: &str) -> String {
        match self.catalog.snapshot().functions.get(&FunctionId::new(function)).is_some_and(is_ours) {
            true => App { id: &self.settings.app, url: "" }.wire_id(function),
            false => function.to_owned(),
        }
    }
}

impl Served {
    /// The functions of these parts, served.
    pub fn new(parts: Parts) -> anyhow::Result<Self> {
        let Parts { mode, settings, keys, store, catalog, runtime, room } = parts;
        let server = Server::new(&settings, keys.clone())?;
        Ok(Self(Arc::new(Host { mode, settings, keys, store, catalog, runtime, room, server })))
    }

    /// How the app is reached and named.
    pub fn settings(&self) -> &Inngest {
        &self.0.settings
    }

    /// What `GET` answers.
    pub fn introspection(&self, url: &str, is_signed: bool) -> Value {
        let functions = self.manifests().len();
        self.app(url).introspection(self.setup(&self.0.keys.signing()), functions, is_signed)
    }

    /// What a server that asks for the functions gets.
    pub fn in_band(&self, url: &str) -> Value {
        self.app(url).in_band(self.setup(&self.0.keys.signing()), &self.manifests())
    }

    /// Registers the functions with the server; whether that has changed anything there.
    pub async fn register(
        &self,
        url: &str,
        deploy_id: Option<&str>,
        expected: Option<&str>,
    ) -> Result<bool, String> {
        let body = self.app(url).registration(&self.manifests());
        let done = self.0.server.register(&body, deploy_id, expected).await;
        match &done {
            Ok(modified) => tracing::info!(url, modified, "functions are registered with the Inngest server"),
            Err(why) => tracing::warn!(url, "functions are not registered: {}", one_line(why)),
        }
        done
    }

    /// Goes through the function once.
    pub async fn call(
        &self,
        function: &str,
        step: Option<&str>,
        body: &[u8],
        trace: Option<TraceParent>,
    ) -> Result<Answer, Refused> {
        let mut call = Call::parse(body)?;
        let room = tokio::time::timeout(ROOM, self.0.room.clone().acquire_owned()).await;
        let Ok(Ok(_slot)) = room else { return Err(Refused::Busy) };
        if call.use_api {
            let state = self.0.server.state(&call.run).await;
            let (batch, actions) = state.map_err(Refused::State)?;
            call.fill(&batch, &actions)?;
        }
        if let (Some(first), Some(_)) = (call.events.first_mut(), &trace) {
            first.trace = trace;
        }
        let own = self.app("").own(function).map(FunctionId::new);
        let snapshot = self.0.catalog.snapshot();
        let Some(offer) = own.and_then(|id| snapshot.functions.get(&id)).filter(|offer| is_ours(offer))
        else {
            return Ok(not_there(&format!(
                "Function not found: {function}: this host offers none with this id; put its .wasm into the \
                 functions folder, or sync the app again so that the server forgets it"
            )));
        };
        let plugin = match self.0.catalog.plugin(&offer.deployment).await {
            Ok(plugin) => plugin,
            Err(e) => return Ok(failed(&Failure::new("DeploymentUnavailable", e.to_string()))),
        };
        let (input, way) = self.way(&offer.manifest, step.filter(|step| *step != NEXT), call);
        let grant = self.0.catalog.grant(&offer.manifest);
        let ending = self.0.runtime.pass(&plugin, &input, grant, Box::new(way.clone())).await;
        Ok(answer(&input, &way, ending, step))
    }

    fn way(&self, manifest: &Manifest, target: Option<&str>, call: Call) -> (Input, Way) {
        // theirs tell when they were made
        let made_at =
            ulid::Ulid::from_string(&call.run).ok().and_then(|id| i64::try_from(id.timestamp_ms()).ok());
        let first_at = call.events.first().map(|event| event.at);
        let started_at =
            made_at.map(Timestamp::from_millis).or(first_at).unwrap_or(Timestamp::from_millis(0));
        let input = Input {
            function: manifest.id.to_string(),
            run: call.run.clone(),
            attempt: call.attempt,
            events: Arc::new(call.events),
            now: started_at,
        };
        let way = Way::new(About {
            host: self.0.clone(),
            function: manifest.id.clone(),
            manifest: manifest.clone(),
            grant: self.0.catalog.grant(manifest),
            run: call.run,
            started_at,
            attempt: call.attempt,
            max: call.max_attempts.unwrap_or(manifest.retries + 1),
            plans_only: call.plans_only,
            target: target.map(ToOwned::to_owned),
            memory: call.memory,
        });
        (input, way)
    }

    fn app<'a>(&'a self, url: &'a str) -> App<'a> {
        App { id: &self.0.settings.app, url }
    }

    fn setup<'a>(&'a self, signing_keys: &'a [Secret]) -> Setup<'a> {
        let settings = &self.0.settings;
        Setup {
            is_dev: self.0.mode == Mode::Dev,
            event_key: self.0.keys.to_send_events(),
            signing_keys,
            api: &settings.api,
            events: &settings.events,
            serve_origin: settings.serve_origin.as_deref(),
            serve_path: &settings.serve_path,
        }
    }

    fn manifests(&self) -> Vec<Manifest> {
        let snapshot = self.0.catalog.snapshot();
        snapshot.functions.values().filter(|o| is_ours(o)).map(|offer| offer.manifest.clone()).collect()
    }
}

/// Whether its code is here, and not in an app that this host drives.
fn is_ours(offer: &Offer) -> bool {
    !offer.source.starts_with("app:")
}

fn answer(input: &Input, way: &Way, ending: Ending, step: Option<&str>) -> Answer {
    let wanted = step.filter(|step| *step != NEXT);
    match (way.said(), ending) {
        (Some(said), _) => of_steps(said, wanted),
        (None, Ending::Broke(failure)) => match way.broke(failure) {
            Ok(said) => of_steps(said, wanted),
            Err(failure) => of_function(input, Err(failure)),
        },
        (None, Ending::Returned(_)) if wanted.is_some() => of_steps(Said::Missing(Vec::new()), wanted),
        (None, Ending::Returned(result)) => of_function(input, result),
        (None, Ending::Left(Stop::Failed(failure) | Stop::Diverged(failure))) => {
            of_function(input, Err(failure.for_good()))
        }
        (None, Ending::Left(stop @ (Stop::Parked | Stop::Fenced | Stop::Unrecorded(_)))) => {
            of_function(input, Err(Failure::new("Internal", stop.to_string())))
        }
    }
}

fn of_function(input: &Input, result: Result<Payload, Failure>) -> Answer {
    let (run, function) = (&input.run, &input.function);
    match result {
        Ok(output) => {
            tracing::info!(run, function, "served run completed");
            Answer { kind: Kind::Returned, body: output.into_string(), retry_after: None }
        }
        Err(failure) => {
            let failure = failure.bounded();
            let message = one_line(&failure.message);
            tracing::warn!(run, function, name = failure.name, "served run failed: {message}");
            failed(&failure)
        }
    }
}

fn of_steps(said: Said, wanted: Option<&str>) -> Answer {
    match said {
        Said::Steps(ops) => Answer { kind: Kind::Steps, body: text(&ops), retry_after: None },
        Said::Failed(op, failure, is_final) => Answer {
            kind: Kind::StepFailed { again: !is_final },
            body: text(&[*op]),
            retry_after: retry_after(&failure).filter(|_| !is_final),
        },
        Said::Missing(ops) => {
            let wanted: String = wanted.unwrap_or_default().chars().take(100).collect();
            let found: Vec<_> = ops.iter().map(Op::found).collect();
            let names: Vec<_> = found.iter().filter_map(|op| op["displayName"].as_str()).collect();
            let error = format!(
                "Could not find step \"{wanted}\" to run; the function comes to other steps than before. \
                 Found new steps: {}",
                names.join(", ")
            );
            let body = json!({
                "error": error, "requestedStep": wanted, "foundSteps": found, "totalFoundSteps": found.len(),
            });
            Answer { kind: Kind::Missing, body: body.to_string(), retry_after: None }
        }
    }
}

fn text(ops: &[Op]) -> String {
    // strings, numbers and JSON texts: nothing that could fail
    serde_json::to_string(ops).unwrap_or_else(|_| "[]".into())
}

fn failed(failure: &Failure) -> Answer {
    Answer {
        kind: Kind::Failed { again: failure.retry != Retry::Never },
        body: wire_ops::error(failure).to_string(),
        retry_after: retry_after(failure),
    }
}

fn not_there(message: &str) -> Answer {
    let failure = Failure::new("Error", message);
    let mut body = wire_ops::error(&failure);
    body["type"] = "internal".into();
    body["code"] = "function_not_found".into();
    Answer { kind: Kind::Missing, body: body.to_string(), retry_after: None }
}

fn retry_after(failure: &Failure) -> Option<Span> {
    match failure.retry {
        Retry::After(span) => Some(span),
        Retry::ByPolicy | Retry::Never => None,
    }
}
