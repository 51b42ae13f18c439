//! The project's own commands: `cargo xtask`.

mod bench;
mod browser;
mod checks;
mod clock;
mod demo;
mod functions;
mod process;
mod sdks;
mod tools;
mod wasm;

use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  demo [--keep] [--data FOLDER]
             builds everything, delivers three signed Stripe events to a host of its
             own and shows what became of them; --keep goes on serving until Ctrl-C,
             --data keeps the host's data in that folder
  test       everything that CI runs, set-up included
  functions  builds functions/ into target/functions/*.wasm, and the same functions in
             other languages into target/functions-*/ with the host's `pawl build`
  guests     builds tests/guests/ into target/guests-wasm/*.wasm, in every language
  browser [ARGUMENT]…
             the dashboard's tests in a real browser; arguments are Playwright's.
             PAWL_SCREENSHOTS=1 draws docs/screens/ anew
  bench [SECTION]…
             measures what docs/performance.md tells, in release; all sections
             together write its table
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("xtask: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["demo", options @ ..] => demo::run(&demo_options(options)?),
        ["test"] => checks::run(),
        ["functions"] => build(&functions::FUNCTIONS),
        ["guests"] => build(&functions::GUESTS),
        ["browser", arguments @ ..] => browser::run(arguments),
        ["bench", sections @ ..] => bench::run(sections),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        _ => bail!("`{}` is no command\n\n{HELP}", arguments.join(" ")),
    }
}

fn build(guests: &functions::Guests) -> Result<()> {
    functions::build(guests)?;
    let tools = tools::Tools::ready().inspect_err(|e| println!("{e:#}")).ok();
    functions::build_others(guests, &functions::host()?, tools.as_ref())
}

fn demo_options(arguments: &[&str]) -> Result<demo::Options> {
    let mut options = demo::Options::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match (*argument, argument.split_once('=')) {
            ("--keep", _) => options.is_kept = true,
            ("--data", _) => match rest.next() {
                Some(folder) => options.data = Some(PathBuf::from(folder)),
                None => bail!("--data wants a folder"),
            },
            (_, Some(("--data", folder))) => options.data = Some(PathBuf::from(folder)),
            _ => bail!("demo has no option `{argument}`\n\n{HELP}"),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demos_options_are_read_in_any_order_and_a_wrong_one_is_named() {
        for arguments in [&["--data", "x", "--keep"][..], &["--keep", "--data=x"]] {
            let options = demo_options(arguments).expect("valid");
            assert!(options.is_kept && options.data == Some("x".into()));
        }
        assert!(demo_options(&["--data"]).is_err());
        let wrong = demo_options(&["--keepp"]).expect_err("no such option");
        assert!(wrong.to_string().contains("`--keepp`"));
    }
}
