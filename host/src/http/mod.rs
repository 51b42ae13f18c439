//! The host over HTTP. Handlers are thin: they read a request, call [`Intake`], the
//! store's reads or the catalog, and shape the answer. No other file than `error`
//! knows a status of a refusal, and nothing here knows the worker.

mod actions;
mod alerts;
mod api;
mod apps;
mod auth;
mod body;
mod door;
mod error;
mod events;
mod id;
mod inngest;
mod logs;
mod metrics;
mod server;
mod views;
mod webhooks;

pub use door::Door;
pub use server::Server;
pub use views::{manifest as manifest_view, time};

use crate::alert::Rules;
use crate::apps::Apps;
use crate::catalog::Catalog;
use crate::config::Mode;
use crate::dashboard::{self, Dashboard};
use crate::ingress::endpoint::Endpoint;
use crate::intake::Intake;
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::operator::Operator;
use crate::remote::Live;
use crate::secret::Secret;
use crate::served::Served;
use crate::store::Store;
use axum::routing::{any, get, post};
use axum::{Extension, Router};
use error::ApiError;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What requests work with.
#[derive(Clone)]
pub struct Http {
    /// How the host is meant to be used.
    pub mode: Mode,
    /// For reads.
    pub store: Arc<dyn Store>,
    /// What people are told of.
    pub alerts: Rules,
    /// Apps of Inngest's SDKs.
    pub apps: Apps,
    /// The functions.
    pub catalog: Arc<Catalog>,
    /// The way in.
    pub intake: Intake,
    /// For what operators do.
    pub operator: Operator,
    /// Keys of the event API and of operators.
    pub keys: Keys,
    /// The functions as an app of an Inngest server.
    pub served: Served,
    /// Everything that is counted.
    pub metrics: Arc<Metrics>,
    /// Keys for `/metrics` alone.
    pub metrics_tokens: Arc<[Secret]>,
    /// Secrets of Stripe's endpoint.
    pub stripe_secrets: Arc<[Secret]>,
    /// The other endpoints of webhooks.
    pub webhooks: Arc<[Endpoint]>,
    /// Where webhooks are noted.
    pub door: Door,
    /// When `/readyz` last said yes.
    pub last_ready: Arc<tokio::sync::Mutex<Option<std::time::Instant>>>,
    /// Passes that are under way in apps.
    pub live: Live,
    /// When connections that stay open are to end.
    pub end: CancellationToken,
}

/// Everything that is served.
pub fn router(http: Http) -> Router {
    let dashboard = Dashboard::new(
        http.mode,
        http.operator.clone(),
        http.keys.clone(),
        !http.stripe_secrets.is_empty(),
        http.end.clone(),
    )
    .with_endpoints(http.webhooks.iter().map(webhooks::shown).collect())
    .with_alerts(alerts::shown(http.alerts.clone()))
    .with_apps(apps::shown(http.apps.clone()));
    let mut pages = dashboard::router(dashboard.clone());
    if http.mode == Mode::Dev {
        pages = pages.route_layer(axum::middleware::from_fn(auth::developer));
    }
    let mut operators = Router::new()
        .route("/v1/events", get(api::events))
        .route("/v1/events/{id}", get(api::event))
        .route("/v1/events/{id}/runs", get(api::event_runs))
        .route("/v1/runs", get(api::runs))
        .route("/v1/runs/{id}", get(api::run).delete(actions::cancel))
        .route("/v1/runs/{id}/logs", get(logs::lines))
        .route("/v1/runs/{id}/rerun", post(actions::rerun))
        .route("/v1/runs/{id}/pause", post(actions::pause))
        .route("/v1/runs/{id}/resume", post(actions::resume))
        .route("/v1/runs/{id}/move", post(actions::move_run))
        .route("/v1/alerts", get(alerts::rules))
        .route("/v1/alerts/history", get(alerts::history))
        .route("/v1/alerts/test", post(alerts::test))
        .route("/v1/cancellations", post(actions::cancel_many))
        .route("/v1/replays", post(actions::replay_many))
        .route("/v1/apps", get(apps::list))
        .route("/v1/functions", get(api::functions))
        .route("/v1/functions/{id}/pause", post(actions::pause_function))
        .route("/v1/functions/{id}/resume", post(actions::resume_function))
        .route("/v1/deployments", get(api::deployments).put(actions::deploy));
    if http.mode == Mode::Dev {
        operators = operators.route("/api/inngest/test", post(events::test));
    }
    let operators = operators
        .method_not_allowed_fallback(async || ApiError::Method)
        .route_layer(axum::middleware::from_fn_with_state((http.clone(), dashboard), auth::operator));
    let apps = Router::new()
        .route("/fn/register", post(apps::register))
        .route("/v0/runs/{id}/batch", get(apps::batch))
        .route("/v0/runs/{id}/actions", get(apps::actions))
        .route("/v1/checkpoint/{id}/async", post(apps::checkpoint))
        .route("/v1/signals", post(apps::signal))
        .method_not_allowed_fallback(async || ApiError::Method)
        .route_layer(axum::middleware::from_fn_with_state(http.clone(), apps::app));
    Router::new()
        .route("/api/stripe/webhook", post(webhooks::stripe))
        .route("/api/inngest", any(inngest::serve).layer(Extension(inngest::Gate::new())))
        .route("/api/webhooks/{name}", post(webhooks::endpoint))
        .route("/e/{key}", post(events::accept))
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(api::ready))
        .route("/metrics", get(metrics::show))
        .method_not_allowed_fallback(async || ApiError::Method)
        .merge(operators)
        .merge(apps)
        .fallback(async || ApiError::NoPath)
        .with_state(http)
        .merge(pages)
}
