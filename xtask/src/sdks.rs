//! The SDKs of other languages, checked with their languages' own tools.

use crate::process::{repository, succeed, target_dir};
use crate::tools::Tools;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;

/// npm projects: types, and tests where there are some.
const NPM: [&str; 3] =
    ["guest-sdk/typescript", "tests/guests/conformance/typescript", "functions/typescript"];

/// Folders with Python's tests.
const PYTHON: [&str; 2] = ["guest-sdk/python", "functions/python"];

/// Go modules.
const GO: [&str; 2] = ["guest-sdk/go", "tests/guests/conformance/go"];

/// Types, style and unit tests.
pub(crate) fn check(tools: &Tools) -> Result<()> {
    for folder in NPM {
        run(tools, folder, "npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
        run(tools, folder, "npm", &["run", "--silent", "check"])?;
        run(tools, folder, "npm", &["test", "--silent", "--if-present"])?;
    }
    run(tools, PYTHON[0], "mypy", &[])?;
    for folder in PYTHON {
        run(tools, folder, "ruff", &["check", "--quiet", "."])?;
        run(tools, folder, "python", &["-m", "pytest", "-q", "-p", "no:cacheprovider"])?;
    }
    for folder in GO {
        // not always on the PATH, but always there
        let root = tools.command("go").args(["env", "GOROOT"]).output()?;
        let gofmt = Path::new(String::from_utf8_lossy(&root.stdout).trim()).join("bin/gofmt");
        let output = Command::new(&gofmt).args(["-l", "."]).current_dir(repository().join(folder)).output();
        let output = output.with_context(|| gofmt.display().to_string())?;
        if !output.status.success() || !output.stdout.is_empty() {
            bail!("not formatted: {}{}", folder, String::from_utf8_lossy(&output.stdout));
        }
        run(tools, folder, "go", &["vet", "./..."])?;
        run(tools, folder, "go", &["test", "./..."])?;
    }
    Ok(())
}

/// Builds the JavaScript engine from its sources: the bytes that are checked in have to come
/// out. What was found for the same files is not looked for again.
pub(crate) fn engine(tools: &Tools) -> Result<()> {
    let folder = repository().join("guest-sdk/typescript/engine");
    let note = target_dir()?.join("engine-checked");
    let files = contents(&folder)?;
    if fs::read(&note).is_ok_and(|checked| checked == files) {
        println!("engine.wasm is what these sources make: seen before");
        return Ok(());
    }
    let made = target_dir()?.join("engine-made.wasm");
    let zig = format!("{} -m ziglang", tools.bin().join("python").display());
    let mut command = Command::new(folder.join("build.sh"));
    command.arg(&made).env("ZIG", zig).current_dir(repository());
    println!("$ guest-sdk/typescript/engine/build.sh");
    succeed(&mut command)?;
    if fs::read(&made)? != fs::read(folder.join("engine.wasm"))? {
        bail!(
            "engine.wasm is not what its sources make: run guest-sdk/typescript/engine/build.sh, and commit it"
        );
    }
    Ok(fs::write(note, files)?)
}

/// Every file of a folder, one after the other.
fn contents(folder: &Path) -> Result<Vec<u8>> {
    let mut paths = vec![folder.to_owned()];
    let mut all = Vec::new();
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            let mut inside: Vec<_> =
                fs::read_dir(&path)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
            inside.sort();
            paths.extend(inside);
        } else {
            all.extend(path.strip_prefix(folder)?.as_os_str().as_encoded_bytes());
            all.extend(fs::read(&path)?);
        }
    }
    Ok(all)
}

fn run(tools: &Tools, folder: &str, program: &str, arguments: &[&str]) -> Result<()> {
    let mut command = tools.command(program);
    command
        .args(arguments)
        .current_dir(repository().join(folder))
        .env("GOFLAGS", "-mod=mod")
        .env("GOPROXY", "off");
    println!("$ (cd {folder} && {program} {})", arguments.join(" "));
    succeed(&mut command)
}
