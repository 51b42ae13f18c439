//! `pawl functions` and `pawl deploy`.

use super::print;
use super::remote::{Remote, encoded};
use anyhow::Context;
use reqwest::Method;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Begin and take up no run of the function until it is resumed
    Pause(OneArgs),
    /// Let the function's runs go on
    Resume(OneArgs),
}

#[derive(Debug, clap::Args)]
struct OneArgs {
    /// The function's id
    id: String,
    #[command(flatten)]
    remote: Remote,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    remote: Remote,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct DeployArgs {
    /// Components to upload
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    remote: Remote,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    match args.verb {
        None => list(args.list).await,
        Some(Verb::Pause(args)) => steer(&args, "pause", "paused").await,
        Some(Verb::Resume(args)) => steer(&args, "resume", "resumed").await,
    }
}

async fn steer(args: &OneArgs, verb: &str, done: &str) -> anyhow::Result<()> {
    let path = format!("/v1/functions/{}/{verb}", encoded(&args.id));
    let found = args.remote.send(Method::POST, &path, None).await?;
    if args.json {
        print::json(&found["data"]);
    } else if found["data"]["changed"] == true {
        anstream::println!("{} is {done}", args.id);
    } else {
        anstream::println!("{} was {done} before", args.id);
    }
    Ok(())
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let found = args.remote.get("/v1/functions").await?;
    if args.json {
        print::json(&found["data"]);
        return Ok(());
    }
    let functions = found["data"].as_array().cloned().unwrap_or_default();
    let row = |f: &serde_json::Value| {
        let deployment = print::text(&f["deployment"]).chars().take(12).collect();
        let limit = f["concurrency"].as_u64().map_or("-".into(), |n| n.to_string());
        let state = if f["paused_since"].is_null() { "" } else { "Paused" };
        let (id, on) = (print::text(&f["id"]), print::triggers_short(f));
        vec![id, on, f["retries"].to_string(), limit, deployment, print::text(&f["source"]), state.into()]
    };
    let rows: Vec<_> = functions.iter().map(row).collect();
    print::table(&["FUNCTION", "STARTED BY", "RETRIES", "AT ONCE", "DEPLOYMENT", "SOURCE", "STATUS"], &rows);
    functions.iter().for_each(tell_refused);
    let problems = args.remote.get("/v1/deployments").await?;
    for problem in problems["metadata"]["problems"].as_array().into_iter().flatten() {
        let (bad, off) = (print::BAD.render(), print::BAD.render_reset());
        anstream::println!(
            "{bad}{}{off}: {}",
            print::text(&problem["source"]),
            print::text(&problem["error"])
        );
    }
    for app in args.remote.get("/v1/apps").await?["data"].as_array().into_iter().flatten() {
        if let Some(error) = app["error"].as_str() {
            let (bad, off) = (print::BAD.render(), print::BAD.render_reset());
            anstream::println!("{bad}app at {}{off}: {error}", print::text(&app["url"]));
        }
    }
    Ok(())
}

pub(super) async fn deploy(args: DeployArgs) -> anyhow::Result<()> {
    for file in &args.files {
        let bytes = std::fs::read(file).with_context(|| format!("{}", file.display()))?;
        let deployed = args.remote.send(Method::PUT, "/v1/deployments", Some(bytes)).await;
        let deployed = deployed.with_context(|| format!("{} is not deployed", file.display()))?;
        let deployed = &deployed["data"];
        if args.json {
            print::json(deployed);
            continue;
        }
        for function in deployed["functions"].as_array().into_iter().flatten() {
            let deployment: String = print::text(&deployed["deployment"]).chars().take(12).collect();
            anstream::println!(
                "{} on {} takes new runs on {deployment}",
                print::text(&function["id"]),
                print::triggers(function)
            );
            tell_refused(function);
        }
    }
    Ok(())
}

fn tell_refused(function: &serde_json::Value) {
    let refused: Vec<_> = function["not_granted"].as_array().into_iter().flatten().map(print::text).collect();
    if !refused.is_empty() {
        let id = print::text(&function["id"]);
        anstream::println!("{id} wishes what [grants] in pawl.toml does not give: {}", refused.join(", "));
    }
}
