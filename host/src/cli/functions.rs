//! `pawl functions` and `pawl deploy`.

use super::print;
use super::remote::Remote;
use anyhow::Context;
use reqwest::Method;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
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

pub(super) async fn list(args: ListArgs) -> anyhow::Result<()> {
    let found = args.remote.get("/v1/functions").await?;
    if args.json {
        print::json(&found["data"]);
        return Ok(());
    }
    let functions = found["data"].as_array().cloned().unwrap_or_default();
    let row = |f: &serde_json::Value| {
        let deployment = print::text(&f["deployment"]).chars().take(12).collect();
        let limit = f["concurrency"].as_u64().map_or("-".into(), |n| n.to_string());
        vec![print::text(&f["id"]), print::triggers_short(f), f["retries"].to_string(), limit, deployment]
    };
    let rows: Vec<_> = functions.iter().map(row).collect();
    print::table(&["FUNCTION", "EVENTS", "RETRIES", "AT ONCE", "DEPLOYMENT"], &rows);
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
