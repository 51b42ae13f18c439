//! What a function says of itself, in words for a page.

use super::filters::lasting as span;
use pawl_engine::expr::Expr;
use pawl_engine::flow::{Flow, SingletonMode};
use pawl_engine::manifest::Trigger;
use pawl_engine::{Manifest, Timestamp};

/// How many coming ticks of a schedule are shown.
const TICKS: usize = 3;

/// What starts a function.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TriggerView {
    /// `Event` or `Cron`.
    pub(super) kind: &'static str,
    /// The event's name, or the schedule.
    pub(super) what: String,
    /// Only events for which this holds.
    pub(super) filter: Option<String>,
    /// By how much a tick may be late.
    pub(super) jitter: Option<String>,
    /// When a schedule ticks next.
    pub(super) next: Vec<Timestamp>,
}

impl TriggerView {
    /// At this time.
    pub(super) fn of(trigger: &Trigger, now: Timestamp) -> Self {
        match trigger {
            Trigger::Event { name, filter } => Self {
                kind: "Event",
                what: name.clone(),
                filter: filter.as_ref().map(|f| f.source().to_owned()),
                jitter: None,
                next: Vec::new(),
            },
            Trigger::Cron { schedule, jitter } => Self {
                kind: "Cron",
                what: schedule.source().to_owned(),
                filter: None,
                jitter: (jitter.as_millis() > 0).then(|| span(*jitter)),
                next: std::iter::successors(schedule.next_after(now), |at| schedule.next_after(*at))
                    .take(TICKS)
                    .collect(),
            },
        }
    }
}

/// The name that a test event of this function would have: that of its first event, a
/// pattern's with an end of its own.
pub(super) fn test_event(manifest: &Manifest) -> Option<String> {
    manifest.triggers.iter().find_map(|trigger| match trigger {
        Trigger::Event { name, .. } => Some(name.replace('*', "test")),
        Trigger::Cron { .. } => None,
    })
}

/// An option's name and what it comes to.
pub(super) type Words = (&'static str, String);

/// The options that hold for a function.
pub(super) fn options(manifest: &Manifest) -> Vec<Words> {
    let mut options = vec![
        ("Retries", format!("{} after the first try of a step", manifest.retries)),
        ("Step timeout", span(manifest.step_timeout)),
    ];
    options.extend(flow(&manifest.flow));
    options
}

fn for_each(key: Option<&Expr>) -> String {
    key.map_or_else(String::new, |key| format!(" for each {}", key.source()))
}

fn flow(flow: &Flow) -> Vec<Words> {
    let mut words = Vec::new();
    for c in &flow.concurrency {
        let whose = match c.scope {
            pawl_engine::flow::Scope::Function => String::new(),
            scope => format!(", counted over the {}", scope.as_str()),
        };
        words.push(("Concurrency", format!("{} at once{}{whose}", c.limit, for_each(c.key.as_ref()))));
    }
    if let Some(t) = &flow.throttle {
        let burst = if t.burst > 0 { format!(", {} more at once", t.burst) } else { String::new() };
        let each = for_each(t.key.as_ref());
        words.push(("Throttle", format!("{} starts in {}{each}{burst}", t.limit, span(t.period))));
    }
    if let Some(r) = &flow.rate_limit {
        let each = for_each(r.key.as_ref());
        words.push(("Rate limit", format!("{} runs in {}{each}", r.limit, span(r.period))));
    }
    if let Some(d) = &flow.debounce {
        let most = d.timeout.map_or_else(String::new, |t| format!(", {} at most", span(t)));
        let each = for_each(d.key.as_ref());
        words.push(("Debounce", format!("{} after the last event{each}{most}", span(d.period))));
    }
    if let Some(b) = &flow.batch {
        let only = b.filter.as_ref().map_or_else(String::new, |f| format!(", if {}", f.source()));
        let each = for_each(b.key.as_ref());
        words.push(("Batch", format!("{} events or {}{each}{only}", b.max_size, span(b.timeout))));
    }
    if let Some(p) = &flow.priority {
        words.push(("Priority", p.source().to_owned()));
    }
    if let Some(i) = &flow.idempotency {
        words.push(("Idempotency", format!("one run in 24 h for each {}", i.source())));
    }
    words.extend(ends(flow));
    words
}

/// What ends runs, or keeps them from beginning.
fn ends(flow: &Flow) -> Vec<Words> {
    let mut words = Vec::new();
    for c in &flow.cancel_on {
        let only = c.filter.as_ref().map_or_else(String::new, |f| format!(" if {}", f.source()));
        let within = c.timeout.map_or_else(String::new, |t| format!(", within {}", span(t)));
        words.push(("Cancelled on", format!("{}{only}{within}", c.event)));
    }
    if let Some(s) = &flow.singleton {
        let second = match s.mode {
            SingletonMode::Skip => "a second run is skipped",
            SingletonMode::Cancel => "a second run cancels the first",
        };
        words.push(("Singleton", format!("one at a time{}: {second}", for_each(s.key.as_ref()))));
    }
    if let Some(start) = flow.timeouts.start {
        words.push(("Start timeout", format!("cancelled when not started within {}", span(start))));
    }
    if let Some(finish) = flow.timeouts.finish {
        words.push(("Finish timeout", format!("cancelled when not ended {} after its start", span(finish))));
    }
    words
}

/// Which limit a gate holds, and of what: from its id, as the engine's `flow` makes it.
pub(super) fn gate(id: &str) -> (&'static str, String) {
    let (kind, rest) = id.split_once(':').unwrap_or((id, ""));
    let (kind, whose) = match kind {
        "t" => ("Throttle", None),
        "c" => ("Concurrency", None),
        kind => ("Concurrency", kind.strip_prefix("c@")),
    };
    // a function's own gates are called after it
    let key = if whose.is_some() { rest } else { rest.split_once(':').map_or("", |(_, key)| key) };
    let of = match (key, whose) {
        ("", None) => "all of its runs".to_owned(),
        ("", Some("")) => "all functions that share it".to_owned(),
        ("", Some(app)) => format!("functions of {app} that share it"),
        (key, _) => key.replacen(':', " = ", 1),
    };
    (kind, of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pawl_engine::Span;
    use pawl_engine::manifest::{Draft, DraftTrigger};

    fn draft(triggers: Vec<DraftTrigger>) -> Draft {
        Draft { id: "charge".into(), triggers, ..Draft::default() }
    }

    #[test]
    fn a_schedule_is_shown_with_its_next_ticks_and_a_pattern_makes_a_name() {
        let cron = DraftTrigger::Cron { schedule: "@every 1m".into(), jitter: Some(Span::from_secs(5)) };
        let event = DraftTrigger::Event { name: "shop/*".into(), filter: Some("event.data.a > 1".into()) };
        let manifest = draft(vec![cron, event]).parse().expect("valid");
        let views: Vec<_> =
            manifest.triggers.iter().map(|t| TriggerView::of(t, Timestamp::from_millis(1))).collect();
        let ticks: Vec<_> = views[0].next.iter().map(|t| t.as_millis()).collect();
        assert_eq!((views[0].kind, ticks), ("Cron", vec![60_000, 120_000, 180_000]));
        assert_eq!(views[1].filter.as_deref(), Some("event.data.a > 1"));
        assert_eq!(test_event(&manifest).as_deref(), Some("shop/test"));
    }

    #[test]
    fn a_gate_is_called_by_what_it_counts() {
        assert_eq!(gate("c:charge:"), ("Concurrency", "all of its runs".into()));
        assert_eq!(gate("t:charge:event.data.u:7"), ("Throttle", "event.data.u = 7".into()));
        assert_eq!(gate("c@shop:event.data.u:7"), ("Concurrency", "event.data.u = 7".into()));
        assert_eq!(gate("c@:"), ("Concurrency", "all functions that share it".into()));
    }

    #[test]
    fn options_are_said_in_words() {
        let mut draft = draft(Vec::new());
        draft.flow.throttle = Some(pawl_engine::flow::Throttle {
            limit: 2,
            period: Span::from_secs(60),
            burst: 1,
            key: Some("event.data.user".into()),
        });
        let options = options(&draft.parse().expect("valid"));
        let throttle = options.iter().find(|(name, _)| *name == "Throttle").expect("said");
        assert_eq!(throttle.1, "2 starts in 1 min for each event.data.user, 1 more at once");
    }
}
