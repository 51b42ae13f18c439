//! The dashboard's tests in a real browser: `tests/browser/`, which Playwright runs.
//!
//! What they take is prepared here: a Chromium, and the packages of the lock file, which
//! are installed beside what cargo builds and not among the sources.

use crate::process::{output_of, repository, succeed, target_dir};
use crate::{functions, process};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names under which there may be one, in `PATH` or whole.
const BROWSERS: [&str; 5] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// `cargo xtask browser`: with everything that they need built, and Playwright's own
/// arguments passed on.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    functions::build(&functions::FUNCTIONS)?;
    functions::build(&functions::GUESTS)?;
    tests(&browser()?, &functions::host()?, arguments)
}

/// As a check among others: where this machine cannot run them, that is said; in CI it is
/// an error.
pub(crate) fn check() -> Result<()> {
    match browser() {
        Ok(browser) => tests(&browser, &functions::host()?, &[]),
        Err(e) if std::env::var_os("CI").is_none() => {
            println!("SKIPPED: {e:#}");
            Ok(())
        }
        Err(e) => Err(e),
    }
}

fn tests(browser: &Path, host: &Path, arguments: &[&str]) -> Result<()> {
    let folder = installed()?;
    let mut command = Command::new("node");
    command
        .arg("node_modules/@playwright/test/cli.js")
        .arg("test")
        .args(arguments)
        .current_dir(&folder)
        .env("PAWL_BROWSER", browser)
        .env("PAWL_BIN", host)
        .env("PAWL_REPOSITORY", repository());
    println!("$ {}", process::shown(&command));
    succeed(&mut command).with_context(|| {
        format!("what went wrong is in {}; to repeat it alone: cargo xtask browser", folder.display())
    })
}

/// `PAWL_BROWSER`, or what this machine has, or what Debian has.
fn browser() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("PAWL_BROWSER").map(PathBuf::from) {
        return if named.is_file() { Ok(named) } else { bail!("PAWL_BROWSER: no {}", named.display()) };
    }
    if output_of("npm", &["--version"]).is_none() {
        bail!("there is no npm for the browser's tests: install Node.js 20 or later");
    }
    if let Some(found) = find() {
        return Ok(found);
    }
    // what a bare container is: nobody else's machine
    let is_root = output_of("id", &["-u"]).is_some_and(|id| id == "0");
    if is_root && Path::new("/etc/debian_version").exists() {
        println!("there is no browser: installing Debian's Chromium");
        let apt = |arguments: &[&str]| {
            succeed(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
        };
        apt(&["update", "-q"])?;
        apt(&["install", "-q", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"])?;
    }
    find().context(
        "there is no Chromium for the dashboard's tests: install one (Debian: apt-get install -y chromium), \
         or name it in PAWL_BROWSER",
    )
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    BROWSERS.iter().flat_map(|name| folders.iter().map(move |f| f.join(name))).find(|file| file.is_file())
}

/// The folder with the tests and their packages.
fn installed() -> Result<PathBuf> {
    let source = repository().join("tests/browser");
    let folder = target_dir()?.join("browser");
    copy(&source, &folder)?;
    let lock = fs::read(folder.join("package-lock.json"))?;
    let note = folder.join("node_modules/installed");
    if fs::read(&note).is_ok_and(|installed| installed == lock) {
        return Ok(folder);
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
    println!("$ (cd {} && npm ci)", folder.display());
    succeed(&mut npm)?;
    fs::write(note, lock)?;
    Ok(folder)
}

/// The sources as they are now; of an earlier copy only what nobody wrote stays.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for file in fs::read_dir(to)? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default();
        if path.extension().is_some_and(|e| e == "js") && !from.join(name).exists() {
            fs::remove_file(path)?;
        }
    }
    for file in fs::read_dir(from)? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_file() {
            fs::copy(&path, to.join(name)).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}
