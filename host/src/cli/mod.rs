//! The command line: one file a group of verbs. Commands print to standard output,
//! what goes wrong to standard error; `--json` prints what a machine reads.

mod alerts;
mod build;
mod check;
mod doctor;
mod events;
mod functions;
mod host;
mod keys;
mod new;
mod print;
mod remote;
mod runs;
mod snapshot;
mod watch;

use crate::config::Flags;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Durable functions of steps, as sandboxed Wasm components, in one process.
#[derive(Debug, Parser)]
#[command(name = "pawl", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  pawl new ship-orders --lang typescript            a project with one function and its test
  pawl dev                                          build and serve the project of this folder,
                                                    and ./functions/*.wasm, port 3000
  pawl send shop/order.placed --data '{\"id\": 7}'    send an event to it
  pawl runs list --status failed                    what went wrong
  pawl runs show 01KB2Y…                            its steps, tries and errors
  pawl doctor                                       what is wrong with this set-up";

/// What is secret, or another product's name, has no flag.
const ENVIRONMENT: &str = "\
Environment without flags:
  INNGEST_EVENT_KEY             keys of the event API, separated by commas
  INNGEST_SIGNING_KEY           the operator's key; INNGEST_SIGNING_KEY_FALLBACK during a rotation
  STRIPE_WEBHOOK_SECRET         the endpoint's signing secrets, separated by commas
  INSTANT_APP_ID, INSTANT_ADMIN_TOKEN, INSTANT_API_URI
                                where the checkout function writes; the host's key-value without
  PAWL_METRICS_TOKEN            what may read /metrics besides the operator's key, separated by commas
  OTEL_EXPORTER_OTLP_ENDPOINT   where spans of runs go, over HTTP [pawl.toml: telemetry.otlp];
                                also OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME and others:
                                docs/observability.md
  INNGEST_DEV                   `pawl serve` refuses to start with it";

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a project: a function with its test
    #[command(after_help = "Example:\n  pawl new ship-orders --lang typescript")]
    New(new::Args),
    /// Build the component of a project: Rust, TypeScript, JavaScript, Python, Go
    #[command(
        after_help = "Examples:\n  pawl build                                the project of this folder, to dist/\n  pawl build ship-orders refunds --out functions\n\nEnds with 3 where a tool is missing on this machine."
    )]
    Build(build::Args),
    /// Build and serve on this machine: no keys, loopback only, the test endpoint on
    #[command(after_help = format!("{ENVIRONMENT}\n\nExamples:\n  pawl dev                                  the project of this folder, built anew when a file changes\n  pawl dev --project ship-orders --project refunds\n  STRIPE_WEBHOOK_SECRET=whsec_… pawl dev --functions target/functions"))]
    Dev(host::DevArgs),
    /// Serve in production; needs an event key and a signing key, of the environment or of `pawl keys`
    #[command(
        after_help = format!("{ENVIRONMENT}\n\nExample:\n  INNGEST_EVENT_KEY=… INNGEST_SIGNING_KEY=… pawl serve --addr 0.0.0.0:3000")
    )]
    Serve(Flags),
    /// Show what a .wasm holds and wants: functions, triggers, imports, wishes, size
    #[command(after_help = "Example:\n  pawl check target/functions/*.wasm")]
    Check(check::Args),
    /// Upload a .wasm to a running host
    #[command(after_help = "Example:\n  pawl deploy my-function.wasm --url https://pawl.example.com")]
    Deploy(functions::DeployArgs),
    /// Send an event to a running host
    Send(events::SendArgs),
    /// List, show and steer the runs of a running host
    #[command(subcommand)]
    Runs(runs::Verb),
    /// List the functions of a running host, pause and resume them
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Examples:\n  pawl functions\n  pawl functions pause ship-order      its runs wait; events go on making runs"
    )]
    Functions(functions::Args),
    /// List the events of a running host, or show one
    #[command(
        after_help = "Examples:\n  pawl events --name stripe/checkout.session.completed\n  pawl events evt_1Abc…"
    )]
    Events(events::ListArgs),
    /// List the alerts of a running host and what became of them, and test its channels
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Examples:\n  pawl alerts\n  pawl alerts history --limit 50\n  pawl alerts test ops        sends the channel `ops` something at once"
    )]
    Alerts(alerts::Args),
    /// Make, list, rotate and end the keys of a data folder; a running host takes them up at once
    #[command(subcommand)]
    Keys(keys::Verb),
    /// Make a plugin of an interpreter and a program
    #[command(hide = true)]
    Snapshot(snapshot::Args),
    /// Check a set-up, and say what to do about what is wrong
    Doctor(doctor::Args),
}

/// The whole program: arguments in, exit code out. 0: done; 1: not done, with the
/// reason on standard error; 2: the arguments are wrong.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("error: no threads to work with: {e}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(dispatch(cli.command));
    // a compiler thread that is busy is no reason to wait
    runtime.shutdown_background();
    match done {
        Ok(code) => code,
        Err(e) => {
            anstream::eprintln!("{}error:{} {e:#}", print::BAD.render(), print::BAD.render_reset());
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::New(args) => new::run(&args)?,
        Command::Build(args) => return build::run(args).await,
        Command::Dev(args) => host::dev(args).await?,
        Command::Serve(flags) => host::serve(flags).await?,
        Command::Check(args) => return check::run(&args),
        Command::Deploy(args) => functions::deploy(args).await?,
        Command::Send(args) => events::send(args).await?,
        Command::Runs(verb) => return runs::run(verb).await,
        Command::Functions(args) => functions::run(args).await?,
        Command::Events(args) => events::list(args).await?,
        Command::Alerts(args) => return alerts::run(args).await,
        Command::Keys(verb) => keys::run(verb)?,
        Command::Snapshot(args) => snapshot::run(&args)?,
        Command::Doctor(args) => return doctor::run(args).await,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_table_of_commands_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
