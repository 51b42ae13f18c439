//! The functions that there are, and those that could not be deployed.

use super::chart::Spark;
use super::describe::TriggerView;
use super::error::PageError;
use super::filters;
use super::period::{Axis, Tallies, Tally};
use super::shell::{Nav, Shell, page};
use super::viewer::Viewer;
use super::{AppLine, Dashboard};
use crate::catalog::Offer;
use crate::clock;
use crate::store::records::{By, Depth, RunCount};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use pawl_engine::{DeploymentId, FunctionId, Span, Timestamp};
use std::collections::HashMap;

#[derive(Template)]
#[template(path = "functions.html")]
struct FunctionsPage {
    shell: Shell,
    functions: Vec<Row>,
    apps: Vec<AppLine>,
    problems: Vec<Problem>,
}

struct Row {
    id: String,
    name: String,
    triggers: Vec<TriggerView>,
    deployment: DeploymentId,
    source: String,
    not_granted: usize,
    paused: Option<Timestamp>,
    success: String,
    failed: u64,
    p95: Option<Span>,
    made: u64,
    spark: Spark,
    ready: u64,
    running: u64,
}

struct Problem {
    source: String,
    code: &'static str,
    message: String,
}

/// `GET /functions`.
pub(super) async fn list(State(dashboard): State<Dashboard>, viewer: Viewer) -> Result<Response, PageError> {
    let now = clock::now();
    let axis = Axis::day_by_hours(now);
    let records = dashboard.store.records();
    let counts = records.run_counts(axis.period(), None, By::Function).await?;
    let depths = records.depths(now).await?;
    let paused: HashMap<_, _> = dashboard.store.paused().await?.into_iter().collect();
    let counts = by_function(&counts);
    let snapshot = dashboard.catalog.snapshot();
    let row = |offer: &Offer| {
        let id = &offer.manifest.id;
        let counts = counts.get(id).map(Vec::as_slice).unwrap_or_default();
        let depth = depths.iter().find(|d| d.function == *id);
        Row { paused: paused.get(id).copied(), ..Row::new(offer, &axis, counts, depth, now) }
    };
    let functions = snapshot.functions.values().map(row).collect();
    let problems = snapshot.problems.iter().map(|(source, problem)| Problem {
        source: source.clone(),
        code: problem.code,
        message: problem.message.clone(),
    });
    let problems = problems.collect();
    let apps = (dashboard.apps)();
    page(&FunctionsPage { shell: dashboard.shell(&viewer, Nav::Functions), functions, apps, problems })
}

/// The counts of each function.
pub(super) fn by_function(counts: &[RunCount]) -> HashMap<FunctionId, Vec<&RunCount>> {
    let mut sorted: HashMap<_, Vec<_>> = HashMap::new();
    for count in counts {
        if let Some(function) = &count.function {
            sorted.entry(function.clone()).or_default().push(count);
        }
    }
    sorted
}

impl Row {
    fn new(offer: &Offer, axis: &Axis, counts: &[&RunCount], depth: Option<&Depth>, now: Timestamp) -> Self {
        let tally = Tally::of(counts.iter().copied());
        Self {
            id: offer.manifest.id.to_string(),
            name: offer.manifest.name.clone(),
            triggers: offer.manifest.triggers.iter().map(|t| TriggerView::of(t, now)).collect(),
            deployment: offer.deployment.clone(),
            source: offer.source.clone(),
            not_granted: offer.refused.len(),
            paused: None,
            success: tally.success_words(),
            failed: tally.failed,
            p95: tally.took(0.95),
            made: tally.made,
            spark: Tallies::of(axis, counts.iter().copied()).spark(),
            ready: depth.map_or(0, |d| d.ready),
            running: depth.map_or(0, |d| d.running),
        }
    }
}
