//! What an author does: makes a project, builds and tests it, serves it while it changes.
//! In each language, with the tools of this machine.

use pawl_tests::clock::until;
use pawl_tests::{Host, Setup, paths};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};

/// How long a build may take: tools are installed, and others use the machine too.
const BUILD: Duration = Duration::from_secs(900);

/// What is different from language to language.
struct Case {
    language: &'static str,
    /// Where the function is.
    source: &'static str,
    /// How the project's own test is run.
    test: &'static [&'static str],
    /// What its compiler says of a source that is broken.
    complaint: &'static str,
    /// What `pawl check` says that the component came from.
    origin: &'static str,
    /// Whether the same sources are the same bytes.
    is_reproducible: bool,
}

const RUST: Case = Case {
    language: "rust",
    source: "src/lib.rs",
    test: &["cargo", "test", "--quiet"],
    complaint: "src/lib.rs",
    origin: "rust",
    is_reproducible: true,
};

const TYPESCRIPT: Case = Case {
    language: "typescript",
    source: "src/index.ts",
    test: &["npm", "test"],
    complaint: "src/index.ts",
    origin: "javascript",
    is_reproducible: true,
};

const JAVASCRIPT: Case =
    Case { language: "javascript", source: "src/index.js", complaint: "src/index.js", ..TYPESCRIPT };

const PYTHON: Case = Case {
    language: "python",
    source: "src/app.py",
    test: &[".venv/bin/pytest", "-q"],
    complaint: "SyntaxError",
    origin: "python",
    is_reproducible: false,
};

const GO: Case = Case {
    language: "go",
    source: "main.go",
    test: &["go", "test", "./..."],
    complaint: "main.go",
    origin: "go",
    is_reproducible: true,
};

/// A project in a folder of its own.
struct Project {
    setup: Setup,
    case: Case,
}

impl Project {
    /// `pawl new`, in the folder of a host that is not started yet.
    async fn new(case: Case) -> Self {
        // the tools' own settings and caches are the machine's
        let ours =
            |name: &str| ["PAWL_", "INNGEST_", "INSTANT_", "STRIPE_"].iter().any(|p| name.starts_with(p));
        let machine = std::env::vars().filter(|(name, _)| !ours(name));
        let mut setup = machine.fold(Setup::dev(), |setup, (name, value)| setup.env(&name, value));
        // what is compiled of the SDK's own dependencies is compiled once
        setup = setup.env("CARGO_TARGET_DIR", target_folder());
        let project = Self { setup, case };
        let made = pawl(project.parent(), &["new", "hello", "--lang", project.case.language]).await;
        assert!(made.status.success(), "{}", said(&made));
        project
    }

    fn parent(&self) -> PathBuf {
        self.setup.functions_folder().parent().expect("a folder").to_owned()
    }

    fn folder(&self) -> PathBuf {
        self.parent().join("hello")
    }

    fn source(&self) -> PathBuf {
        self.folder().join(self.case.source)
    }

    /// `pawl build --json`; nothing when a tool is not on this machine.
    async fn build(&self) -> Option<Value> {
        let output = pawl(self.folder(), &["build", "--json"]).await;
        let built: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(&output)));
        if built[0]["code"] == "missing_tool" {
            assert_eq!(output.status.code(), Some(3));
            let why = format!("SKIPPED {}: {}", self.case.language, built[0]["error"]);
            assert!(std::env::var_os("CI").is_none(), "{why}");
            eprintln!("{why}");
            return None;
        }
        assert!(output.status.success(), "{}", said(&output));
        Some(built[0].clone())
    }

    /// Its own test, as its README says.
    async fn test(&self) {
        self.run(self.case.test).await;
    }

    /// A command in its folder, which has to succeed.
    async fn run(&self, words: &[&str]) {
        let mut command = tokio::process::Command::new(words[0]);
        command.args(&words[1..]).current_dir(self.folder()).env("CARGO_TARGET_DIR", target_folder());
        let output = ended(command).await;
        assert!(output.status.success(), "{}", said(&output));
    }
}

/// Where the tests' Rust projects are compiled: beside the host.
fn target_folder() -> PathBuf {
    paths::host().ancestors().nth(2).expect("target/debug/pawl").join("projects")
}

async fn ended(mut command: tokio::process::Command) -> Output {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(BUILD, command.output()).await;
    output.unwrap_or_else(|_| panic!("{command:?} did not end")).expect("starts")
}

/// `pawl ARGS`, run in a folder to its end.
async fn pawl(folder: impl AsRef<Path>, args: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(paths::host());
    command.args(args).current_dir(folder).env("CARGO_TARGET_DIR", target_folder());
    ended(command).await
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}

/// The function's deployment, once there is another one than this.
async fn deployment(host: &Host, before: &str) -> String {
    until("another deployment", BUILD, async || {
        let functions = host.get("/v1/functions").await.json();
        let id = functions["data"][0]["deployment"].as_str().unwrap_or_default();
        if id.is_empty() || id == before { Err(functions.to_string()) } else { Ok(id.to_owned()) }
    })
    .await
}

/// What the function greets with.
async fn greeting(host: &Host) -> Value {
    let event = host.send("hello/requested", json!({ "name": "Ada" })).await;
    host.wait_for(&event, "hello", "Completed").await["output"].clone()
}

/// From nothing to a function that changes while it is served.
async fn journey(case: Case) {
    let mut project = Project::new(case).await;
    let Some(built) = project.build().await else { return };
    let component = &built["components"][0];
    assert_eq!(component["functions"][0]["id"], "hello", "{built:#}");
    assert_eq!(component["functions"][0]["triggers"], json!([{ "event": "hello/requested" }]));
    assert_eq!((&component["language"], &component["changed"]), (&json!(project.case.origin), &json!(true)));
    let file = project.folder().join("dist/hello.wasm");
    assert!(file.exists(), "{built:#}");
    project.test().await;
    if project.case.language == "typescript" {
        project.run(&["npm", "run", "check"]).await;
    }

    let folder = project.folder();
    project.setup = project.setup.env("PAWL_PROJECT", &folder);
    let (complaint, source) = (project.case.complaint, project.source());
    let is_reproducible = project.case.is_reproducible;
    let host = project.setup.start().await;
    let first = deployment(&host, "").await;
    assert_eq!(first, component["deployment"], "what was built is not built again as another one");
    assert_eq!(greeting(&host).await, "Hello, Ada!");

    let text = fs::read_to_string(&source).expect("reads");
    fs::write(&source, text.replace("Hello, ", "Good day, ")).expect("writes");
    let second = deployment(&host, &first).await;
    assert_eq!(greeting(&host).await, "Good day, Ada!");

    fs::write(&source, format!("{text}\n)]}} (")).expect("writes");
    until("the compiler's complaint", BUILD, async || {
        let log = host.log();
        let is_said = log.contains("hello is not built:") && log.contains(complaint);
        if is_said { Ok(()) } else { Err(log) }
    })
    .await;
    assert_eq!(greeting(&host).await, "Good day, Ada!", "what was built before goes on");
    fs::write(&source, text).expect("writes");
    let third = deployment(&host, &second).await;
    assert!(!is_reproducible || third == first, "the same sources are the same bytes");
    assert_eq!(greeting(&host).await, "Hello, Ada!");
}

#[tokio::test]
async fn a_new_project_in_rust_builds_passes_its_test_and_changes_while_it_is_served() {
    journey(RUST).await;
}

#[tokio::test]
async fn a_new_project_in_typescript_builds_passes_its_test_and_changes_while_it_is_served() {
    journey(TYPESCRIPT).await;
}

#[tokio::test]
async fn a_new_project_in_javascript_builds_passes_its_test_and_changes_while_it_is_served() {
    journey(JAVASCRIPT).await;
}

#[tokio::test]
async fn a_new_project_in_python_builds_passes_its_test_and_changes_while_it_is_served() {
    journey(PYTHON).await;
}

#[tokio::test]
async fn a_new_project_in_go_builds_passes_its_test_and_changes_while_it_is_served() {
    journey(GO).await;
}

#[tokio::test]
async fn a_tool_that_is_missing_is_named_with_the_cure() {
    for (case, tool) in [
        (RUST, "https://rustup.rs"),
        (TYPESCRIPT, "Node.js 20 or later"),
        (JAVASCRIPT, "Node.js 20 or later"),
        (PYTHON, "Python 3.10 or later"),
        (GO, "Go 1.25 or later"),
    ] {
        let project = Project::new(case).await;
        let mut command = tokio::process::Command::new(paths::host());
        let nowhere = project.parent().join("functions");
        command.arg("build").current_dir(project.folder()).env("PATH", nowhere).env_remove("CARGO");
        let output = ended(command).await;
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        assert!(said(&output).contains(tool), "{}", said(&output));
    }
}

#[tokio::test]
async fn the_project_of_the_working_folder_is_served_and_what_cannot_be_built_ends_nothing() {
    let project = Project::new(GO).await;
    let mut command = tokio::process::Command::new(paths::host());
    command.args(["dev", "--addr", "127.0.0.1:0"]).current_dir(project.folder());
    command.env("PATH", project.parent().join("functions")).kill_on_drop(true);
    let mut dev = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut lines = BufReader::new(dev.stderr.take().expect("its errors")).lines();
    let mut said = String::new();
    while !said.contains(" at http://") || !said.contains("Go 1.25 or later") {
        let line = tokio::time::timeout(BUILD, lines.next_line()).await.expect("in time").expect("text");
        said.push_str(&line.unwrap_or_else(|| panic!("it ended: {said}")));
    }
    assert!(said.contains("hello is not built"), "{said}");
    let addr = fs::read_to_string(project.folder().join(".pawl/addr")).expect("it listens");
    tokio::net::TcpStream::connect(addr.trim()).await.expect("and takes requests");
}

#[tokio::test]
async fn a_project_is_refused_by_name_by_language_and_where_something_is_already() {
    let parent = tempfile::tempdir().expect("a folder");
    for (args, words) in [
        (&["new", "hello"][..], &["--lang rust", "--lang typescript", "--lang python", "--lang go"][..]),
        (&["new", "hello", "--lang", "cobol"], &["rust", "javascript"]),
        (&["new", "Hello World", "--lang", "rust"], &["Hello World", "small letters"]),
        (&["build"], &["pawl new"]),
        (&["build", "nowhere"], &["nowhere"]),
        (&["dev", "--project", "nowhere"], &["nowhere"]),
    ] {
        let output = pawl(parent.path(), args).await;
        assert!(!output.status.success(), "{args:?}");
        assert!(words.iter().all(|word| said(&output).contains(word)), "{args:?}: {}", said(&output));
    }
    assert_eq!(fs::read_dir(parent.path()).expect("reads").count(), 0, "nothing was written");
    fs::create_dir(parent.path().join("hello")).expect("makes");
    fs::write(parent.path().join("hello/mine"), "").expect("writes");
    let output = pawl(parent.path(), &["new", "hello", "--lang", "go"]).await;
    assert!(said(&output).contains("not empty"), "{}", said(&output));
    assert_eq!(fs::read_dir(parent.path().join("hello")).expect("reads").count(), 1);
}
