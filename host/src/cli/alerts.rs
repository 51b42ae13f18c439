//! `pawl alerts`.

use super::print;
use super::remote::Remote;
use reqwest::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List what was raised and resolved, newest first
    History(HistoryArgs),
    /// Send a channel something at once, to see that it arrives
    Test(TestArgs),
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
struct HistoryArgs {
    /// At most so many
    #[arg(long, default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, clap::Args)]
struct TestArgs {
    /// The channel's name in pawl.toml
    channel: String,
    #[command(flatten)]
    list: ListArgs,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.verb {
        None => rules(&args.list).await?,
        Some(Verb::History(HistoryArgs { limit, list })) => history(&list, limit).await?,
        Some(Verb::Test(TestArgs { channel, list })) => return test(&list, &channel).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn rules(args: &ListArgs) -> anyhow::Result<()> {
    let found = args.remote.get("/v1/alerts").await?;
    let row = |rule: &Value| {
        let mut row = ["name", "subject", "state"].map(|key| print::text(&rule[key])).to_vec();
        row.push(print::seconds(&rule["since"]));
        row.extend(["value", "limit"].map(|key| print::text(&rule[key])));
        row
    };
    table(args, &found["data"], &["RULE", "ABOUT", "STATE", "SINCE", "MEASURED", "RAISED AT"], row);
    Ok(())
}

async fn history(args: &ListArgs, limit: usize) -> anyhow::Result<()> {
    let found = args.remote.get(&format!("/v1/alerts/history?limit={limit}")).await?;
    let row = |record: &Value| {
        let mut row = vec![print::seconds(&record["at"])];
        row.extend(["state", "rule", "text"].map(|key| print::text(&record[key])));
        row
    };
    table(args, &found["data"], &["TIME", "STATE", "RULE", "WHAT"], row);
    Ok(())
}

fn table(args: &ListArgs, data: &Value, heading: &[&str], row: impl Fn(&Value) -> Vec<String>) {
    if args.json {
        return print::json(data);
    }
    let rows: Vec<_> = data.as_array().into_iter().flatten().map(row).collect();
    print::table(heading, &rows);
}

async fn test(args: &ListArgs, channel: &str) -> anyhow::Result<ExitCode> {
    let body = json!({ "channel": channel }).to_string().into_bytes();
    let sent = args.remote.send(Method::POST, "/v1/alerts/test", Some(body)).await?;
    let sent = &sent["data"];
    let is_there = sent["delivered"] == true;
    if args.json {
        print::json(sent);
    } else if is_there {
        anstream::println!("{channel} has taken a test");
    } else {
        anstream::eprintln!("{channel} did not take a test: {}", print::text(&sent["error"]));
    }
    Ok(if is_there { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
