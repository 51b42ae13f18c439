//! `pawl new`: a project that builds and passes its own test.

use super::print;
use crate::project::Language;
use crate::project::create::create;
use anyhow::bail;
use clap::builder::PossibleValuesParser;
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What it is called: small letters, digits and `-`; the folder has this name
    name: String,
    /// What it is written in
    #[arg(long, value_name = "LANGUAGE", value_parser = PossibleValuesParser::new(Language::ALL.map(Language::id)))]
    lang: Option<String>,
}

/// Makes it in the working folder, and says what comes next.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let name = &args.name;
    let named = |language: &Language| args.lang.as_deref() == Some(language.id());
    let Some(language) = Language::ALL.into_iter().find(named) else {
        let all = Language::ALL.map(|language| format!("\n  pawl new {name} --lang {}", language.id()));
        bail!("what is it to be written in?{}", all.concat());
    };
    create(Path::new("."), name, language)?;
    let (strong, off) = (print::STRONG.render(), print::STRONG.render_reset());
    anstream::println!("{strong}{name}/{off} is a project in {language}. What comes next:\n");
    let send = format!("pawl send {name}/requested --data '{{\"name\": \"Ada\"}}'");
    for (command, what) in [
        (format!("cd {name}").as_str(), ""),
        ("pawl build", "makes its component"),
        (test_command(language), "runs its test"),
        ("pawl dev", "serves it, and builds again when a file changes"),
        (&send, "starts it, from another shell in that folder"),
    ] {
        anstream::println!("  {}", format!("{command:<22}  {what}").trim_end());
    }
    Ok(())
}

/// How a project of this language is tested, once it was built.
fn test_command(language: Language) -> &'static str {
    match language {
        Language::Rust => "cargo test",
        Language::TypeScript | Language::JavaScript => "npm test",
        Language::Python => ".venv/bin/pytest",
        Language::Go => "go test ./...",
    }
}
