//! What `pawl doctor` finds about apps of Inngest's SDKs: each that is listed is asked as the
//! host asks it, and a running host says what it knows of them.

use super::{Report, Topic, print};
use crate::apps::{Asking, Seen};
use crate::cli::remote::Remote;
use crate::clock;
use crate::config::{App, Config};
use crate::http::time;
use pawl_engine::Timestamp;
use reqwest::Url;
use serde_json::Value;

const TOPIC: Topic = Topic::Apps;

/// A listed app that was asked.
struct Asked<'a> {
    app: &'a App,
    url: &'a Url,
    /// From when on what it does is an answer to that.
    since: Timestamp,
    answer: Result<Seen, String>,
}

/// Looks at the apps of these settings, and at those of the host that runs, if one does.
pub(super) async fn look(report: &mut Report, config: Option<&Config>, running: Option<&Remote>) {
    let listed = config.map_or(&[][..], |config| &config.apps);
    let mut all = Vec::new();
    if let Some(config) = config.filter(|_| !listed.is_empty()) {
        match Asking::new(config.mode, config.keys.clone(), config.addr) {
            Ok(asking) => all = ask(&asking, listed).await,
            Err(e) => report.bad(TOPIC, format!("apps cannot be asked from here: {e}")),
        }
    }
    // only now: some register at the host because they were asked
    let known = match running {
        Some(remote) => remote.get("/v1/apps").await.ok(),
        None => None,
    };
    let is_known = known.is_some();
    let known = known.as_ref().and_then(|known| known["data"].as_array()).map_or(&[][..], Vec::as_slice);
    for asked in &all {
        judge(report, asked, known.iter().find(|k| is_at(k, asked.url)), is_known);
    }
    for name in listed.iter().filter(|app| app.url.is_none()).filter_map(|app| app.name.as_deref()) {
        if !known.iter().any(|k| k["name"] == name) {
            let text = format!(
                "{name} is listed by its name alone: it is not asked, and is there once it has registered by itself"
            );
            report.note(TOPIC, text);
        }
    }
    let is_listed = |app: &Value| listed.iter().filter_map(|l| l.url.as_ref()).any(|url| is_at(app, url));
    for app in known.iter().filter(|app| !is_listed(app)) {
        let (name, url, error) = (print::text(&app["name"]), print::text(&app["url"]), &app["error"]);
        match error.as_str() {
            Some(why) => report.bad(TOPIC, format!("the running host: {url}: {why}")),
            None => report.good(
                TOPIC,
                format!("the running host has {name} at {url} with {} functions", app["functions"]),
            ),
        }
    }
}

async fn ask<'a>(asking: &Asking, listed: &'a [App]) -> Vec<Asked<'a>> {
    let mut all = Vec::new();
    for (app, url) in listed.iter().filter_map(|app| Some((app, app.url.as_ref()?))) {
        let since = clock::now();
        all.push(Asked { app, url, since, answer: asking.look(url).await });
    }
    all
}

/// Says what an app has answered, of which the host that runs, if one does, knows this.
fn judge(report: &mut Report, asked: &Asked<'_>, known: Option<&Value>, is_running: bool) {
    let shown = shown(asked.url);
    match &asked.answer {
        Ok(Seen::Functions { name, .. }) if asked.app.name.as_ref().is_some_and(|wanted| wanted != name) => {
            let wanted = asked.app.name.as_deref().unwrap_or_default();
            report.bad(
                TOPIC,
                format!("{shown} answers, and is `{name}`: it is listed as `{wanted}`, write the `id` of its client"),
            );
        }
        Ok(Seen::Functions { name, sdk, functions }) => {
            report.good(TOPIC, format!("{shown} answers: {name} ({sdk}) with {functions} functions"));
        }
        Ok(Seen::Registered) => registered(report, &shown, asked.since, known, is_running),
        Err(why) => report.bad(TOPIC, format!("{shown}: {why}")),
    }
}

/// An app that says that it has registered: whether that was at the host that runs here, and now.
fn registered(report: &mut Report, shown: &str, since: Timestamp, known: Option<&Value>, is_running: bool) {
    let known = known.unwrap_or(&Value::Null);
    // both are written alike, with milliseconds
    let is_heard =
        known["synced_at"].as_str().is_some_and(|at| time(since).is_some_and(|since| *at >= *since));
    match (known["error"].as_str(), is_heard) {
        (Some(why), _) => report.bad(TOPIC, format!("{shown} answers; the running host: {why}")),
        (None, true) => {
            let (name, functions) = (print::text(&known["name"]), &known["functions"]);
            let text = format!("{shown} answers: {name} has registered by itself with {functions} functions");
            report.good(TOPIC, text);
        }
        (None, false) if is_running => report.bad(
            TOPIC,
            format!("{shown} answers, and has registered elsewhere: see INNGEST_DEV and INNGEST_BASE_URL beside it"),
        ),
        (None, false) => {
            report.note(TOPIC, format!("{shown} answers, and registers by itself: with the host that it knows"));
        }
    }
}

/// Whether the host means the app at this address.
fn is_at(app: &Value, url: &Url) -> bool {
    app["url"].as_str() == Some(&shown(url))
}

/// An address without what may be secret in it, as the host shows it.
fn shown(url: &Url) -> String {
    crate::apps::shown(url.as_str())
}
