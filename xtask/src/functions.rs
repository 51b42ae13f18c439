//! Builds the guests: the project's functions, and those of the tests.
//!
//! What cargo builds is a core module that carries its own description: the host makes
//! the component of it in a few milliseconds when it loads it. So there is no tool to
//! install and no step between cargo and the host, and the Rust guests are built before
//! there is one. Those in other languages are built by the host's own `pawl build`.

use crate::process::{cargo, metadata, repository, shown, succeed, target_dir};
use crate::tools::Tools;
use crate::wasm::{self, TARGET};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Guests that are built together.
pub(crate) struct Guests {
    /// The workspace of those in Rust, in the repository.
    pub(crate) workspace: &'static str,
    /// Where its components go, in the repository's `target`, wherever else cargo
    /// builds: that is where tests and people look.
    pub(crate) output: &'static str,
    /// Projects in other languages in the repository, and their files in `target`.
    others: &'static [(&'static str, &'static str)],
}

/// The functions. Those in other languages are the same ones: each has a folder to serve.
pub(crate) const FUNCTIONS: Guests = Guests {
    workspace: "functions",
    output: "functions",
    others: &[
        ("functions/typescript", "functions-typescript/stripe-typescript.wasm"),
        ("functions/python", "functions-python/stripe-python.wasm"),
    ],
};

/// The tests' guests.
pub(crate) const GUESTS: Guests = Guests {
    workspace: "tests/guests",
    output: "guests-wasm",
    others: &[
        ("tests/guests/conformance/typescript", "guests-wasm/conformance-typescript.wasm"),
        ("tests/guests/conformance/python", "guests-wasm/conformance-python.wasm"),
        ("tests/guests/conformance/go", "guests-wasm/conformance-go.wasm"),
    ],
};

/// How `pawl build` ends where a tool is missing on this machine.
const MISSING: i32 = 3;

impl Guests {
    /// The folder of the built components.
    pub(crate) fn folder(&self) -> PathBuf {
        repository().join("target").join(self.output)
    }
}

/// Builds the Rust guests, one `.wasm` for each package with a plugin in it, and prints
/// their sizes. A file whose bytes are the same stays untouched, so that a host that
/// watches the folder sees no change.
pub(crate) fn build(guests: &Guests) -> Result<()> {
    let workspace = repository().join(guests.workspace);
    // apart from what the host is made of: the compiler may be another one
    let built = target_dir()?.join("guests");
    let mut command = wasm::ready()?.build(&[(&repository(), "pawl")]);
    command.arg("--locked").current_dir(&workspace).env("CARGO_TARGET_DIR", &built);
    println!("$ {}", shown(&command));
    succeed(&mut command)?;
    let folder = guests.folder();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut names = plugins(&metadata(&workspace)?);
    let from = built.join(TARGET).join("release");
    println!("\n{}:", folder.strip_prefix(repository()).unwrap_or(&folder).display());
    for name in &names {
        let bytes = fs::read(from.join(format!("{}.wasm", name.replace('-', "_"))))
            .with_context(|| format!("cargo built no {name}"))?;
        put(&folder.join(format!("{name}.wasm")), &bytes)?;
        println!(
            "  {name}.wasm{:>w$} KB",
            bytes.len().div_ceil(1_024),
            w = 40usize.saturating_sub(name.len())
        );
    }
    let others = guests.others.iter().filter_map(|(_, file)| Path::new(file).file_stem());
    names.extend(others.map(|name| name.to_string_lossy().into_owned()));
    remove_others(&folder, &names)
}

/// Builds the guests in other languages with this host. One whose tools are not on this
/// machine is left out, which is said; in CI that is an error.
pub(crate) fn build_others(guests: &Guests, pawl: &Path, tools: Option<&Tools>) -> Result<()> {
    let target = repository().join("target");
    for (project, file) in guests.others {
        let mut command = Command::new(pawl);
        command.current_dir(repository()).args(["build", project, "--out"]).arg(target.join(file));
        // the tests' hosts take the compiled code from there
        command.env("PAWL_CACHE", compiled(&target_dir()?, file));
        if let Some(tools) = tools {
            command.env("PATH", tools.path());
        }
        println!("$ {}", shown(&command));
        let status = command.status().with_context(|| format!("cannot start {}", shown(&command)))?;
        match status.code() {
            Some(0) => {}
            Some(MISSING) if std::env::var_os("CI").is_none() => println!("SKIPPED {project}"),
            _ => bail!("failed ({status}): {}", shown(&command)),
        }
    }
    Ok(())
}

/// The host as it is built for development.
pub(crate) fn host() -> Result<PathBuf> {
    let mut command = Command::new(cargo());
    // with the whole workspace: alone it would have other features of its dependencies,
    // and they would be compiled twice
    command.current_dir(repository()).args(["build", "--locked", "--workspace"]);
    println!("$ {}", shown(&command));
    succeed(&mut command)?;
    Ok(target_dir()?.join("debug").join(format!("pawl{}", std::env::consts::EXE_SUFFIX)))
}

/// Where the tests' hosts look for the code of a component (`tests/src/languages.rs`).
fn compiled(target: &Path, file: &str) -> PathBuf {
    target.join("compiled-guests").join(Path::new(file).file_stem().unwrap_or_default())
}

/// The packages of a workspace that become plugins, by what cargo says of it.
fn plugins(metadata: &serde_json::Value) -> BTreeSet<String> {
    let is_plugin = |package: &&serde_json::Value| {
        let targets = package["targets"].as_array().into_iter().flatten();
        let mut kinds = targets.filter_map(|target| target["crate_types"].as_array()).flatten();
        kinds.any(|kind| kind == "cdylib")
    };
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages.filter(is_plugin).filter_map(|package| package["name"].as_str().map(str::to_owned)).collect()
}

/// Written beside and renamed: a host that watches never sees half a file.
fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let part = path.with_extension("part");
    fs::write(&part, bytes)
        .and_then(|()| fs::rename(&part, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// What an earlier build left and no package stands for any more.
fn remove_others(folder: &Path, names: &BTreeSet<String>) -> Result<()> {
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let is_known = path.file_stem().is_some_and(|name| names.contains(&*name.to_string_lossy()));
        if path.extension().is_some_and(|e| e == "wasm") && !is_known {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_package_with_a_cdylib_is_a_plugin() {
        let metadata = json!({"packages": [
            {"name": "stripe", "targets": [{"crate_types": ["lib"]}]},
            {"name": "ship-order", "targets": [{"crate_types": ["bin"]}, {"crate_types": ["cdylib"]}]},
        ]});
        assert_eq!(plugins(&metadata), BTreeSet::from(["ship-order".to_owned()]));
    }
}
