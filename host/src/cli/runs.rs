//! `pawl runs`.

use super::remote::{Remote, encoded};
use super::{print, watch};
use crate::clock;
use anyhow::{Context, bail};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// List runs, newest first
    #[command(
        after_help = "Examples:\n  pawl runs list --status failed\n  pawl runs list --function process-checkout-completed --json"
    )]
    List(ListArgs),
    /// Show a run: its steps, tries, output and errors
    Show(ShowArgs),
    /// Follow a run until it ends: its steps on an axis of time, and what it logs; fails when the run does
    #[command(
        after_help = "Examples:\n  pawl runs watch 01KB2Y…\n  pawl runs watch --function ship-order      its newest run"
    )]
    Watch(watch::Args),
    /// End a run that has not ended, or all of a function's; nothing more of them is written
    #[command(
        after_help = "Examples:\n  pawl runs cancel 01KB2Y…\n  pawl runs cancel --function ship-order --since 2h --if 'event.data.shop == \"north\"'"
    )]
    Cancel(SomeArgs),
    /// Start another run of the same event, on the function's newest deployment
    #[command(
        after_help = "Examples:\n  pawl runs rerun 01KB2Y…\n  pawl runs rerun 01KB2Y… --from charge      steps that ended before `charge` keep their outcomes"
    )]
    Rerun(RerunArgs),
    /// Rerun all failed runs of a function in a period
    #[command(after_help = "Example:\n  pawl runs replay --function ship-order --since 6h --until 1h")]
    Replay(ManyArgs),
    /// Stop a run until it is resumed; an attempt under way is dropped, and begins anew then
    Pause(OneArgs),
    /// Let a paused run go on
    Resume(OneArgs),
    /// Let a run go on on another deployment, if its steps so far come to the same there
    Move(MoveArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Only with this status: queued, running, sleeping, paused, completed, failed, cancelled
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

#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// With what its function has logged
    #[arg(long)]
    logs: bool,
    #[command(flatten)]
    one: OneArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct SomeArgs {
    /// The run's id
    #[arg(required_unless_present = "function", conflicts_with = "function")]
    id: Option<String>,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    remote: Remote,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ManyArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    remote: Remote,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Many runs.
#[derive(Debug, clap::Args)]
struct Which {
    /// All of this function
    #[arg(long, value_name = "ID")]
    function: Option<String>,
    /// Made at this time or later: `2h` ago, or 2026-11-24T03:00:00Z
    #[arg(long, value_name = "TIME", requires = "function")]
    since: Option<String>,
    /// Made before this time
    #[arg(long, value_name = "TIME", requires = "function")]
    until: Option<String>,
    /// Only those for which this CEL expression on `event` is true
    #[arg(long = "if", value_name = "CEL", requires = "function")]
    filter: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct RerunArgs {
    /// Keep the outcomes of all steps that ended before this one
    #[arg(long, value_name = "STEP")]
    from: Option<String>,
    #[command(flatten)]
    one: OneArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct MoveArgs {
    /// The deployment, at least six characters of it [default: the function's newest]
    #[arg(long, value_name = "DEPLOYMENT")]
    to: Option<String>,
    #[command(flatten)]
    one: OneArgs,
}

pub(super) async fn run(verb: Verb) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::List(args) => list(args).await?,
        Verb::Show(ShowArgs { logs: false, one: args }) => one(&args, Method::GET, "", None).await?,
        Verb::Show(ShowArgs { logs: true, one: args }) => show_logs(&args).await?,
        Verb::Cancel(SomeArgs { id: Some(id), remote, json, .. }) => {
            one(&OneArgs { id, remote, json }, Method::DELETE, "", None).await?;
        }
        Verb::Cancel(SomeArgs { which, remote, json, .. }) => {
            many(&which, "/v1/cancellations", "cancelled", &remote, json).await?;
        }
        Verb::Rerun(RerunArgs { from, one: args }) => {
            let body = json!({ "from_step": from });
            one(&args, Method::POST, "/rerun", Some(body)).await?;
        }
        Verb::Replay(ManyArgs { which, remote, json }) => {
            many(&which, "/v1/replays", "started", &remote, json).await?;
        }
        Verb::Pause(args) => one(&args, Method::POST, "/pause", None).await?,
        Verb::Resume(args) => one(&args, Method::POST, "/resume", None).await?,
        Verb::Move(MoveArgs { to, one: args }) => {
            let body = json!({ "deployment": to });
            one(&args, Method::POST, "/move", Some(body)).await?;
        }
        Verb::Watch(args) => return watch::run(&args).await,
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

/// A moment from `2h`, which is that long ago, or from its RFC 3339 text.
fn moment(text: &str) -> anyhow::Result<String> {
    if let Ok(ago) = humantime::parse_duration(text) {
        let at = clock::now().as_millis() - i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
        return Ok(jiff::Timestamp::from_millisecond(at)?.to_string());
    }
    let at = text.parse::<jiff::Timestamp>();
    Ok(at.with_context(|| format!("`{text}` is no time: write `2h`, or 2026-11-24T03:00:00Z"))?.to_string())
}

async fn many(which: &Which, path: &str, verb: &str, remote: &Remote, json: bool) -> anyhow::Result<()> {
    let Some(function) = &which.function else { bail!("--function says of which function") };
    let body = json!({
        "function_id": function,
        "started_after": which.since.as_deref().map(moment).transpose()?,
        "started_before": which.until.as_deref().map(moment).transpose()?,
        "if": which.filter,
    });
    let done = remote.send(Method::POST, path, Some(body.to_string().into_bytes())).await?;
    let done = &done["data"];
    if json {
        print::json(done);
        return Ok(());
    }
    anstream::println!("{verb}: {} runs of {function}", done[verb]);
    for missed in done["missed"].as_array().into_iter().flatten() {
        anstream::println!("not {}: {}", print::text(&missed["run_id"]), print::text(&missed["error"]));
    }
    if done["more"] == true {
        anstream::println!("there are more: run this again");
    }
    Ok(())
}

async fn show_logs(args: &OneArgs) -> anyhow::Result<()> {
    let path = format!("/v1/runs/{}", encoded(&args.id));
    let mut found = args.remote.get(&path).await?;
    let lines = watch::Logs::default().new_lines(&args.remote, &path).await?;
    if args.json {
        found["data"]["logs"] = lines.into();
        print::json(&found["data"]);
        return Ok(());
    }
    print::run(&found["data"]);
    lines.iter().for_each(|line| anstream::println!("  {}", watch::log_line(line)));
    Ok(())
}

async fn one(args: &OneArgs, method: Method, verb: &str, body: Option<Value>) -> anyhow::Result<()> {
    let path = format!("/v1/runs/{}{verb}", encoded(&args.id));
    let found = args.remote.send(method, &path, body.map(|b| b.to_string().into_bytes())).await?;
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
