//! `pawl runs`.

use super::print;
use super::remote::{Remote, encoded};
use pawl_engine::Status;
use reqwest::Method;
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;

/// How often a watched run is looked at.
const LOOK: Duration = Duration::from_millis(300);

#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// List runs, newest first
    #[command(
        after_help = "Examples:\n  pawl runs list --status failed\n  pawl runs list --function process-checkout-completed --json"
    )]
    List(ListArgs),
    /// Show a run: its steps, tries, output and errors
    Show(OneArgs),
    /// Follow a run until it ends; fails when the run does
    Watch(OneArgs),
    /// End a run that has not ended; nothing more of it is written
    Cancel(OneArgs),
    /// Start another run of the same event, on the function's newest deployment
    Rerun(OneArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Only with this status: queued, running, sleeping, completed, failed, cancelled
    #[arg(long)]
    status: Option<String>,
    /// Only of this function
    #[arg(long, value_name = "ID")]
    function: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct OneArgs {
    /// The run's id
    id: String,
    #[command(flatten)]
    remote: Remote,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(verb: Verb) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::List(args) => list(args).await?,
        Verb::Show(args) => one(&args, Method::GET, "").await?,
        Verb::Cancel(args) => one(&args, Method::DELETE, "").await?,
        Verb::Rerun(args) => one(&args, Method::POST, "/rerun").await?,
        Verb::Watch(args) => return watch(&args).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let mut path = format!("/v1/runs?limit={}", args.limit);
    for (key, value) in [("status", &args.status), ("function_id", &args.function)] {
        if let Some(value) = value {
            path += &format!("&{key}={}", encoded(value));
        }
    }
    let found = args.remote.get(&path).await?;
    if args.json {
        print::json(&found["data"]);
        return Ok(());
    }
    let row = |run: &Value| {
        let mut row = ["run_id", "function_id", "status"].map(|k| print::text(&run[k])).to_vec();
        row.push(print::seconds(&run["created_at"]));
        row.push(print::took(&run["run_started_at"], &run["ended_at"]));
        row.push(print::error_line(&run["error"], 40));
        row
    };
    let rows: Vec<_> = found["data"].as_array().into_iter().flatten().map(row).collect();
    print::table(&["RUN", "FUNCTION", "STATUS", "SINCE", "TOOK", "ERROR"], &rows);
    Ok(())
}

async fn one(args: &OneArgs, method: Method, verb: &str) -> anyhow::Result<()> {
    let path = format!("/v1/runs/{}{verb}", encoded(&args.id));
    let found = args.remote.send(method, &path, None).await?;
    if args.json {
        print::json(&found["data"]);
        return Ok(());
    }
    if found["data"]["run_id"] != args.id.as_str() {
        anstream::println!("a new run of the same event:");
    }
    print::run(&found["data"]);
    Ok(())
}

async fn watch(args: &OneArgs) -> anyhow::Result<ExitCode> {
    let path = format!("/v1/runs/{}", encoded(&args.id));
    let mut shown = Value::Null;
    loop {
        let found = args.remote.get(&path).await?;
        let run = &found["data"];
        if *run != shown {
            // machines get a line for every change
            if args.json {
                anstream::println!("{run}")
            } else {
                print::run(run)
            }
            shown = run.clone();
        }
        match run["status"].as_str().and_then(Status::parse) {
            Some(Status::Completed) => return Ok(ExitCode::SUCCESS),
            Some(Status::Failed | Status::Cancelled) => return Ok(ExitCode::FAILURE),
            Some(Status::Queued | Status::Running | Status::Sleeping) | None => {
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}
