//! Puts into the binary what `pawl new` writes: the templates, and the SDKs as sources, so
//! that a new project builds without a registry that has them.
//!
//! Not the crate `include_dir`: it has no filter, and beside sources lie packages, caches
//! and what was built of them.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What is taken, below the repository. Folders are taken whole, but for [`LEFT_OUT`].
const TAKEN: [&str; 10] = [
    "host/templates",
    "wit",
    "guest-sdk/rust/Cargo.toml",
    "guest-sdk/rust/src",
    "guest-sdk/rust/macros",
    "guest-sdk/typescript/package.json",
    "guest-sdk/typescript/src",
    "guest-sdk/python/pyproject.toml",
    "guest-sdk/python/pawl",
    "guest-sdk/go",
];

/// Names of files and folders that are nobody's source, or nobody's but ours.
const LEFT_OUT: [&str; 6] = ["target", "node_modules", "dist", "__pycache__", "examples", "testdata"];

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let mut files = Vec::new();
    for taken in TAKEN {
        // from the package's folder: another checkout may share what is built
        println!("cargo::rerun-if-changed=../{taken}");
        walk(&root.join(taken), &mut files)?;
    }
    files.sort();
    let mut code = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&root).unwrap_or(file);
        let place = format!("/../{}", name.display());
        let _a_string_takes_all = writeln!(
            code,
            "    ({name:?}, include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {place:?}))),"
        );
    }
    code.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("embedded.rs"), code)
}

fn walk(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if LEFT_OUT.contains(&&*name) || name.starts_with('.') {
        return Ok(());
    }
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(|e| io::Error::other(format!("{}: {e}", path.display())))?;
    for entry in entries {
        walk(&entry?.path(), files)?;
    }
    Ok(())
}
