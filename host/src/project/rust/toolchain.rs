//! A Rust that can build for `wasm32-unknown-unknown`, as it is found on a machine.
//!
//! In this order: the toolchain that is on the path has the target; Debian's `rustc-web`
//! builds the standard library along, from Debian's sources. The second is for machines
//! that reach a package mirror and nothing else.
//!
//! Needs the standard library alone: `xtask` has this file as a module of its own, so
//! that it can build Rust functions before there is a host.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What functions are built for: no system interface at all.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's packages, and where they put things.
pub(crate) const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust/library/Cargo.lock";

/// The linker of Debian's LLVM: its package, and its file.
pub(crate) const DEBIAN_LINKER: (&str, &str) = ("lld-22", "/usr/bin/wasm-ld-22");

/// What goes wrong when a rustup's cargo calls another cargo: these would win over
/// the other's own.
const RUSTUPS_OWN: [&str; 6] =
    ["RUSTUP_TOOLCHAIN", "RUSTUP_HOME", "CARGO", "RUSTC", "RUSTC_WRAPPER", "LD_LIBRARY_PATH"];

/// A Rust that can build for [`TARGET`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The one on the path.
    Own,
    /// Debian's, with this linker.
    Debian {
        /// A linker that knows WebAssembly.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// The first that is ready for use. Debian's has to be at least `wanted`, a version
    /// like `1.95`.
    pub(crate) fn find(wanted: &str) -> Option<Self> {
        if has_target() {
            return Some(Self::Own);
        }
        is_debians_usable(wanted).then(linker).flatten().map(|linker| Self::Debian { linker })
    }

    /// `cargo build --release` for [`TARGET`]. The paths that panics name begin with the
    /// names of these folders in place of the folders, and `registry` for cargo's own: the
    /// same bytes from the same sources, wherever they lie, so that they are one deployment.
    pub(crate) fn build(&self, folders: &[(&Path, &str)]) -> Command {
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
        command.args(["--release", "--target", TARGET]);
        command.env("CARGO_ENCODED_RUSTFLAGS", remapped(folders).join("\u{1f}"));
        command
    }
}

/// The cargo that runs us, if one does; its subcommands belong to the same toolchain.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Whether the standard library of the target is there.
pub(crate) fn has_target() -> bool {
    let folder = output_of("rustc", &["--print", "target-libdir", "--target", TARGET]);
    let files = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    files.is_some_and(|mut files| {
        files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libcore")))
    })
}

/// Whether Debian's Rust is there with its sources, and new enough.
pub(crate) fn is_debians_usable(wanted: &str) -> bool {
    let version = Path::new(DEBIAN_SOURCES).exists().then(|| output_of(DEBIAN_RUSTC, &["--version"]));
    version.flatten().is_some_and(|text| is_at_least(&text, wanted))
}

/// rustup's linker, else LLVM's.
pub(crate) fn linker() -> Option<PathBuf> {
    let sysroot = output_of("rustc", &["--print", "sysroot"]).map(PathBuf::from);
    let about = output_of("rustc", &["-vV"]).unwrap_or_default();
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    let rustups =
        sysroot.zip(host).map(|(sysroot, host)| sysroot.join("lib/rustlib").join(host).join("bin/rust-lld"));
    rustups.into_iter().chain([DEBIAN_LINKER.1.into()]).find(|path| path.exists())
}

/// What to do where there is none.
pub(crate) fn cure() -> String {
    format!(
        "install the target with one of\n  rustup target add {TARGET}\n  \
         apt-get install -y --no-install-recommends {} {}",
        DEBIAN_PACKAGES.join(" "),
        DEBIAN_LINKER.0
    )
}

/// The flags that are set already, and those that cut this machine's folders off paths.
fn remapped(folders: &[(&Path, &str)]) -> Vec<String> {
    let encoded = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let plain = std::env::var("RUSTFLAGS").unwrap_or_default();
    let given: Vec<_> = match encoded.is_empty() {
        true => plain.split_whitespace().map(str::to_owned).collect(),
        false => encoded.split('\u{1f}').map(str::to_owned).collect(),
    };
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let sources =
        std::env::var_os("CARGO_HOME").map(PathBuf::from).or(home).map(|home| home.join("registry/src"));
    // one folder for each registry that was ever used
    let registries = sources.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten();
    let registries = registries.filter_map(|folder| Some((folder.ok()?.path(), "registry")));
    let own = folders.iter().map(|(folder, name)| ((*folder).to_owned(), *name));
    let remap = |(folder, name): (PathBuf, &str)| format!("--remap-path-prefix={}={name}", folder.display());
    given.into_iter().chain(registries.chain(own).map(remap)).collect()
}

/// Whether `rustc 1.96.0 (…)` is at least `1.95`.
fn is_at_least(version: &str, wanted: &str) -> bool {
    let parts = |text: &str| -> Vec<u32> { text.split('.').map_while(|part| part.parse().ok()).collect() };
    let found = version.split(' ').nth(1).map(parts).unwrap_or_default();
    !found.is_empty() && found >= parts(wanted)
}

/// What a program prints when it succeeds; `None` when it is not there or fails.
fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
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
        let command = Toolchain::Debian { linker: "/x/rust-lld".into() }.build(&[]);
        let removed: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).collect();
        assert!(removed.iter().any(|(name, _)| *name == "RUSTUP_TOOLCHAIN"));
        let arguments: Vec<_> = command.get_args().collect();
        assert!(arguments.contains(&"-Zbuild-std=std,panic_abort".as_ref()));
    }

    #[test]
    fn paths_of_this_machine_are_cut_off() {
        let command = Toolchain::Own.build(&[(Path::new("/home/ada/hello"), "hello")]);
        let flags = command.get_envs().find(|(name, _)| *name == "CARGO_ENCODED_RUSTFLAGS");
        let flags = flags.and_then(|(_, value)| value).expect("flags").to_string_lossy().into_owned();
        assert!(flags.ends_with("--remap-path-prefix=/home/ada/hello=hello"), "{flags}");
    }
}
