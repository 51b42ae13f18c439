//! Other programs: found on the path, asked for their version, run to their end. No
//! shell is involved: arguments are lists.

use super::BuildError;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A program on the path.
pub(super) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// What a program prints when it succeeds; `None` when it is not there or fails.
pub(super) async fn output_of(program: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stderr(Stdio::null());
    let output = start(command, Stdio::piped()).await.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The first two numbers of a version in a text: `v20.11.1`, `Python 3.12.4`, `go version
/// go1.25.3 linux/amd64`.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let words = text.split_whitespace();
    let mut versions = words.filter_map(|word| {
        let mut parts = word.trim_start_matches(|c: char| c.is_ascii_alphabetic()).split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    });
    versions.next()
}

/// Runs a program to its end; what it prints goes to standard error. An error when it
/// fails: by then it has said why.
pub(super) async fn run(command: Command) -> Result<(), BuildError> {
    let name = name(&command);
    let output = start(command, std::io::stderr()).await.map_err(|e| not_started(&name, &e))?;
    if output.status.success() { Ok(()) } else { Err(failed(&name, &output)) }
}

/// The same for a program whose standard output is wanted.
pub(super) async fn read(command: Command) -> Result<Vec<u8>, BuildError> {
    let name = name(&command);
    let output = start(command, Stdio::piped()).await.map_err(|e| not_started(&name, &e))?;
    if output.status.success() { Ok(output.stdout) } else { Err(failed(&name, &output)) }
}

async fn start(command: Command, stdout: impl Into<Stdio>) -> std::io::Result<Output> {
    let mut command = tokio::process::Command::from(command);
    // a build that is called off does not go on in the background
    command.stdin(Stdio::null()).stdout(stdout).kill_on_drop(true);
    command.spawn()?.wait_with_output().await
}

fn name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn not_started(name: &str, e: &std::io::Error) -> BuildError {
    BuildError::failed(format!("{name} cannot be started: {e}"))
}

fn failed(name: &str, output: &Output) -> BuildError {
    BuildError::failed(format!("{name} failed ({}); what it says is above", output.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_tools_print() {
        assert_eq!(version("v20.11.1"), Some((20, 11)));
        assert_eq!(version("Python 3.12.4"), Some((3, 12)));
        assert_eq!(version("go version go1.27.3 linux/amd64"), Some((1, 27)));
        assert_eq!(version("no version"), None);
    }

    #[tokio::test]
    async fn a_program_that_fails_or_is_not_there_is_named() {
        let failed = run(Command::new("false")).await.expect_err("fails");
        assert!(failed.to_string().starts_with("false failed (exit status: 1)"), "{failed}");
        let absent = run(Command::new("/nowhere/esbuild")).await.expect_err("is not there");
        assert!(absent.to_string().starts_with("esbuild cannot be started"), "{absent}");
        assert_eq!(output_of(Path::new("echo"), &["a", "b"]).await.as_deref(), Some("a b"));
    }
}
