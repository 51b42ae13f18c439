//! Other programs: cargo above all.

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The repository.
pub(crate) fn repository() -> PathBuf {
    // set by .cargo/config.toml for whatever cargo starts
    let named = std::env::var_os("PAWL_REPOSITORY").map(PathBuf::from);
    // resolved, so that paths in messages are short
    let root = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    root.canonicalize().unwrap_or(root)
}

/// The cargo that runs us; its subcommands belong to the same toolchain.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// What a program prints when it succeeds; `None` when it is not there or fails.
pub(crate) fn output_of(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a program to its end, with its output shown; an error when it fails.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("failed ({status}): {}", shown(command));
    }
    Ok(())
}

/// The command as one would type it in the repository.
pub(crate) fn shown(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        // ours: they name this machine's folders, and change no outcome
        let is_ours = ["CARGO_TARGET_DIR", "CARGO_ENCODED_RUSTFLAGS", "PAWL_CACHE", "PATH"]
            .iter()
            .any(|ours| name == *ours);
        if let Some(value) = value.filter(|_| !is_ours) {
            words.push(format!("{}={}", name.display(), quoted(&value.to_string_lossy())));
        }
    }
    let program = Path::new(command.get_program());
    let is_cargo = program.file_stem().is_some_and(|name| name == "cargo");
    words.push(if is_cargo { "cargo".into() } else { program.display().to_string() });
    words.extend(command.get_args().map(|argument| quoted(&argument.to_string_lossy())));
    let words = words.join(" ");
    let root = repository();
    match command.get_current_dir().and_then(|dir| dir.strip_prefix(&root).ok()) {
        Some(dir) if !dir.as_os_str().is_empty() => format!("(cd {} && {words})", dir.display()),
        _ => words,
    }
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("'{word}'") }
}

/// What cargo says of a workspace.
pub(crate) fn metadata(workspace: &Path) -> Result<serde_json::Value> {
    let mut command = Command::new(cargo());
    command.current_dir(workspace).args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = command.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("failed: {}", shown(&command));
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata is no JSON")
}

/// Where cargo puts what it builds of the main workspace, as an absolute path:
/// `CARGO_TARGET_DIR` and cargo's own settings are in it.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let metadata = metadata(&repository())?;
    let folder = metadata["target_directory"].as_str().context("cargo names no target folder")?;
    Ok(folder.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("/opt/rust/bin/cargo");
        command
            .args(["doc", "--config", "a b"])
            .env("RUSTDOCFLAGS", "-D warnings")
            .env("CARGO_TARGET_DIR", "/x");
        command.current_dir(repository().join("functions"));
        let expected = "(cd functions && RUSTDOCFLAGS='-D warnings' cargo doc --config 'a b')";
        assert_eq!(shown(&command), expected);
        command.current_dir(repository());
        assert_eq!(shown(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --config 'a b'");
    }
}
