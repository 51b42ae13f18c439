//! What people and machines are told, in words, as JSON, and as Slack takes it.

use pawl_engine::alert::{Above, Reading, Rule, Subject, Turn, When};
use pawl_engine::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Alerts that a sum names one by one.
const NAMED: usize = 20;

/// A turn of an alert, as it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Notice {
    /// The same whenever it is told again after a crash.
    pub(super) id: String,
    pub(super) at: Timestamp,
    pub(super) turn: Turn,
    rule: String,
    when: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    function: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
    /// A sentence: what is measured, and what the limit is.
    pub(super) text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl Notice {
    pub(super) fn new(
        rule: &Rule,
        subject: &str,
        turn: Turn,
        reading: Reading,
        at: Timestamp,
        url: Option<&str>,
    ) -> Self {
        let whole = format!("{}\n{subject}\n{}\n{}", rule.name, at.as_millis(), turn.as_str());
        let (value, limit) = match reading {
            Reading::Is { value, limit } => (Some(value), Some(limit)),
            Reading::Unknown => (None, None),
        };
        let is_function = matches!(rule.subject, Subject::Function(_));
        Self {
            id: format!("alert_{}", &hex::encode(Sha256::digest(whole))[..32]),
            at,
            turn,
            rule: rule.name.clone(),
            when: rule.when.as_str().to_owned(),
            function: is_function.then(|| subject.to_owned()),
            event: (!is_function).then(|| subject.to_owned()),
            value,
            limit,
            text: format!("{subject}: {} (limit: {})", self::value(rule, reading), self::limit(rule)),
            url: url.map(|url| format!("{url}/alerts")),
        }
    }

    /// Something to see that a channel works.
    pub(super) fn test(at: Timestamp, url: Option<String>) -> Self {
        Self {
            id: format!("alert_test_{}", at.as_millis()),
            at,
            turn: Turn::Raised,
            rule: "test".into(),
            when: "test".into(),
            function: None,
            event: None,
            value: None,
            limit: None,
            text: "a test of this channel: nothing is wrong".into(),
            url: url.map(|url| format!("{url}/alerts")),
        }
    }

    /// The alert for machines. A value is in its limit's unit: runs, a share, milliseconds.
    pub(super) fn data(&self) -> Value {
        let mut data = json!({
            "rule": self.rule,
            "when": self.when,
            "state": self.turn.as_str(),
            "text": self.text,
        });
        for (key, text) in [("function", &self.function), ("event", &self.event), ("url", &self.url)] {
            if let Some(text) = text {
                data[key] = json!(text);
            }
        }
        for (key, number) in [("value", self.value), ("limit", self.limit)] {
            if let Some(number) = number {
                data[key] = json!(number);
            }
        }
        data
    }
}

/// One message: a turn, or the sum of many that came too fast.
pub(super) struct Message {
    pub(super) id: String,
    kind: String,
    at: Timestamp,
    data: Value,
    title: String,
    text: String,
    url: Option<String>,
}

impl Message {
    /// From those that are told in it, at least one, oldest first.
    pub(super) fn of(notices: &[Notice], now: Timestamp) -> Option<Self> {
        let first = notices.first()?;
        if let [notice] = notices {
            let (sign, state) = match notice.turn {
                Turn::Raised => ("🔴", "raised"),
                Turn::Repeated => ("🔴", "still raised"),
                Turn::Resolved => ("🟢", "resolved"),
            };
            return Some(Self {
                id: notice.id.clone(),
                kind: format!("pawl.alert.{}", notice.turn.as_str()),
                at: notice.at,
                data: notice.data(),
                title: format!("{sign} {} {state}", notice.rule),
                text: notice.text.clone(),
                url: notice.url.clone(),
            });
        }
        let count = |turn| notices.iter().filter(|n| n.turn == turn).count();
        let counts = [Turn::Raised, Turn::Repeated, Turn::Resolved].map(|turn| (turn.as_str(), count(turn)));
        let words = counts.iter().filter(|(_, n)| *n > 0).map(|(word, n)| format!("{n} {word}"));
        let words = words.collect::<Vec<_>>().join(", ");
        let about = |n: &Notice| n.function.clone().or_else(|| n.event.clone()).unwrap_or_default();
        let named: Vec<_> = notices
            .iter()
            .take(NAMED)
            .map(|n| json!({"rule": n.rule, "subject": about(n), "state": n.turn.as_str()}))
            .collect();
        let text = format!("{} more alerts came within a short time: {words}", notices.len());
        let mut data = json!({"count": notices.len(), "text": text, "alerts": named, "url": first.url});
        counts.iter().for_each(|(word, n)| data[*word] = json!(n));
        Some(Self {
            id: format!("{}_{}", first.id, notices.len()),
            kind: "pawl.alert.summary".into(),
            at: now,
            data,
            title: format!("🔴 {} more alerts", notices.len()),
            text,
            url: first.url.clone(),
        })
    }

    /// For machines.
    pub(super) fn webhook(&self) -> String {
        let at = jiff::Timestamp::from_millisecond(self.at.as_millis()).map(|t| format!("{t:.3}")).ok();
        json!({"type": self.kind, "timestamp": at, "data": self.data}).to_string()
    }

    /// For Slack: a plain text for the notification, and blocks for the message.
    pub(super) fn slack(&self) -> String {
        let link = self.url.as_ref().map(|url| format!("\n<{}|Open>", escaped(url))).unwrap_or_default();
        let text = format!("*{}*\n{}{link}", escaped(&self.title), escaped(&self.text));
        json!({
            "text": escaped(&format!("{}: {}", self.title, self.text)),
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}],
        })
        .to_string()
    }
}

/// A text in Slack's markup, where three characters mean something.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn span(span: Span) -> String {
    let ms = span.as_millis();
    // a second is exact enough beyond one
    let rounded = if ms < 1_000 { ms } else { ms - ms % 1_000 };
    humantime::format_duration(Span::from_millis(rounded).to_std()).to_string()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time that was measured")]
fn millis(value: f64) -> String {
    span(Span::from_millis(value.max(0.0) as u64))
}

fn percent(share: f64) -> String {
    let percent = format!("{:.2}", share * 100.0);
    format!("{}%", percent.trim_end_matches('0').trim_end_matches('.'))
}

fn things(rule: &Rule) -> &'static str {
    match rule.subject {
        Subject::Event(_) => "events",
        Subject::Function(_) => "runs",
    }
}

/// `1 run`, `3 events`.
fn counted(value: f64, things: &str) -> String {
    format!("{value:.0} {}", if value == 1.0 { things.trim_end_matches('s') } else { things })
}

/// What was measured, in words.
pub(super) fn value(rule: &Rule, reading: Reading) -> String {
    let Reading::Is { value, .. } = reading else { return "not known yet".into() };
    let within = span(rule.within);
    match rule.when {
        When::Failed { .. } => format!("{} failed within {within}", counted(value, "runs")),
        When::ErrorRate { .. } => format!("{} of runs failed within {within}", percent(value)),
        When::Slow { .. } => format!("95 of 100 runs took up to {} within {within}", millis(value)),
        When::Spike { .. } => format!("{} within {within}", counted(value, things(rule))),
        When::Silence if value == 0.0 => format!("{} came within {within}", things(rule)),
        When::Silence => format!("no {} within {within}", things(rule)),
        When::Backlog { .. } if value == 0.0 => "no run waits for its turn".into(),
        When::Backlog { .. } => format!("a run has been waiting for its turn for {}", millis(value)),
    }
}

/// A rule's condition, in words.
pub(super) fn limit(rule: &Rule) -> String {
    let within = span(rule.within);
    match rule.when {
        When::Failed { at_least } => format!("{at_least} or more failed runs within {within}"),
        When::ErrorRate { above, at_least } => {
            format!("more than {} of at least {at_least} runs within {within}", percent(above))
        }
        When::Slow { above, at_least } => {
            format!("p95 above {} of at least {at_least} runs within {within}", span(above))
        }
        When::Spike { above: Above::Times(times), .. } => {
            format!("more than {times} times the usual {} within {within}", things(rule))
        }
        When::Spike { above: Above::Count(count), .. } => {
            format!("more than {count} {} within {within}", things(rule))
        }
        When::Silence => format!("no {} within {within}", things(rule)),
        When::Backlog { older_than } => format!("a run that waits for more than {}", span(older_than)),
    }
}
