//! The benchmarks: everything that they measure is built in release, then measured.

use crate::functions;
use crate::process::{cargo, repository, succeed, target_dir};
use anyhow::Result;
use std::process::Command;

/// Runs these sections, or all of them.
pub(crate) fn run(sections: &[&str]) -> Result<()> {
    functions::build(&functions::FUNCTIONS)?;
    functions::build(&functions::GUESTS)?;
    let build = ["build", "--locked", "--release", "-p", "pawl", "-p", "pawl-bench"];
    succeed(Command::new(cargo()).args(build).current_dir(repository()))?;
    let release = target_dir()?.join("release");
    succeed(Command::new(release.join("pawl-bench")).args(sections).env("PAWL_BIN", release.join("pawl")))
}
