//! The pages on which people see and steer what the host does: rendered here, from the
//! store, as HTML that works without script; the script makes them live.
//!
//! Each page is a GET whose URL holds all of its state. What changes something is a POST of
//! a form to `/ui/…`, which carries the viewer's token and is answered with the way back.

mod actions;
mod alerts;
mod apps;
mod assets;
mod audit;
mod chart;
mod charts;
mod choice;
mod curl;
mod describe;
mod error;
mod event;
mod events;
mod fields;
mod filters;
mod form;
mod function;
mod functions;
mod json;
mod live;
mod login;
mod memory;
mod moment;
mod period;
mod reveal;
mod run;
mod runs;
mod session;
mod shell;
mod viewer;
mod waterfall;
mod webhooks;

pub use alerts::{AlertRuleView, AlertRules};
pub use apps::{AppLine, AppLines};

use crate::catalog::Catalog;
use crate::config::Mode;
use crate::intake::Intake;
use crate::keys::Keys;
use crate::operator::Operator;
use crate::store::Store;
use axum::Router;
use axum::routing::{get, post};
use memory::Memory;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What pages are made from.
#[derive(Clone)]
pub struct Dashboard {
    mode: Mode,
    store: Arc<dyn Store>,
    catalog: Arc<Catalog>,
    intake: Intake,
    operator: Operator,
    keys: Keys,
    /// Whether Stripe's webhooks can come in.
    has_stripe: bool,
    /// The other endpoints of webhooks.
    endpoints: Arc<[WebhookEndpoint]>,
    /// The rules of alerts, as they stand.
    alerts: AlertRules,
    /// The apps, as they stand.
    apps: AppLines,
    memory: Arc<Memory>,
    /// When open connections are to end.
    end: CancellationToken,
}

/// An endpoint of webhooks, as it is shown.
#[derive(Debug, Clone)]
pub struct WebhookEndpoint {
    /// Its name in the path.
    pub name: String,
    /// Who sends there.
    pub kind: String,
    /// What becomes of a webhook, in a few words.
    pub becomes: String,
    /// Whether it has a secret.
    pub is_open: bool,
}

impl Dashboard {
    /// Pages over what the operator works with.
    pub fn new(mode: Mode, operator: Operator, keys: Keys, has_stripe: bool, end: CancellationToken) -> Self {
        Self {
            mode,
            store: operator.store.clone(),
            catalog: operator.catalog.clone(),
            intake: operator.intake.clone(),
            operator,
            keys,
            has_stripe,
            endpoints: Arc::default(),
            alerts: Arc::new(Vec::new),
            apps: Arc::new(Vec::new),
            memory: Arc::default(),
            end,
        }
    }

    /// With the endpoints of webhooks beside Stripe's.
    pub fn with_endpoints(mut self, endpoints: Arc<[WebhookEndpoint]>) -> Self {
        self.endpoints = endpoints;
        self
    }

    /// With the rules of alerts.
    pub fn with_alerts(mut self, alerts: AlertRules) -> Self {
        self.alerts = alerts;
        self
    }

    /// With the apps.
    pub fn with_apps(mut self, apps: AppLines) -> Self {
        self.apps = apps;
        self
    }
}

/// All pages.
pub fn router(dashboard: Dashboard) -> Router {
    Router::new()
        .route("/", get(runs::list))
        .route("/runs", get(runs::list))
        .route("/runs/{id}", get(run::show))
        .route("/functions", get(functions::list))
        .route("/functions/{id}", get(function::show))
        .route("/events", get(events::list))
        .route("/events/new", get(event::compose))
        .route("/events/{id}", get(event::show))
        .route("/webhooks", get(webhooks::list))
        .route("/charts", get(charts::show))
        .route("/alerts", get(alerts::show))
        .route("/audit", get(audit::list))
        .route("/live", get(live::listen))
        .route("/ui/runs/{id}/cancel", post(actions::cancel))
        .route("/ui/runs/{id}/rerun", post(actions::rerun))
        .route("/ui/runs/{id}/pause", post(actions::pause))
        .route("/ui/runs/{id}/resume", post(actions::resume))
        .route("/ui/runs/{id}/move", post(actions::move_run))
        .route("/ui/functions/{id}/pause", post(function::pause))
        .route("/ui/functions/{id}/resume", post(function::resume))
        .route("/ui/functions/{id}/test", post(function::test))
        .route("/ui/events/send", post(event::send))
        .route("/ui/events/{id}/resend", post(event::resend))
        .route("/ui/reveal", post(reveal::reveal))
        .route("/ui/conceal", post(reveal::conceal))
        .route("/login", get(login::form).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route_layer(axum::middleware::map_response(shell::guard))
        .route("/assets/pawl.css", get(assets::css))
        .route("/assets/pawl.js", get(assets::js))
        .route("/assets/theme.js", get(assets::theme))
        .with_state(dashboard)
}
