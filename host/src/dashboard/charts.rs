//! What is measured, over time.

use super::Dashboard;
use super::chart::{Chart, Series, Unit};
use super::choice::Choice;
use super::error::PageError;
use super::filters;
use super::functions::by_function;
use super::period::{Axis, PeriodLink, Range, Tallies, Tally, links};
use super::shell::{Nav, Shell, page};
use super::viewer::Viewer;
use super::webhooks;
use crate::clock;
use crate::store::records::{BacklogPoint, By, EventCount, RunCount};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use pawl_engine::{FunctionId, Span};
use std::collections::HashMap;

/// Names of events that have a colour of their own; the others share one.
const NAMES: usize = 4;

/// Functions of the table.
const TOP: usize = 20;

#[derive(Template)]
#[template(path = "charts.html")]
struct ChartsPage {
    shell: Shell,
    period: &'static str,
    periods: Vec<PeriodLink>,
    functions: Vec<Choice>,
    success: String,
    success_hint: String,
    p95: String,
    took_hint: String,
    ended: String,
    ended_hint: String,
    events: String,
    events_hint: String,
    charts: Vec<Chart>,
    top: Vec<Top>,
}

struct Top {
    id: String,
    ended: u64,
    failed: u64,
    success: String,
    p50: Option<Span>,
    p95: Option<Span>,
    p99: Option<Span>,
}

/// `GET /charts`.
pub(super) async fn show(State(dashboard): State<Dashboard>, viewer: Viewer) -> Result<Response, PageError> {
    let range = Range::parse(viewer.query.get("period"));
    let axis = range.axis(clock::now());
    let function = viewer.query.get("function").map(FunctionId::new);
    let records = dashboard.store.records();
    let counts = records.run_counts(axis.period(), function.as_ref(), By::Function).await?;
    let events = records.event_counts(axis.period()).await?;
    let backlog = records.backlog(axis.period(), function.as_ref()).await?;
    let deliveries = records.delivery_counts(axis.period()).await?;
    let (tally, tallies) = (Tally::of(&counts), Tallies::of(&axis, &counts));
    let snapshot = dashboard.catalog.snapshot();
    let known = snapshot.functions.keys().map(FunctionId::as_str);
    // one that is gone may still have runs to look at
    let gone = function.as_ref().map(FunctionId::as_str).filter(|f| !known.clone().any(|k| k == *f));
    let functions = known.chain(gone).map(|id| (id, id));
    let n_events: u64 = events.iter().map(|c| c.n).sum();
    let mut charts = vec![
        Chart::bars("Runs that ended", &axis, tallies.ended()),
        Chart::lines("Success rate", &axis, Unit::Share, tallies.success()),
        Chart::lines("Duration", &axis, Unit::Time, tallies.took()),
        Chart::bars("Runs that were made", &axis, tallies.made()),
        Chart::bars("Events", &axis, by_name(&axis, &events)),
    ];
    charts.push(webhooks::chart("Webhooks", &axis, &deliveries));
    charts.extend(waiting(&axis, &backlog));
    page(&ChartsPage {
        shell: dashboard.shell(&viewer, Nav::Metrics),
        period: range.as_str(),
        periods: links(&viewer.query, range),
        functions: Choice::all(functions, function.as_ref().map(FunctionId::as_str)),
        success: tally.success_words(),
        success_hint: tally.success_hint(),
        p95: tally.took_words(0.95),
        took_hint: tally.took_hint(),
        ended: filters::thousands(tally.ended()),
        ended_hint: format!("{} made", filters::thousands(tally.made)),
        events: filters::thousands(n_events),
        events_hint: if function.is_some() { "of all functions".into() } else { String::new() },
        charts,
        top: top(&counts),
    })
}

/// The most frequent names by themselves, and all others together.
fn by_name(axis: &Axis, counts: &[EventCount]) -> Vec<Series> {
    const CLASSES: [&str; NAMES] = ["bar-1", "bar-2", "bar-3", "bar-4"];
    let mut sums: HashMap<&str, u64> = HashMap::new();
    counts.iter().for_each(|c| *sums.entry(&c.name).or_default() += c.n);
    let mut names: Vec<_> = sums.into_iter().collect();
    names.sort_by_key(|(name, n)| (std::cmp::Reverse(*n), *name));
    let names: Vec<_> = names.into_iter().map(|(name, _)| name).take(NAMES).collect();
    let series = names.iter().zip(CLASSES).map(|(name, class)| {
        let own = counts.iter().filter(|c| c.name == *name).map(|c| (c.at, c.n));
        Series::counts((*name).to_owned(), class, &axis.sums(own))
    });
    let mut series: Vec<_> = series.collect();
    let others = counts.iter().filter(|c| !names.contains(&c.name.as_str())).map(|c| (c.at, c.n));
    let others = axis.sums(others);
    if series.is_empty() || others.iter().any(|n| *n > 0) {
        series.push(Series::counts(
            if series.is_empty() { "Events" } else { "Others" },
            "bar-others",
            &others,
        ));
    }
    series
}

/// How many runs waited for their turn, over all functions, and for how long.
fn waiting(axis: &Axis, backlog: &[BacklogPoint]) -> [Chart; 2] {
    let ready = axis.sums(backlog.iter().map(|p| (p.at, p.ready)));
    let age = axis.highest(backlog.iter().map(|p| (p.at, p.age.as_millis())));
    let line = |values: &[u64]| vec![Series::line("At most", values)];
    [
        Chart::lines("Runs that waited for their turn", axis, Unit::Count, line(&ready)),
        Chart::lines("How long the oldest had waited", axis, Unit::Time, line(&age)),
    ]
}

/// The functions with the most runs.
fn top(counts: &[RunCount]) -> Vec<Top> {
    let functions = by_function(counts).into_iter().map(|(id, counts)| (id, Tally::of(counts)));
    let mut functions: Vec<_> = functions.collect();
    functions.sort_by_key(|(id, tally)| (std::cmp::Reverse(tally.ended()), id.clone()));
    functions.truncate(TOP);
    let top = functions.into_iter().map(|(id, tally)| Top {
        id: id.to_string(),
        ended: tally.ended(),
        failed: tally.failed,
        success: tally.success_words(),
        p50: tally.took(0.5),
        p95: tally.took(0.95),
        p99: tally.took(0.99),
    });
    top.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pawl_engine::Timestamp;

    #[test]
    fn few_names_have_a_colour_and_no_event_is_left_out() {
        let axis = Range::Hour.axis(Timestamp::from_millis(1_800_000_000_000));
        let count = |name: &str, n| EventCount { at: axis.from, name: name.into(), n };
        let counts = ["f", "e", "d", "c", "b", "a"].map(|name| count(name, if name == "f" { 9 } else { 1 }));
        let series = by_name(&axis, &counts);
        let names: Vec<_> = series.iter().map(|s| &*s.name).collect();
        assert_eq!(names, ["f", "a", "b", "c", "Others"]);
        let all: f64 = series.iter().flat_map(|s| &s.values).filter_map(|v| *v).sum();
        assert_eq!(all as u64, counts.iter().map(|c| c.n).sum::<u64>());
        assert_eq!(by_name(&axis, &[]).len(), 1);
    }
}
