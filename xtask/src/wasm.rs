//! A Rust that can build for `wasm32-unknown-unknown`: found, or made ready.
//!
//! In this order: the toolchain that runs us has the target; rustup gets it; Debian's
//! `rustc-web` builds the standard library along, from Debian's sources. The last is
//! for machines that reach a package mirror and nothing else.

use crate::clock;
use crate::process::{cargo, output_of, repository, succeed};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What functions are built for: no system interface at all.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's packages, and where they put things.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust/library/Cargo.lock";

/// The linker of Debian's LLVM, for machines that have no rustup's.
const DEBIAN_LINKER: (&str, &str) = ("lld-22", "/usr/bin/wasm-ld-22");

/// How long rustup may take: a slow line, but not a dead one.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// What goes wrong when a rustup's cargo calls another cargo: these would win over
/// the other's own.
const RUSTUPS_OWN: [&str; 6] =
    ["RUSTUP_TOOLCHAIN", "RUSTUP_HOME", "CARGO", "RUSTC", "RUSTC_WRAPPER", "LD_LIBRARY_PATH"];

/// A Rust that can build for [`TARGET`].
#[derive(Debug, PartialEq)]
pub(crate) enum Toolchain {
    /// The one that runs us.
    Own,
    /// Debian's, with this linker.
    Debian { linker: PathBuf },
}

impl Toolchain {
    /// Finds one, or installs what is missing and says so.
    pub(crate) fn ready() -> Result<Self> {
        if has_target() || rustup_adds_target() {
            return Ok(Self::Own);
        }
        if !is_debians_usable() {
            install_debians()?;
        }
        if !is_debians_usable() {
            bail!("Debian's Rust is older than this project needs\n{}", cure());
        }
        let linker = linker().context(cure())?;
        println!("{TARGET}: built with Debian's Rust, which compiles the standard library along");
        Ok(Self::Debian { linker })
    }

    /// A cargo command that builds for [`TARGET`]: the same bytes from the same sources,
    /// wherever they lie, so that they are one deployment.
    pub(crate) fn build(&self) -> Command {
        let mut command;
        match self {
            Self::Own => {
                command = Command::new(cargo());
                command.arg("build");
            }
            Self::Debian { linker } => {
                command = Command::new(DEBIAN_CARGO);
                for name in RUSTUPS_OWN {
                    command.env_remove(name);
                }
                command
                    .env("RUSTC", DEBIAN_RUSTC)
                    // a stable compiler takes -Z by this
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                    .args(["build", "-Zbuild-std=std,panic_abort"]);
            }
        }
        command.args(["--release", "--locked", "--target", TARGET]);
        command.env("CARGO_ENCODED_RUSTFLAGS", remapped().join("\u{1f}"));
        command
    }
}

/// Flags that cut this machine's folders off the paths that panics and errors name.
fn remapped() -> Vec<String> {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let sources =
        std::env::var_os("CARGO_HOME").map(PathBuf::from).or(home).map(|home| home.join("registry/src"));
    // one folder for each registry that was ever used
    let registries = sources.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten();
    let registries = registries.filter_map(|folder| Some((folder.ok()?.path(), "registry")));
    let folders = registries.chain([(repository(), "pawl")]);
    folders.map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display())).collect()
}

/// Whether the standard library of the target is there.
fn has_target() -> bool {
    let folder = output_of("rustc", &["--print", "target-libdir", "--target", TARGET]);
    let files = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    files.is_some_and(|mut files| {
        files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libcore")))
    })
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

fn is_debians_usable() -> bool {
    let version = Path::new(DEBIAN_SOURCES).exists().then(|| output_of(DEBIAN_RUSTC, &["--version"]));
    version.flatten().is_some_and(|text| is_at_least(&text, env!("CARGO_PKG_RUST_VERSION")))
}

/// Whether `rustc 1.96.0 (…)` is at least `1.95`.
fn is_at_least(version: &str, wanted: &str) -> bool {
    let parts = |text: &str| -> Vec<u32> { text.split('.').map_while(|part| part.parse().ok()).collect() };
    let found = version.split(' ').nth(1).map(parts).unwrap_or_default();
    !found.is_empty() && found >= parts(wanted)
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

/// rustup's linker, else LLVM's.
fn linker() -> Option<PathBuf> {
    let sysroot = PathBuf::from(output_of("rustc", &["--print", "sysroot"])?);
    let about = output_of("rustc", &["-vV"])?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "))?;
    let rustups = sysroot.join("lib/rustlib").join(host).join("bin/rust-lld");
    [rustups, DEBIAN_LINKER.1.into()].into_iter().find(|path| path.exists())
}

fn cure() -> String {
    format!(
        "install the target with one of\n  rustup target add {TARGET}\n  \
         apt-get install -y --no-install-recommends {} {}",
        DEBIAN_PACKAGES.join(" "),
        DEBIAN_LINKER.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_at_least("rustc 1.96.0 (ac68faa20 2026-05-25)", "1.95"));
        assert!(is_at_least("rustc 1.95.0 (59807616e 2026-04-14)", "1.95"));
        assert!(is_at_least("rustc 1.100.0 (x)", "1.95"));
        assert!(!is_at_least("rustc 1.85.0 (x)", "1.95"));
        assert!(!is_at_least("rustc 1.9.0 (x)", "1.95"));
        assert!(!is_at_least("", "1.95"));
    }

    #[test]
    fn debians_cargo_is_freed_of_what_rustups_exports() {
        let command = Toolchain::Debian { linker: "/x/rust-lld".into() }.build();
        let removed: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).collect();
        assert!(removed.iter().any(|(name, _)| *name == "RUSTUP_TOOLCHAIN"));
        let arguments: Vec<_> = command.get_args().collect();
        assert!(arguments.contains(&"-Zbuild-std=std,panic_abort".as_ref()));
    }
}
