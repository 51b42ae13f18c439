//! `pawl events` and `pawl send`.

use super::print;
use super::remote::{Remote, encoded};
use crate::mask;
use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Read;

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// One event, by its id or its sender's (a Stripe `evt_…`), with its runs
    id: Option<String>,
    /// Only events of this name
    #[arg(long)]
    name: Option<String>,
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
#[command(
    after_help = "Examples:\n  pawl send shop/order.placed --data '{\"id\": 7}'\n  pawl send shop/order.placed --data @order.json\n  cat order.json | pawl send shop/order.placed --data -"
)]
pub(super) struct SendArgs {
    /// The event's name: `category/event.name`
    name: String,
    /// Its data: a JSON object, @FILE, or - for standard input
    #[arg(long, default_value = "{}")]
    data: String,
    /// An id of your own: a second event with it is a duplicate
    #[arg(long)]
    id: Option<String>,
    /// The host's event key; `pawl dev` takes any
    #[arg(
        long,
        value_name = "KEY",
        env = "INNGEST_EVENT_KEY",
        hide_env_values = true,
        default_value = "dev"
    )]
    event_key: String,
    #[command(flatten)]
    remote: Remote,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn list(args: ListArgs) -> anyhow::Result<()> {
    if let Some(id) = &args.id {
        return show(&args, id).await;
    }
    let name = args.name.as_deref().map_or(String::new(), |n| format!("&name={}", encoded(n)));
    let found = args.remote.get(&format!("/v1/events?limit={}{name}", args.limit)).await?;
    if args.json {
        print::json(&found["data"]);
        return Ok(());
    }
    let row =
        |e: &Value| ["internal_id", "name", "received_at", "id"].map(|key| print::text(&e[key])).to_vec();
    let rows: Vec<_> = found["data"].as_array().into_iter().flatten().map(row).collect();
    print::table(&["EVENT", "NAME", "RECEIVED", "SENDER'S ID"], &rows);
    Ok(())
}

async fn show(args: &ListArgs, id: &str) -> anyhow::Result<()> {
    let path = format!("/v1/events/{}", encoded(id));
    let event = args.remote.get(&path).await?;
    let runs = args.remote.get(&format!("{path}/runs")).await?;
    if args.json {
        print::json(&json!({"event": event["data"], "runs": runs["data"]}));
        return Ok(());
    }
    let (shown, is_masked) = mask::value(event["data"].clone());
    print::json(&shown);
    if is_masked {
        anstream::println!("personal data and secrets are masked: --json shows all");
    }
    let runs = runs["data"].as_array().cloned().unwrap_or_default();
    if runs.is_empty() {
        anstream::println!("no function took it: `pawl functions` lists which events start which");
    }
    runs.iter().for_each(print::run);
    Ok(())
}

pub(super) async fn send(args: SendArgs) -> anyhow::Result<()> {
    let data = match args.data.as_str() {
        "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("standard input")?;
            text
        }
        file if file.starts_with('@') => {
            std::fs::read_to_string(&file[1..]).with_context(|| format!("--data {file}"))?
        }
        text => text.to_owned(),
    };
    // the text goes on as it is: a number keeps its digits
    let data: Box<serde_json::value::RawValue> =
        serde_json::from_str(&data).context("--data is not valid JSON")?;
    let mut body = format!(r#"{{"name":{},"data":{data}"#, json!(args.name));
    if let Some(id) = &args.id {
        body += &format!(r#","id":{}"#, json!(id));
    }
    body.push('}');
    // several keys may be set for a host; any of them will do
    let key = args.event_key.split(',').next().unwrap_or_default().trim();
    let path = format!("/e/{}", encoded(key));
    let sent = args.remote.send(Method::POST, &path, Some(body.into_bytes())).await?;
    if args.json {
        print::json(&sent);
        return Ok(());
    }
    for id in sent["ids"].as_array().into_iter().flatten() {
        let id = print::text(id);
        anstream::println!("{id}  `pawl events {id}` shows what became of it");
    }
    Ok(())
}
