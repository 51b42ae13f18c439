//! `pawl doctor`: what is wrong with a set-up, under the names by which people look
//! for it, and what to do about it.

mod apps;

use super::remote::{Refusal, Remote};
use super::{check, print};
use crate::config::{Config, Flags, Mode};
use crate::runtime::{Limits, Runtime};
use pawl_engine::Status;
use pawl_engine::event::is_own;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  pawl doctor            a set-up for development\n  pawl doctor --serve    one for production, with its keys in the environment"
)]
pub(super) struct Args {
    /// Check as `pawl serve` would start
    #[arg(long)]
    serve: bool,
    #[command(flatten)]
    flags: Flags,
    /// The running host's URL [default: the host of the data folder, or http://127.0.0.1:3000]
    #[arg(long, value_name = "URL", env = "PAWL_URL")]
    url: Option<String>,
    /// Its signing key
    #[arg(long, value_name = "KEY", env = "INNGEST_SIGNING_KEY", hide_env_values = true)]
    signing_key: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The chapters of the report: a set-up first, then what people search for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    SetUp,
    FunctionNotFound,
    InvalidSigningKey,
    StepsNotRetrying,
    WebhookNotTriggering,
    Apps,
}

impl Topic {
    const ALL: [Self; 6] = [
        Self::SetUp,
        Self::FunctionNotFound,
        Self::InvalidSigningKey,
        Self::StepsNotRetrying,
        Self::WebhookNotTriggering,
        Self::Apps,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::SetUp => "Set-up",
            Self::FunctionNotFound => "Function not found",
            Self::InvalidSigningKey => "Invalid signing key",
            Self::StepsNotRetrying => "Steps not retrying",
            Self::WebhookNotTriggering => "Webhook not triggering function",
            Self::Apps => "Apps",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Good,
    Note,
    Bad,
}

/// What was found, and under which chapter.
#[derive(Debug, Default)]
struct Report(Vec<(Topic, Weight, String)>);

impl Report {
    fn good(&mut self, topic: Topic, text: impl Into<String>) {
        self.0.push((topic, Weight::Good, text.into()));
    }
    fn note(&mut self, topic: Topic, text: impl Into<String>) {
        self.0.push((topic, Weight::Note, text.into()));
    }
    fn bad(&mut self, topic: Topic, text: impl Into<String>) {
        self.0.push((topic, Weight::Bad, text.into()));
    }
    fn is_good(&self) -> bool {
        self.0.iter().all(|(_, weight, _)| *weight != Weight::Bad)
    }
}

/// Checks everything; fails when something is bad.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    let mode = if args.serve { Mode::Serve } else { Mode::Dev };
    let data = args.flags.data.clone();
    let config = Config::load(mode, args.flags, &|name| std::env::var(name).ok());
    let data = config.as_ref().ok().map(|c| c.data.clone()).or(data).unwrap_or_else(|| "./.pawl".into());
    let remote = Remote::new(args.url, data, args.signing_key);
    let is_running = host(&mut report, &remote).await;
    settings(&mut report, mode, &config, is_running);
    if let Ok(config) = &config {
        folders(&mut report, config, is_running);
    }
    apps::look(&mut report, config.as_ref().ok(), is_running.then_some(&remote)).await;
    if args.json {
        print::json(&as_json(&report));
    } else {
        show(&report);
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The settings of this shell. A running host may have others: it has said so itself.
fn settings(
    report: &mut Report,
    mode: Mode,
    config: &Result<Config, crate::config::BadConfig>,
    is_running: bool,
) {
    match config {
        Ok(config) => {
            let text = format!("this shell's settings hold; {mode:?} would listen on {}", config.addr);
            report.good(Topic::SetUp, text);
            report.good(Topic::SetUp, format!("kept: {}", config.keep));
            for warning in &config.warnings {
                let is_key = warning.contains("_KEY");
                report.note(if is_key { Topic::InvalidSigningKey } else { Topic::SetUp }, warning);
            }
            if config.stripe_secrets.is_empty() && !is_running {
                let text = "STRIPE_WEBHOOK_SECRET is not set, so Stripe's webhooks are refused: take the endpoint's \
                            signing secret from Stripe's dashboard, or what `stripe listen` prints";
                report.note(Topic::WebhookNotTriggering, text);
            }
        }
        Err(crate::config::BadConfig(wrong)) => {
            for line in wrong {
                let is_key = line.contains("SIGNING_KEY");
                report.bad(if is_key { Topic::InvalidSigningKey } else { Topic::SetUp }, line);
            }
        }
    }
}

fn folders(report: &mut Report, config: &Config, is_running: bool) {
    let data = config.data.display();
    let probe = config.data.join(".doctor");
    match std::fs::write(&probe, b"") {
        Ok(()) => {
            let _gone = std::fs::remove_file(probe);
            report.good(Topic::SetUp, format!("the data folder {data} can be written"));
        }
        // the host makes it, for its owner alone
        Err(_) if !config.data.exists() => {
            report.good(Topic::SetUp, format!("the data folder {data} will be made"));
        }
        Err(e) => {
            let why = format!("the data folder {data} cannot be written: {e}; --data names another");
            report.bad(Topic::SetUp, why);
        }
    }
    let runtime = match Runtime::new(Limits { slots: 1, ..Limits::default() }, None) {
        Ok(runtime) => runtime,
        Err(e) => return report.bad(Topic::SetUp, format!("the sandbox does not start here: {e}")),
    };
    if is_running {
        // it may have been started with other folders, and has listed what it has
        return;
    }
    for path in &config.functions {
        functions_of(report, &runtime, path);
    }
}

fn functions_of(report: &mut Report, runtime: &Runtime, path: &Path) {
    let files: Vec<PathBuf> = match std::fs::read_dir(path) {
        Ok(entries) => entries.filter_map(|e| Some(e.ok()?.path())).collect(),
        Err(_) if path.is_file() => vec![path.to_owned()],
        Err(e) => {
            let why = format!("functions folder {}: {e}; PAWL_FUNCTIONS names another", path.display());
            return report.bad(Topic::FunctionNotFound, why);
        }
    };
    let files: Vec<_> = files.into_iter().filter(|f| f.extension().is_some_and(|e| e == "wasm")).collect();
    if files.is_empty() {
        let why = format!("there is no .wasm in {}: build your functions into it", path.display());
        report.note(Topic::FunctionNotFound, why);
    }
    for file in files {
        let view = check::inspect(runtime, &file);
        if !view["error"].is_null() {
            let why = print::text(&view["error"]);
            report.bad(Topic::FunctionNotFound, format!("{} is refused: {why}", file.display()));
        }
        for function in view["functions"].as_array().into_iter().flatten() {
            let (id, on) = (print::text(&function["id"]), print::triggers(function));
            report.good(Topic::FunctionNotFound, format!("{}: {id} on {on}", file.display()));
            if function["retries"] == json!(0) {
                report.note(Topic::StepsNotRetrying, format!("{id} sets retries = 0: its steps run once"));
            }
        }
    }
}

/// What a running host says of itself; whether there is one.
async fn host(report: &mut Report, remote: &Remote) -> bool {
    let functions = match remote.get("/v1/functions").await {
        Ok(functions) => functions["data"].as_array().cloned().unwrap_or_default(),
        Err(e) => {
            match e.downcast_ref::<Refusal>() {
                Some(r) if r.status == StatusCode::UNAUTHORIZED => report.bad(
                    Topic::InvalidSigningKey,
                    format!("the host at {} does not know this INNGEST_SIGNING_KEY: {e}", remote.url()),
                ),
                _ => report.note(Topic::SetUp, format!("no running host was checked: {e:#}")),
            }
            return false;
        }
    };
    report.good(Topic::SetUp, format!("a host answers at {}", remote.url()));
    report.good(Topic::InvalidSigningKey, "the running host lets this shell in");
    let ids: Vec<_> = functions.iter().map(|f| print::text(&f["id"])).collect();
    report.good(
        Topic::FunctionNotFound,
        format!("the running host has {} functions: {}", ids.len(), ids.join(", ")),
    );
    for function in functions.iter().filter(|f| f["retries"] == json!(0)) {
        let id = print::text(&function["id"]);
        report.note(Topic::StepsNotRetrying, format!("{id} sets retries = 0: its steps run once"));
    }
    if let Ok(deployments) = remote.get("/v1/deployments").await {
        if deployments["metadata"]["stripe"] == json!(false) {
            let why = "the running host has no STRIPE_WEBHOOK_SECRET, so Stripe's webhooks are refused: take the \
                       endpoint's signing secret from Stripe's dashboard, or what `stripe listen` prints";
            report.note(Topic::WebhookNotTriggering, why);
        }
        for problem in deployments["metadata"]["problems"].as_array().into_iter().flatten() {
            let (source, why) = (print::text(&problem["source"]), print::text(&problem["error"]));
            report.bad(Topic::FunctionNotFound, format!("the running host could not load {source}: {why}"));
        }
    }
    events(report, remote).await;
    failed(report, remote).await;
    true
}

async fn events(report: &mut Report, remote: &Remote) {
    let topic = Topic::WebhookNotTriggering;
    let Ok(events) = remote.get("/v1/events?limit=20").await else { return };
    let events = events["data"].as_array().cloned().unwrap_or_default();
    if events.is_empty() {
        let why = "no event has come in: check the URL that the sender has (…/api/stripe/webhook, …/e/KEY)";
        return report.note(topic, why);
    }
    report.good(topic, format!("the last event came in at {}", print::text(&events[0]["received_at"])));
    let mut idle = std::collections::BTreeSet::new();
    // what the host itself says is for those who wait
    for event in events.iter().filter(|event| !is_own(event["name"].as_str().unwrap_or_default())) {
        let path = format!("/v1/events/{}/runs", print::text(&event["internal_id"]));
        let runs = remote.get(&path).await.unwrap_or(Value::Null);
        if runs["data"].as_array().is_some_and(Vec::is_empty) {
            idle.insert(print::text(&event["name"]));
        }
    }
    for name in idle {
        report.note(
            topic,
            format!(
                "no function took event `{name}`: a trigger has to be the same name exactly, or end in /*"
            ),
        );
    }
}

async fn failed(report: &mut Report, remote: &Remote) {
    let topic = Topic::StepsNotRetrying;
    let path = format!("/v1/runs?limit=5&status={}", Status::Failed.as_str());
    let Ok(runs) = remote.get(&path).await else { return };
    let runs = runs["data"].as_array().cloned().unwrap_or_default();
    if runs.is_empty() {
        report.good(topic, "no run has failed");
    }
    for run in runs {
        let (id, error) = (print::text(&run["run_id"]), &run["error"]);
        let why = format!("{}: {}", print::text(&error["name"]), print::text(&error["message"]));
        report.note(topic, format!("run {id} failed with {why} (`pawl runs show {id}` has every try)"));
    }
}

fn as_json(report: &Report) -> Value {
    let line = |(topic, weight, text): &(Topic, Weight, String)| {
        let weight = match weight {
            Weight::Good => "good",
            Weight::Note => "note",
            Weight::Bad => "bad",
        };
        json!({"topic": topic.title(), "weight": weight, "text": text})
    };
    json!({"good": report.is_good(), "findings": report.0.iter().map(line).collect::<Vec<_>>()})
}

fn show(report: &Report) {
    for topic in Topic::ALL {
        let found: Vec<_> = report.0.iter().filter(|(t, ..)| *t == topic).collect();
        if found.is_empty() {
            continue;
        }
        let (strong, off) = (print::STRONG.render(), print::STRONG.render_reset());
        anstream::println!("{strong}{}{off}", topic.title());
        for (_, weight, text) in found {
            let (style, sign) = match weight {
                Weight::Good => (print::GOOD, "ok"),
                Weight::Note => (print::BUSY, "--"),
                Weight::Bad => (print::BAD, "!!"),
            };
            anstream::println!("  {}{sign}{} {text}", style.render(), style.render_reset());
        }
    }
}
