//! `[[alert]]`, `[channels]` and `[alerts]` of `pawl.toml`: as they are written, and as they
//! hold.

use super::file::{SecretSource, duration};
use super::{Loading, Mode};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pawl_engine::Span;
use pawl_engine::alert::{Above, Pattern, Rule, Subject, When};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

/// How often rules are looked at when nobody says otherwise.
const EVERY: Span = Span::from_secs(10);

/// How far back a rule may look: counts by the hour are read for it.
const FARTHEST: Span = Span::from_days(31);

/// How long a rule's name may be; it is part of keys and headers.
const NAME_CHARS: usize = 100;

/// What alerts there are, and who is told.
#[derive(Debug, Clone)]
pub struct Alerts {
    /// In the order of the file.
    pub rules: Vec<Rule>,
    /// By their names.
    pub channels: BTreeMap<String, Channel>,
    /// How often rules are looked at.
    pub every: Span,
    /// Where people reach this host, for links.
    pub url: Option<String>,
}

/// Where notifications go.
#[derive(Debug, Clone)]
pub struct Channel {
    /// In which shape.
    pub kind: Shape,
    /// The URL, which lets its holder post.
    pub url: Secret,
    /// What signs them.
    pub secret: Option<Secret>,
}

/// The shape of a notification.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Standard Webhooks: JSON for machines.
    #[default]
    Webhook,
    /// Slack's incoming webhooks, and what takes the same.
    Slack,
}

/// `[alerts]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileAlerts {
    #[serde(deserialize_with = "duration")]
    every: Option<Duration>,
    url: Option<String>,
}

/// `[channels.name]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileChannel {
    url: SecretSource,
    #[serde(default)]
    kind: Shape,
    secret: Option<SecretSource>,
}

/// `when` of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Failed,
    ErrorRate,
    Slow,
    Spike,
    Silence,
    Backlog,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`above` is a text like \"5%\", \"30s\" or \"10x\", or a number")]
enum FileAbove {
    Number(u64),
    Text(String),
}

/// `[[alert]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileAlert {
    name: Option<String>,
    when: Kind,
    function: Option<String>,
    event: Option<String>,
    #[serde(default, deserialize_with = "duration")]
    within: Option<Duration>,
    above: Option<FileAbove>,
    at_least: Option<u64>,
    #[serde(default, deserialize_with = "duration")]
    older_than: Option<Duration>,
    #[serde(default, rename = "for", deserialize_with = "duration")]
    hold_for: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    resolve_after: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    repeat: Option<Duration>,
    #[serde(default)]
    to: Vec<String>,
}

impl Loading<'_> {
    pub(super) fn alerts(
        &mut self,
        mode: Mode,
        addr: SocketAddr,
        common: FileAlerts,
        channels: BTreeMap<String, FileChannel>,
        rules: Vec<FileAlert>,
    ) -> Alerts {
        let names: BTreeSet<_> = channels.keys().cloned().collect();
        let mut known = BTreeMap::new();
        for (name, channel) in channels {
            match self.channel(&name, channel) {
                Ok(Some(channel)) => drop(known.insert(name, channel)),
                // without its URL an author goes on; in production an alert must not be lost
                Ok(None) if mode == Mode::Dev => {
                    self.warnings.push(format!("channel {name} has no url: nothing is sent to it"));
                }
                Ok(None) => self.wrong.push(format!(
                    "channels.{name}: its url or secret has no value: set the variable that it names"
                )),
                Err(why) => self.wrong.push(format!("channels.{name}: {why}")),
            }
        }
        let every = common.every.map_or(EVERY, Span::from).max(Span::from_millis(100));
        let mut all: Vec<Rule> = Vec::new();
        for file in rules {
            let name = file.name.clone().unwrap_or_else(|| file.own_name());
            let rule = rule(file, name.clone(), every).and_then(|rule| {
                if all.iter().any(|other| other.name == rule.name) {
                    return Err("another alert has this name: give each its own `name`".into());
                }
                match rule.to.iter().find(|to| !names.contains(*to)) {
                    Some(to) => Err(format!("`to` names `{to}`, and there is no [channels.{to}]")),
                    None => Ok(rule),
                }
            });
            match rule {
                Ok(rule) => all.push(rule),
                Err(why) => self.wrong.push(format!("alert `{name}`: {why}")),
            }
        }
        let url = common.url.map(|url| url.trim_end_matches('/').to_owned());
        if url.as_deref().is_some_and(|url| !is_web(url)) {
            self.wrong.push("alerts.url is no http or https URL".into());
        }
        // an author's own machine is where the host listens
        let url = url.or_else(|| (mode == Mode::Dev).then(|| format!("http://{addr}")));
        Alerts { rules: all, channels: known, every, url }
    }

    /// `None`: a variable that it names has no value. What is refused is not repeated: it may
    /// hold a secret.
    fn channel(&mut self, name: &str, file: FileChannel) -> Result<Option<Channel>, String> {
        let text = |source: SecretSource| match source {
            SecretSource::Text(text) => Some(text),
            SecretSource::Env { env } => (self.env)(&env),
        };
        let load = |source| text(source).and_then(|text| Secret::load(&text).ok()).map(|(secret, _)| secret);
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err("a channel's name has no line breaks".into());
        }
        let Some(url) = load(file.url) else { return Ok(None) };
        if !is_web(url.expose()) {
            return Err("its url is no http or https URL".into());
        }
        let secret = match file.secret.map(load) {
            Some(None) => return Ok(None),
            Some(Some(secret)) => Some(secret),
            None => None,
        };
        if secret.as_ref().is_some_and(|secret| signing_key(secret).is_none()) {
            return Err("its secret begins with whsec_, and what follows is no base64".into());
        }
        if secret.is_some() && file.kind == Shape::Slack {
            self.warnings.push(format!("channels.{name}: Slack takes no signature; its secret is not used"));
        }
        Ok(Some(Channel { kind: file.kind, url, secret }))
    }
}

/// The bytes that sign: those behind `whsec_`, or the text itself.
pub fn signing_key(secret: &Secret) -> Option<Vec<u8>> {
    match secret.expose().strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).ok().filter(|key| !key.is_empty()),
        None => Some(secret.expose().as_bytes().to_vec()),
    }
}

fn is_web(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

impl FileAlert {
    /// What a rule without a name is called.
    fn own_name(&self) -> String {
        let about = self.function.as_ref().or(self.event.as_ref()).map_or("*", String::as_str);
        let when = match self.when {
            Kind::Failed => "failed",
            Kind::ErrorRate => "error_rate",
            Kind::Slow => "slow",
            Kind::Spike => "spike",
            Kind::Silence => "silence",
            Kind::Backlog => "backlog",
        };
        format!("{when} {about}")
    }

    /// A key that says nothing for this `when`.
    fn misplaced(&self) -> Option<&'static str> {
        use Kind::*;
        let takes = |key: &str| match key {
            "event" => matches!(self.when, Spike | Silence),
            "above" => matches!(self.when, ErrorRate | Slow | Spike),
            "at_least" => matches!(self.when, Failed | ErrorRate | Slow | Spike),
            "within" => self.when != Backlog,
            _ => self.when == Backlog,
        };
        let given = [
            ("event", self.event.is_some()),
            ("above", self.above.is_some()),
            ("at_least", self.at_least.is_some()),
            ("within", self.within.is_some()),
            ("older_than", self.older_than.is_some()),
        ];
        given.into_iter().find(|(key, is_given)| *is_given && !takes(key)).map(|(key, _)| key)
    }
}

fn rule(file: FileAlert, name: String, every: Span) -> Result<Rule, String> {
    if name.is_empty() || name.chars().count() > NAME_CHARS || name.chars().any(char::is_control) {
        return Err(format!("a name has 1 to {NAME_CHARS} characters, and no line breaks"));
    }
    if let Some(key) = file.misplaced() {
        return Err(format!("`{key}` says nothing for this `when`"));
    }
    let subject = match (&file.function, &file.event) {
        (Some(_), Some(_)) => return Err("it is about a `function` or an `event`, not both".into()),
        (_, Some(event)) => Subject::Event(Pattern::new(event)),
        (None, None) if file.when == Kind::Silence => {
            return Err("whose silence? name a `function` or an `event`".into());
        }
        (function, None) => Subject::Function(Pattern::new(function.as_deref().unwrap_or("*"))),
    };
    let default = match file.when {
        Kind::Failed | Kind::Spike => Span::from_secs(300),
        Kind::ErrorRate | Kind::Slow | Kind::Backlog => Span::from_secs(900),
        Kind::Silence => Span::from_secs(3_600),
    };
    let within = file.within.map_or(default, Span::from);
    if within == Span::ZERO || within > FARTHEST {
        return Err("`within` is more than nothing and at most 31 days".into());
    }
    let when = when(&file)?;
    let default_hold = if matches!(when, When::Failed { .. }) { Span::ZERO } else { every };
    Ok(Rule {
        name,
        when,
        subject,
        within,
        hold_for: file.hold_for.map_or(default_hold, Span::from),
        resolve_after: file.resolve_after.map_or(Span::from_secs(300), Span::from),
        repeat: file.repeat.map_or(Span::from_secs(4 * 3_600), Span::from).max(Span::from_secs(60)),
        to: file.to,
    })
}

/// The condition of a rule.
fn when(file: &FileAlert) -> Result<When, String> {
    let text = match &file.above {
        None => None,
        Some(FileAbove::Number(n)) => Some(n.to_string()),
        Some(FileAbove::Text(text)) => Some(text.trim().to_owned()),
    };
    let at_least = file.at_least.unwrap_or(20).max(1);
    Ok(match file.when {
        Kind::Failed => When::Failed { at_least: file.at_least.unwrap_or(1).max(1) },
        Kind::ErrorRate => {
            let percent = text.as_deref().and_then(|t| t.strip_suffix('%')?.trim().parse::<f64>().ok());
            let above = percent.filter(|p| (0.0..100.0).contains(p));
            let above = above.ok_or("`above` is a share of runs: above = \"5%\"")? / 100.0;
            When::ErrorRate { above, at_least }
        }
        Kind::Slow => {
            let above = text.as_deref().and_then(|t| humantime::parse_duration(t).ok()).map(Span::from);
            When::Slow { above: above.ok_or("`above` is a time: above = \"30s\"")?, at_least }
        }
        Kind::Spike => {
            const WRONG: &str =
                "`above` is how many times the usual, or a number: above = \"10x\", above = 5000";
            let text = text.ok_or(WRONG)?;
            let times = text.strip_suffix('x').map(|t| t.trim().parse::<f64>().ok().filter(|t| *t >= 1.0));
            let above = match times {
                Some(times) => Above::Times(times.filter(|t| t.is_finite()).ok_or(WRONG)?),
                None => Above::Count(text.parse().map_err(|_| WRONG)?),
            };
            When::Spike { above, at_least }
        }
        Kind::Silence => When::Silence,
        Kind::Backlog => {
            let older_than = file.older_than.map(Span::from).filter(|age| *age > Span::ZERO);
            When::Backlog { older_than: older_than.ok_or("it needs `older_than`: older_than = \"5m\"")? }
        }
    })
}

#[cfg(test)]
mod tests;
