//! Everything that CI runs.

use crate::process::{cargo, output_of, repository, shown, target_dir};
use crate::tools::Tools;
use crate::{browser, clock, functions, sdks};
use anyhow::{Context, Result, bail};
use std::process::Command;

/// Workspaces beside the main one; their code is checked natively.
const GUESTS: [&str; 2] = [functions::FUNCTIONS.workspace, functions::GUESTS.workspace];

/// Runs every check, stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    let begun = clock::instant();
    let mut times = Vec::new();
    let mut timed = |heading: &str, check: &dyn Fn() -> Result<()>| -> Result<()> {
        println!("\n== {heading}");
        let begun = clock::instant();
        check().with_context(|| format!("`{heading}` failed"))?;
        let time = begun.elapsed().as_secs_f32();
        println!("== {heading}: {time:.1} s");
        times.push((heading.to_owned(), time));
        Ok(())
    };
    timed("format", &format)?;
    timed("functions", &|| functions::build(&functions::FUNCTIONS))?;
    timed("guests of the tests", &|| functions::build(&functions::GUESTS))?;
    timed("clippy", &clippy)?;
    // the end-to-end tests start it
    timed("host", &|| functions::host().map(drop))?;
    let tools = Tools::ready();
    timed("other languages", &|| other_languages(&tools))?;
    timed("SDKs", &|| sdks(&tools))?;
    timed("tests", &|| tests(&tools))?;
    timed("browser", &browser::check)?;
    timed("documentation", &documentation)?;
    if repository().join("deny.toml").exists() && has("deny") {
        timed("dependencies", &dependencies)?;
    }
    println!("\nall checks passed in {:.0} s", begun.elapsed().as_secs_f32());
    for (heading, time) in times {
        println!("  {heading:<24}{time:>7.1} s");
    }
    Ok(())
}

fn format() -> Result<()> {
    // --all would follow the guests' path to the SDK, which is the main workspace's
    for workspace in [".", GUESTS[0], GUESTS[1]] {
        check(&["fmt", "--check"], workspace, &[])?;
    }
    Ok(())
}

fn clippy() -> Result<()> {
    let lint = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    for workspace in [".", GUESTS[0], GUESTS[1]] {
        check(&lint, workspace, &[])?;
    }
    Ok(())
}

/// The guests that the host builds itself.
fn other_languages(tools: &Result<Tools>) -> Result<()> {
    let host = functions::host()?;
    functions::build_others(&functions::FUNCTIONS, &host, tools.as_ref().ok())?;
    functions::build_others(&functions::GUESTS, &host, tools.as_ref().ok())
}

/// The SDKs by themselves. Where their tools are not on this machine that is said; in CI it
/// is an error.
fn sdks(tools: &Result<Tools>) -> Result<()> {
    match tools {
        Ok(tools) => {
            sdks::check(tools)?;
            sdks::engine(tools)
        }
        Err(e) if std::env::var_os("CI").is_none() => {
            println!("SKIPPED: {e:#}");
            Ok(())
        }
        Err(e) => bail!("{e:#}"),
    }
}

fn tests(tools: &Result<Tools>) -> Result<()> {
    let path = tools.as_ref().map_or_else(|_| std::env::var_os("PATH").unwrap_or_default(), Tools::path);
    let path = path.to_string_lossy();
    let env = [("PATH", &*path)];
    if has("nextest") {
        check(&["nextest", "run", "--locked", "--workspace"], ".", &env)?;
        check(&["test", "--locked", "--workspace", "--doc"], ".", &[])?;
    } else {
        check(&["test", "--locked", "--workspace"], ".", &env)?;
    }
    // what the functions decide, without a host
    check(&["test", "--locked", "--workspace"], functions::FUNCTIONS.workspace, &[])
}

fn documentation() -> Result<()> {
    let doc = ["doc", "--locked", "--workspace", "--no-deps"];
    check(&doc, ".", &[("RUSTDOCFLAGS", "-D warnings")])
}

/// Licences and origins; known faults where their database can be had.
fn dependencies() -> Result<()> {
    check(&["deny", "--locked", "check", "bans", "licenses", "sources"], ".", &[])?;
    if output_of(cargo(), &["deny", "fetch"]).is_none() {
        println!("the database of advisories cannot be reached from here: not checked");
        return Ok(());
    }
    check(&["deny", "--locked", "check", "advisories"], ".", &[])
}

/// Whether cargo has this subcommand.
fn has(subcommand: &str) -> bool {
    output_of(cargo(), &[subcommand, "--version"]).is_some()
}

fn check(arguments: &[&str], workspace: &str, env: &[(&str, &str)]) -> Result<()> {
    let mut command = Command::new(cargo());
    command.args(arguments).envs(env.iter().copied()).current_dir(repository().join(workspace));
    if workspace != "." {
        // much of it is compiled already
        command.env("CARGO_TARGET_DIR", target_dir()?);
    }
    let line = shown(&command);
    println!("$ {line}");
    let status = command.status().context("cannot start cargo")?;
    if !status.success() {
        bail!("{status}; to repeat it alone:\n  {line}");
    }
    Ok(())
}
