//! A Rust that can build for `wasm32-unknown-unknown`: found as `pawl build` finds it, or
//! made ready.
//!
//! In this order: the toolchain that runs us has the target; rustup gets it; Debian's
//! packages are installed.

// one file for both, so that they never differ
#[path = "../../host/src/project/rust/toolchain.rs"]
mod toolchain;

pub(crate) use toolchain::{TARGET, Toolchain};

use crate::clock;
use crate::process::{output_of, succeed};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use toolchain::{DEBIAN_LINKER, DEBIAN_PACKAGES, cure, has_target, is_debians_usable, linker};

/// How long rustup may take: a slow line, but not a dead one.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// The oldest Rust that the functions build with.
const WANTED: &str = env!("CARGO_PKG_RUST_VERSION");

/// Finds a toolchain, or installs what is missing and says so.
pub(crate) fn ready() -> Result<Toolchain> {
    if !has_target() && !rustup_adds_target() && !is_debians_usable(WANTED) {
        install_debians()?;
    }
    let Some(found) = Toolchain::find(WANTED) else {
        bail!("Debian's Rust is older than this project needs, or has no linker\n{}", cure());
    };
    if found != Toolchain::Own {
        println!("{TARGET}: built with Debian's Rust, which compiles the standard library along");
    }
    Ok(found)
}

fn rustup_adds_target() -> bool {
    if output_of("rustup", &["--version"]).is_none() {
        return false;
    }
    println!("{TARGET} is missing: rustup target add {TARGET}");
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).stdin(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = rustup.spawn() else { return false };
    let ended = clock::wait_for(RUSTUP_LIMIT, || child.try_wait());
    if !matches!(ended, Ok(Some(status)) if status.success()) {
        // it may hang on a line that answers nothing
        let _may_be_over = child.kill();
        let _reaped = child.wait();
        println!("rustup could not get it");
    }
    has_target()
}

fn install_debians() -> Result<()> {
    let is_root = output_of("id", &["-u"]).as_deref() == Some("0");
    if !is_root || !Path::new("/etc/debian_version").exists() {
        bail!("no Rust here can build for {TARGET}\n{}", cure());
    }
    let mut packages = DEBIAN_PACKAGES.to_vec();
    if linker().is_none() {
        packages.push(DEBIAN_LINKER.0);
    }
    println!("installing {} (apt-get)", packages.join(", "));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        succeed(
            command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq").args(arguments).stdout(Stdio::null()),
        )
    };
    apt(&["update"]).with_context(cure)?;
    let install = ["install", "-y", "--no-install-recommends"];
    apt(&[&install[..], &packages].concat()).with_context(cure)
}
