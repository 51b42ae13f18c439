//! `pawl keys`: makes, lists and ends the keys of a data folder, beside a host that runs.

use super::print;
use super::remote::running_at;
use crate::clock;
use crate::config::Config;
use crate::http::time;
use crate::keys::{self, BadFile, Key, Kind, New, Signer, Signs, Started};
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

pub(super) fn run(verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::New(args) => new(args),
        Verb::Rotate(args) => rotate(args),
        Verb::List(args) => list(&args),
        Verb::End(args) => end(&args),
    }
}

impl Folder {
    fn path(&self) -> PathBuf {
        let (_, data) = Config::whereabouts();
        self.data.clone().or(data).unwrap_or_else(|| "./.pawl".into())
    }
}

fn new(args: NewArgs) -> anyhow::Result<()> {
    let (now, folder) = (clock::now(), args.folder.path());
    let started = Started::read(&folder);
    let new = New::make(args.kind, args.name, args.lasts.map(Span::from), now);
    let signs = keys::change(&folder, now, |keys| {
        keys.push(new.kept.clone());
        Ok::<_, BadFile>(Signer::of(keys, started.as_ref(), now).is(&new.kept))
    })?;
    show(&args.folder, &new.kept, Some(&new), signs, now);
    if args.kind == Kind::Signing && !args.folder.json {
        anstream::eprintln!("{}", told(signs, started.as_ref(), running_at(&folder).is_some()));
    }
    Ok(())
}

/// What becomes of a signing key that was just made.
fn told(signs: Signs, started: Option<&Started>, is_running: bool) -> String {
    let host = match (started, is_running) {
        (Some(Started::Serve(_)), true) => "The host",
        (Some(Started::Serve(_)), false) => "The host is stopped. Started again as it was last it",
        (Some(Started::Dev), _) => "`pawl dev`, which was started here last, signs nothing. `pawl serve`",
        (None, _) => "No host has been started here yet. One",
    };
    let next = "give it to operators and apps beside the one they have, then `pawl keys rotate signing`";
    match signs {
        Signs::Yes => format!("{host} has no other signing key: it signs with this one."),
        Signs::No => format!("{host} accepts it, and goes on to sign with another: {next}."),
        Signs::IfAlone => format!(
            "{host} without a signing key in its environment signs with this one; one that has another there \
             accepts it beside that: then {next}."
        ),
    }
}

fn rotate(args: RotateArgs) -> anyhow::Result<()> {
    let (now, folder) = (clock::now(), args.folder.path());
    let started = Started::read(&folder);
    let (kept, made) = keys::change(&folder, now, |keys| {
        let signer = Signer::of(keys, started.as_ref(), now);
        // a rotation takes the newest one: what is older than the last one has had its time
        let last_at = keys.iter().filter_map(|key| key.signs_since).max();
        // where it is not known which one signs, apps may know the one that waits, and no new one
        let waits = |key: &&mut Key| {
            args.kind == Kind::Signing
                && key.kind == Kind::Signing
                && key.is_active(now)
                && key.signs_since.is_none()
                && last_at.is_none_or(|last| last < key.created_at)
                && signer.is(key) != Signs::Yes
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
    // of an event key this says nothing
    show(&args.folder, &kept, made.as_ref(), Signs::Yes, now);
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

/// A key that was made or taken up; its text alone on standard output, so that it can be piped.
fn show(folder: &Folder, kept: &Key, made: Option<&New>, signs: Signs, now: Timestamp) {
    if folder.json {
        let mut shown = view(kept, signs, now);
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

fn view(key: &Key, signs: Signs, now: Timestamp) -> Value {
    let state = match (key.is_active(now), key.kind, signs) {
        (false, ..) => "ended",
        (true, Kind::Event, _) => "active",
        (true, Kind::Signing, Signs::Yes) => "signs",
        (true, Kind::Signing, Signs::No) => "accepted",
        (true, Kind::Signing, Signs::IfAlone) => "signs if alone",
    };
    let hash: String = key.hash.chars().take(12).collect();
    json!({
        "id": key.id, "kind": word(key.kind), "name": key.name, "hash": hash, "state": state,
        "created_at": time(key.created_at), "ends_at": key.ends_at.and_then(time),
    })
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let (now, folder) = (clock::now(), args.folder.path());
    let keys = keys::list(&folder)?;
    let signer = Signer::of(&keys, Started::read(&folder).as_ref(), now);
    let views: Vec<_> = keys.iter().map(|key| view(key, signer.is(key), now)).collect();
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
        print::json(&view(&key, Signs::No, now));
    } else {
        anstream::println!("{} has ended", key.id);
    }
    Ok(())
}
