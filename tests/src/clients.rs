//! The official clients of Stripe, InstantDB and Inngest, run as their users run them.
//!
//! `tests/clients/{node,python,inngest}` hold the scripts and the locked versions. They are
//! installed once into `~/.cache/pawl/clients`, outside of the repository. Where node
//! or Python is absent the tests that want them say SKIPPED, and fail in CI.

use crate::paths;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::OnceCell;

/// A client's language, and whose clients are beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// npm's packages.
    Node,
    /// PyPI's packages.
    Python,
    /// npm's `inngest`, as `inngest3` and `inngest4`.
    InngestNode,
    /// PyPI's `inngest`, with flask.
    InngestPython,
}

/// Where a language's scripts run: the interpreter, and the folder with the scripts.
type Installed = Result<(PathBuf, PathBuf), String>;

static NODE: OnceCell<Installed> = OnceCell::const_new();
static PYTHON: OnceCell<Installed> = OnceCell::const_new();
static INNGEST_NODE: OnceCell<Installed> = OnceCell::const_new();
static INNGEST_PYTHON: OnceCell<Installed> = OnceCell::const_new();

/// Runs a script with JSON on its standard input; the JSON that it prints. `None`: its
/// language is not on this machine, which was said.
pub async fn run(language: Language, script: &str, input: &serde_json::Value) -> Option<serde_json::Value> {
    run_with(language, script, input, &[]).await
}

/// The same with this in its environment.
pub async fn run_with(
    language: Language,
    script: &str,
    input: &serde_json::Value,
    env: &[(&str, &str)],
) -> Option<serde_json::Value> {
    let mut command = command_of(language, script).await?;
    command.envs(env.iter().copied());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.to_string().as_bytes()).await.expect("writes");
    drop(stdin);
    let output = child.wait_with_output().await.expect("ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {}\n{said}", output.status);
    Some(serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{script}: {e}\n{said}")))
}

/// A script that is to be started, with what its client reads of the environment taken out.
/// It ends when it is dropped. `None`: its language is not on this machine, which was said.
pub async fn command_of(language: Language, script: &str) -> Option<Command> {
    let cell = match language {
        Language::Node => &NODE,
        Language::Python => &PYTHON,
        Language::InngestNode => &INNGEST_NODE,
        Language::InngestPython => &INNGEST_PYTHON,
    };
    let (interpreter, folder) = match cell.get_or_init(|| install(language)).await {
        Ok(found) => found,
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "CI has every client: {why}");
            eprintln!("SKIPPED: {why}");
            return None;
        }
    };
    // from the folder of the packages, so that node finds them
    let scripts = paths::repository().join("tests/clients").join(language.folder());
    place(&scripts.join(script), &folder.join(script)).expect("copies the script");
    let mut command = Command::new(interpreter);
    command.arg(script).current_dir(folder).kill_on_drop(true);
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| name.to_string_lossy().starts_with("INNGEST_")).for_each(|name| {
        command.env_remove(name);
    });
    Some(command)
}

impl Language {
    fn is_node(self) -> bool {
        matches!(self, Self::Node | Self::InngestNode)
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Python => "python",
            Self::InngestNode | Self::InngestPython => "inngest",
        }
    }
}

/// At one stroke: another test may be starting the same script.
fn place(from: &Path, to: &Path) -> std::io::Result<()> {
    let part = tempfile::NamedTempFile::new_in(to.parent().unwrap_or(Path::new(".")))?;
    std::fs::write(part.path(), std::fs::read(from)?)?;
    part.persist(to)?;
    Ok(())
}

async fn install(language: Language) -> Installed {
    match language.is_node() {
        true => install_node(language).await,
        false => install_python(language).await,
    }
}

async fn install_node(language: Language) -> Installed {
    let (folder, _lock) = cache(language, &["package.json", "package-lock.json"])?;
    if !folder.join("done").exists() {
        let args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        command("npm", &args, &folder).await?;
        std::fs::write(folder.join("done"), "").map_err(|e| e.to_string())?;
    }
    Ok(("node".into(), folder))
}

async fn install_python(language: Language) -> Installed {
    let (folder, _lock) = cache(language, &["requirements.txt"])?;
    let python = folder.join("venv/bin/python");
    if !folder.join("done").exists() {
        command("python3", &["-m", "venv", "--clear", "venv"], &folder).await?;
        let args = ["-m", "pip", "install", "-q", "--require-hashes", "-r", "requirements.txt"];
        command(python.to_str().unwrap_or_default(), &args, &folder).await?;
        std::fs::write(folder.join("done"), "").map_err(|e| e.to_string())?;
    }
    Ok((python, folder))
}

/// A folder for exactly these versions (other lock files, another folder), and a lock
/// that keeps other processes from installing there.
fn cache(language: Language, files: &[&str]) -> Result<(PathBuf, std::fs::File), String> {
    use sha2::Digest;
    let source = paths::repository().join("tests/clients").join(language.folder());
    let mut digest = sha2::Sha256::new();
    let mut contents = Vec::new();
    for file in files {
        let bytes = std::fs::read(source.join(file)).map_err(|e| format!("{file}: {e}"))?;
        digest.update(&bytes);
        contents.push((file, bytes));
    }
    let home = std::env::var_os("HOME").ok_or("HOME is not set")?;
    let digest = hex::encode(&digest.finalize()[..6]);
    let name = format!("{}-{digest}", language.folder());
    let folder = Path::new(&home).join(".cache/pawl/clients").join(name);
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let lock = std::fs::File::create(folder.join("lock")).map_err(|e| e.to_string())?;
    lock.lock().map_err(|e| e.to_string())?;
    for (file, bytes) in contents {
        std::fs::write(folder.join(file), bytes).map_err(|e| format!("{file}: {e}"))?;
    }
    Ok((folder, lock))
}

async fn command(program: &str, args: &[&str], folder: &Path) -> Result<(), String> {
    let output = Command::new(program).args(args).current_dir(folder).output().await;
    let output = output.map_err(|e| format!("{program} cannot be run: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{program} {args:?}: {said}")) }
}
