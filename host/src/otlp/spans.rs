//! A run that has ended as the spans of a trace: one for the run, under it one for its time
//! in the queue and one for each step, under those one for each try. Outputs and data of
//! events are never part of it, and texts of failures lose the e-mail addresses in them.

use crate::mask;
use crate::store::RunRow;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use pawl_engine::trace::{RunTrace, SpanId, TraceParent};
use pawl_engine::view::{self, AttemptView, StepStatus, StepView};
use pawl_engine::{Entry, Failure, Kind, Outcome, Timestamp};

/// The spans of a run, whose events came with these traces. None: its trace is not kept.
pub(super) fn of(run: &RunRow, traces: &[Option<TraceParent>]) -> Vec<Span> {
    let trace = RunTrace::of(&run.id, traces.first().copied().flatten());
    let (true, Some(ended_at)) = (trace.is_sampled, run.index.ended_at) else { return Vec::new() };
    let steps = view::steps(&run.journal);
    let started_at = run.index.started_at.unwrap_or(ended_at);
    let mut spans = vec![root(run, &trace, traces, ended_at, steps.len())];
    let queue = named(&trace, trace.queue(), "queue", (run.created_at, started_at));
    spans.push(under(trace.root(), queue));
    for step in &steps {
        spans.push(of_step(&trace, step, ended_at));
        spans.extend(step.attempts.iter().map(|attempt| of_attempt(&trace, step, attempt)));
    }
    spans
}

fn root(
    run: &RunRow,
    trace: &RunTrace,
    traces: &[Option<TraceParent>],
    ended_at: Timestamp,
    steps: usize,
) -> Span {
    let mut span = named(trace, trace.root(), run.function.as_str(), (run.created_at, ended_at));
    span.kind = SpanKind::Consumer.into();
    span.parent_span_id = trace.parent.map(|parent| parent.to_bytes().to_vec()).unwrap_or_default();
    // the events of a batch may come from as many traces
    let others = traces.iter().skip(1).flatten();
    span.links = others
        .map(|other| Link {
            trace_id: other.trace.to_bytes().to_vec(),
            span_id: other.span.to_bytes().to_vec(),
            ..Link::default()
        })
        .collect();
    span.attributes = vec![
        text("pawl.run.id", run.id.as_str()),
        text("pawl.run.status", run.index.status.as_str()),
        number("pawl.run.steps", steps),
        text("pawl.function.id", run.function.as_str()),
        text("pawl.deployment.id", run.deployment.as_str()),
        text("pawl.event.id", run.event.as_str()),
        text("pawl.event.name", &run.event_name),
    ];
    for entry in &run.journal {
        if let Entry::TryFailed { at, failure, .. } = entry {
            span.events.push(exception(*at, failure));
        }
    }
    match view::outcome(&run.journal) {
        Some(Outcome::Failed(failure)) => {
            span.events.push(exception(ended_at, failure));
            span.status = Some(broken(failure));
        }
        Some(Outcome::Completed(_)) => span.status = Some(fine()),
        Some(Outcome::Cancelled(why)) => span.attributes.push(text("pawl.run.cancelled", &mask::text(why))),
        None => {}
    }
    span
}

fn of_step(trace: &RunTrace, step: &StepView, run_ended_at: Timestamp) -> Span {
    let times = (step.started_at, step.ended_at.unwrap_or(run_ended_at));
    let name = name_of(step);
    let mut span = under(trace.root(), named(trace, trace.step(&step.id), &name, times));
    span.kind = match step.op {
        Kind::Send | Kind::Invoke => SpanKind::Producer,
        Kind::Run | Kind::Sleep | Kind::Wait | Kind::Fetch => SpanKind::Internal,
    }
    .into();
    span.attributes = vec![
        text("pawl.step.id", &name),
        text("pawl.step.kind", step.op.as_str()),
        text("pawl.step.status", step.status.as_str()),
        number("pawl.step.attempts", step.attempts.len()),
    ];
    // the run needs no instance and does nothing for as long as that takes
    let waits = matches!(step.op, Kind::Sleep | Kind::Wait | Kind::Invoke);
    span.attributes.push(attribute("pawl.step.waits", Value::BoolValue(waits)));
    span.attributes.extend(step.about.as_ref().map(|about| text("pawl.step.about", &mask::text(about))));
    span.attributes.extend(step.invoked.as_ref().map(|run| text("pawl.step.invoked", run.as_str())));
    span.status = match (&step.status, &step.error) {
        (StepStatus::Failed, Some(failure)) => Some(broken(failure)),
        (StepStatus::Completed, _) => Some(fine()),
        _ => None,
    };
    span
}

fn name_of(step: &StepView) -> String {
    mask::text(&step.id.to_string()).into_owned()
}

fn of_attempt(trace: &RunTrace, step: &StepView, attempt: &AttemptView) -> Span {
    let name = format!("{} #{}", name_of(step), attempt.number + 1);
    let times = (attempt.started_at, attempt.ended_at);
    let id = trace.attempt(&step.id, attempt.number);
    let mut span = under(trace.step(&step.id), named(trace, id, &name, times));
    if step.op == Kind::Fetch {
        span.kind = SpanKind::Client.into();
    }
    span.attributes =
        vec![text("pawl.step.id", &name_of(step)), number("pawl.attempt.number", attempt.number + 1)];
    match &attempt.error {
        Some(failure) => {
            span.events.push(exception(attempt.ended_at, failure));
            span.status = Some(broken(failure));
        }
        None => span.status = Some(fine()),
    }
    span
}

fn named(trace: &RunTrace, id: SpanId, name: &str, (from, to): (Timestamp, Timestamp)) -> Span {
    Span {
        trace_id: trace.trace.to_bytes().to_vec(),
        span_id: id.to_bytes().to_vec(),
        // sampled, as the header's flag
        flags: 1,
        name: name.to_owned(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: nanos(from),
        // a clock that was set back makes no span of negative length
        end_time_unix_nano: nanos(to.max(from)),
        ..Span::default()
    }
}

fn under(parent: SpanId, span: Span) -> Span {
    Span { parent_span_id: parent.to_bytes().to_vec(), ..span }
}

fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(0).saturating_mul(1_000_000)
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

pub(super) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn number<T: TryInto<i64>>(key: &str, n: T) -> KeyValue {
    attribute(key, Value::IntValue(n.try_into().unwrap_or(i64::MAX)))
}

fn fine() -> Status {
    Status { code: StatusCode::Ok.into(), ..Status::default() }
}

fn broken(failure: &Failure) -> Status {
    let message = mask::text(&format!("{}: {}", failure.name, failure.message)).into_owned();
    Status { code: StatusCode::Error.into(), message }
}

/// As OpenTelemetry has it: <https://opentelemetry.io/docs/specs/semconv/exceptions/>.
fn exception(at: Timestamp, failure: &Failure) -> Event {
    let mut attributes = vec![
        text("exception.type", &mask::text(&failure.name)),
        text("exception.message", &mask::text(&failure.message)),
    ];
    attributes.extend(failure.stack.as_ref().map(|stack| text("exception.stacktrace", &mask::text(stack))));
    Event { time_unix_nano: nanos(at), name: "exception".into(), attributes, ..Event::default() }
}
