//! `pawl snapshot`: what `pawl build` does last for a language that is interpreted, by itself.

use crate::runtime;
use anyhow::Context;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The interpreter, a core module
    interpreter: PathBuf,
    /// The program's text
    program: PathBuf,
    /// Where the plugin goes
    out: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let shown = |path: &PathBuf| path.display().to_string();
    let interpreter = std::fs::read(&args.interpreter).with_context(|| shown(&args.interpreter))?;
    let program = std::fs::read_to_string(&args.program).with_context(|| shown(&args.program))?;
    let plugin = runtime::snapshot(&interpreter, &program)?;
    std::fs::write(&args.out, plugin).with_context(|| shown(&args.out))
}
