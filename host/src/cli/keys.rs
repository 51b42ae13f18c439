//! `pawl keys`: makes, lists and ends the keys of a data folder, beside a host that runs.

use super::print;
use super::remote::Remote;
use crate::clock;
use crate::config::Config;
use crate::http::time;
use crate::keys::{self, BadFile, Key, Kind, New};
use anyhow::{Context, bail};
use pawl_engine::{Span, Timestamp};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Make a key, and show it once
    #[command(
        after_help = "A new signing key is accepted at once. A host that has another one, here or in its environment, goes on to sign with that, until `pawl keys rotate signing`.\n\nExamples:\n  pawl keys new event --name shop --for 90d\n  pawl keys new signing"
    )]
    New(NewArgs),
    /// Begin to use a new key, and give the others of its kind an end
    #[command(
        after_help = "Takes the signing key that `pawl keys new signing` made, where one waits; else makes one.\n\nExample:\n  pawl keys rotate signing --grace 24h"
    )]
    Rotate(RotateArgs),
    /// List the keys, never their text
    List(ListArgs),
    /// End a key now
    End(EndArgs),
}

#[derive(Debug, clap::Args)]
struct Folder {
    /// The host's data folder [pawl.toml: data] [default: ./.pawl]
    #[arg(long, value_name = "FOLDER", env = "PAWL_DATA")]
    data: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct NewArgs {
    /// What for
    kind: Kind,
    /// What to call it
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
    /// How long it holds [default: until it is ended]
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    lasts: Option<Duration>,
    #[command(flatten)]
    folder: Folder,
}

#[derive(Debug, clap::Args)]
pub(super) struct RotateArgs {
    /// Of which kind
    kind: Kind,
    /// What to call the new one
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
    /// How long the others still hold
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = humantime::parse_duration)]
    grace: Duration,
    #[command(flatten)]
    folder: Folder,
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    folder: Folder,
}

#[derive(Debug, clap::Args)]
pub(super) struct EndArgs {
    /// The key's id, as `pawl keys list` shows it
    id: String,
    #[command(flatten)]
    folder: Folder,
}

/// How long a running host may take to say what it signs with.
const HOST_ANSWERS: Duration = Duration::from_secs(5);

/// Characters of a name.
const NAME_CHARS: usize = 100;

fn name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is empty".into()),
        name if name.chars().count() > NAME_CHARS || name.chars().any(char::is_control) => {
            Err(format!("at most {NAME_CHARS} characters that can be printed"))
        }
        name => Ok(name.to_owned()),
    }
}

pub(super) async fn run(verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::New(args) => new(args).await,
        Verb::Rotate(args) => rotate(args).await,
        Verb::List(args) => list(&args).await,
        Verb::End(args) => end(&args),
    }
}

impl Folder {
    fn path(&self) -> PathBuf {
        let (_, data) = Config::whereabouts();
        self.data.clone().or(data).unwrap_or_else(|| "./.pawl".into())
    }
}

/// What the host of a data folder signs with, as it says itself: its environment is its own,
/// and may be another than that of this command.
struct Signer(Option<String>);

impl Signer {
    async fn of(data: PathBuf) -> Self {
        let of_env = || std::env::var("INNGEST_SIGNING_KEY").ok();
        let key = keys::of_operator(&data).map(|key| key.expose().to_owned()).or_else(of_env);
        let Some(host) = Remote::running(data, key) else { return Self(None) };
        let asked = tokio::time::timeout(HOST_ANSWERS, host.get("/v1/keys")).await;
        let answer = asked.ok().and_then(Result::ok).unwrap_or_default();
        Self(answer["data"][0]["hash"].as_str().map(ToOwned::to_owned))
    }

    /// Whether the host signs with this key; `None` when none could be asked.
    fn is(&self, key: &Key) -> Option<bool> {
        self.0.as_ref().map(|hash| key.kind == Kind::Signing && key.hash.starts_with(hash))
    }
}

async fn new(args: NewArgs) -> anyhow::Result<()> {
    let now = clock::now();
    let new = New::make(args.kind, args.name, args.lasts.map(Span::from), now);
    keys::change(&args.folder.path(), now, |keys| {
        keys.push(new.kept.clone());
        Ok::<_, BadFile>(())
    })?;
    let signer = match args.kind {
        Kind::Signing => Signer::of(args.folder.path()).await,
        Kind::Event => Signer(None),
    };
    show(&args.folder, &new.kept, Some(&new), &signer, now);
    if args.kind == Kind::Signing && !args.folder.json {
        let next = "give it to operators and apps beside the one they have, then `pawl keys rotate signing`";
        match signer.is(&new.kept) {
            Some(true) => {
                anstream::eprintln!("The host has no other signing key: it signs with this one now.")
            }
            Some(false) => anstream::eprintln!(
                "It is accepted from now on, and the host goes on to sign with another: {next}."
            ),
            None => anstream::eprintln!(
                "No running host could be asked. One that has no other signing key, here or in its environment, signs \
                 with this one; one that has another accepts it beside that: then {next}."
            ),
        }
    }
    Ok(())
}

async fn rotate(args: RotateArgs) -> anyhow::Result<()> {
    let now = clock::now();
    let folder = args.folder.path();
    let signer = match args.kind {
        Kind::Signing => Signer::of(folder.clone()).await,
        Kind::Event => Signer(None),
    };
    let (kept, made) = keys::change(&folder, now, |keys| {
        // without the host's word: the only key there is does not wait for another to end
        let is_signing = |key: &Key| key.kind == Kind::Signing && key.is_active(now);
        let is_only = keys.iter().filter(|key| is_signing(key)).count() == 1 && !has_env_key();
        // a rotation takes the newest one: what is older than the last one has had its time
        let last_at = keys.iter().filter_map(|key| key.signs_since).max();
        let waits = |key: &&mut Key| {
            args.kind == Kind::Signing
                && is_signing(key)
                && key.signs_since.is_none()
                && last_at.is_none_or(|last| last < key.created_at)
                && !signer.is(key).unwrap_or(is_only)
        };
        let waiting = keys.iter_mut().filter(waits).max_by_key(|key| key.created_at);
        let (id, made) = match waiting {
            Some(key) => {
                key.signs_since = Some(now);
                (key.id.clone(), None)
            }
            None => {
                let mut new = New::make(args.kind, args.name.clone(), None, now);
                new.kept.signs_since = Some(now).filter(|_| args.kind == Kind::Signing);
                keys.push(new.kept.clone());
                (new.kept.id.clone(), Some(new))
            }
        };
        let last = now + Span::from(args.grace);
        for key in keys.iter_mut().filter(|key| key.kind == args.kind && key.id != id && key.is_active(now)) {
            key.ends_at = Some(key.ends_at.map_or(last, |end| end.min(last)));
        }
        let kept = keys.iter().find(|key| key.id == id).cloned();
        Ok::<_, BadFile>((kept, made))
    })?;
    let kept = kept.context("the key that was just made is not there")?;
    let signer = Signer(Some(kept.hash.clone()).filter(|_| kept.kind == Kind::Signing));
    show(&args.folder, &kept, made.as_ref(), &signer, now);
    let name = match args.kind {
        Kind::Event => "INNGEST_EVENT_KEY",
        Kind::Signing => "INNGEST_SIGNING_KEY",
    };
    if !args.folder.json {
        anstream::eprintln!(
            "The others hold for another {}. A key of {name} holds until it is taken out of the host's environment.",
            humantime::format_duration(args.grace)
        );
    }
    Ok(())
}

/// Whether this command's own environment has a signing key.
fn has_env_key() -> bool {
    std::env::var("INNGEST_SIGNING_KEY").is_ok_and(|key| !key.trim().is_empty())
}

/// A key that was made or taken up; its text alone on standard output, so that it can be piped.
fn show(folder: &Folder, kept: &Key, made: Option<&New>, signer: &Signer, now: Timestamp) {
    if folder.json {
        let mut shown = view(kept, signer, now);
        if let Some(made) = made {
            shown["key"] = json!(made.text.expose());
        }
        return print::json(&shown);
    }
    match made {
        Some(made) => {
            anstream::eprintln!("{} ({}) is shown this once:", kept.id, word(kept.kind));
            anstream::println!("{}", made.text.expose());
        }
        None => anstream::println!("{} is what is signed with from now on", kept.id),
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Event => "event",
        Kind::Signing => "signing",
    }
}

fn view(key: &Key, signer: &Signer, now: Timestamp) -> Value {
    let signs = signer.is(key).unwrap_or(key.signs_since.is_some());
    let state = match (key.is_active(now), key.kind, signs) {
        (false, ..) => "ended",
        (true, Kind::Signing, false) => "accepted",
        (true, Kind::Signing, true) => "signs",
        (true, Kind::Event, _) => "active",
    };
    let hash: String = key.hash.chars().take(12).collect();
    json!({
        "id": key.id, "kind": word(key.kind), "name": key.name, "hash": hash, "state": state,
        "created_at": time(key.created_at), "ends_at": key.ends_at.and_then(time),
    })
}

async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let now = clock::now();
    let keys = keys::list(&args.folder.path())?;
    let signer = Signer::of(args.folder.path()).await;
    let views: Vec<_> = keys.iter().map(|key| view(key, &signer, now)).collect();
    if args.folder.json {
        print::json(&json!(views));
        return Ok(());
    }
    let row = |key: &Value| {
        let mut row = ["id", "kind", "name", "state", "hash"].map(|name| print::text(&key[name])).to_vec();
        row.extend(["created_at", "ends_at"].map(|name| print::seconds(&key[name])));
        row
    };
    let rows: Vec<_> = views.iter().map(row).collect();
    print::table(&["ID", "KIND", "NAME", "STATE", "HASH", "MADE", "ENDS"], &rows);
    Ok(())
}

fn end(args: &EndArgs) -> anyhow::Result<()> {
    let now = clock::now();
    let ended = keys::change(&args.folder.path(), now, |keys| {
        let found = keys.iter_mut().find(|key| key.id == args.id);
        Ok::<_, BadFile>(found.map(|key| {
            key.ends_at = Some(key.ends_at.map_or(now, |end| end.min(now)));
            key.clone()
        }))
    })?;
    let Some(key) = ended else { bail!("there is no key {}: `pawl keys list` shows them", args.id) };
    if args.folder.json {
        print::json(&view(&key, &Signer(None), now));
    } else {
        anstream::println!("{} has ended", key.id);
    }
    Ok(())
}
