//! Where things are: the host's binary, functions, test guests, fixtures.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The repository: where this is run, not where it was compiled.
pub fn repository() -> &'static Path {
    static REPOSITORY: LazyLock<PathBuf> = LazyLock::new(|| match std::env::var_os("PAWL_REPOSITORY") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join(".."),
    });
    &REPOSITORY
}

/// The host: `PAWL_BIN`, or what Cargo built beside this test, in the same profile.
pub fn host() -> PathBuf {
    if let Some(path) = std::env::var_os("PAWL_BIN") {
        return path.into();
    }
    // target/debug/deps/it-1234 → target/debug/pawl
    let own = std::env::current_exe().expect("a test knows its own file");
    let profile = own.ancestors().nth(2).expect("tests lie in <profile>/deps");
    let path = profile.join(format!("pawl{}", std::env::consts::EXE_SUFFIX));
    let release = if profile.ends_with("release") { " --release" } else { "" };
    let target = profile.parent().unwrap_or(profile).display();
    assert!(
        path.exists(),
        "{} is missing: run `cargo build -p pawl{release}` (target folder {target})",
        path.display()
    );
    path
}

/// A test guest's component.
pub fn guest(name: &str) -> PathBuf {
    built("guests-wasm", "guests", name)
}

/// The component of one of the project's own functions.
pub fn function(name: &str) -> PathBuf {
    built("functions", "functions", name)
}

fn built(folder: &str, command: &str, name: &str) -> PathBuf {
    let path = repository().join("target").join(folder).join(format!("{name}.wasm"));
    assert!(path.exists(), "{} is missing: run `cargo xtask {command}`", path.display());
    path
}
