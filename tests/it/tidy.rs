//! Rules of the code base that the compiler does not hold: which layer may know which,
//! what each file begins with, how long it may grow, and where a refusal gets its status.

use pawl_tests::paths::repository;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file that are not its tests: beyond it, ask what the file really holds.
const LINES: usize = 500;

/// The layers of `host/src`, and what each may use of the others. A new arrow is a line
/// to argue about; `docs/architecture.md` draws them.
const LAYERS: &[(&str, &[&str])] = &[
    ("answer", &[]),
    ("clock", &[]),
    ("secret", &[]),
    ("ids", &[]),
    ("pulse", &["clock"]),
    ("mask", &[]),
    ("store", &["pulse"]),
    ("inngest", &["secret"]),
    ("keys", &["clock", "inngest", "secret"]),
    ("ingress", &["secret"]),
    ("runtime", &["answer", "clock", "secret"]),
    ("remote", &["answer", "clock", "inngest", "keys", "runtime"]),
    ("project", &["clock", "runtime"]),
    ("config", &["ingress", "keys", "runtime", "secret"]),
    ("telemetry", &["config", "pulse"]),
    ("bucket", &["runtime", "store"]),
    ("catalog", &["clock", "config", "inngest", "runtime", "store"]),
    ("apps", &["answer", "catalog", "clock", "config", "inngest", "keys", "secret"]),
    ("intake", &["catalog", "clock", "ids", "store"]),
    ("operator", &["catalog", "clock", "ids", "intake", "runtime", "store"]),
    ("schedule", &["catalog", "clock", "intake", "store"]),
    (
        "served",
        &[
            "answer",
            "bucket",
            "catalog",
            "clock",
            "config",
            "inngest",
            "keys",
            "runtime",
            "secret",
            "store",
            "telemetry",
        ],
    ),
    (
        "worker",
        &[
            "bucket",
            "catalog",
            "clock",
            "ids",
            "inngest",
            "intake",
            "pulse",
            "remote",
            "runtime",
            "store",
            "telemetry",
        ],
    ),
    ("metrics", &["catalog", "clock", "pulse", "runtime", "store"]),
    ("otlp", &["clock", "config", "mask", "metrics", "pulse", "store", "telemetry"]),
    ("alert", &["catalog", "clock", "config", "intake", "pulse", "secret", "store"]),
    ("retention", &["clock", "config", "store"]),
    ("sampler", &["clock", "store"]),
    (
        "dashboard",
        &["catalog", "clock", "config", "intake", "keys", "mask", "operator", "pulse", "secret", "store"],
    ),
    (
        "http",
        &[
            "alert",
            "apps",
            "catalog",
            "clock",
            "config",
            "dashboard",
            "ingress",
            "inngest",
            "intake",
            "keys",
            "mask",
            "metrics",
            "operator",
            "pulse",
            "remote",
            "secret",
            "served",
            "store",
            "telemetry",
        ],
    ),
    (
        "app",
        &[
            "alert",
            "apps",
            "catalog",
            "config",
            "http",
            "ingress",
            "intake",
            "keys",
            "metrics",
            "operator",
            "otlp",
            "pulse",
            "remote",
            "retention",
            "runtime",
            "sampler",
            "schedule",
            "served",
            "store",
            "telemetry",
            "worker",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "apps",
            "catalog",
            "clock",
            "config",
            "http",
            "keys",
            "mask",
            "project",
            "runtime",
            "telemetry",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// What the engine may depend on: nothing that does I/O.
const ENGINE_DEPENDENCIES: [&str; 9] =
    ["serde", "serde_json", "cel", "regex", "base64", "croner", "jiff", "sha2", "thiserror"];

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("an entry").path();
            let is_built = path.file_name().is_some_and(|n| n == "target" || n == "node_modules");
            if path.is_dir() && !is_built {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&repository().join(folder), &mut found);
    found.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("reads");
        (path.strip_prefix(repository()).expect("inside").to_owned(), text)
    };
    found.into_iter().map(read).collect()
}

fn every_source() -> Vec<(PathBuf, String)> {
    ["host", "guest-sdk", "functions", "tests", "xtask"].iter().flat_map(|f| sources(f)).collect()
}

/// The layer of a file in `host/src`: its first folder, or its own name.
fn layer(path: &Path) -> String {
    let inside = path.strip_prefix("host/src").expect("in host/src");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules that a text names as `crate::module`.
fn used(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("crate::").filter_map(|(at, found)| {
        let rest = &text[at + found.len()..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        Some(&rest[..end]).filter(|name| !name.is_empty())
    })
}

#[test]
fn each_layer_uses_only_what_the_map_allows() {
    let mut wrong = Vec::new();
    for (path, text) in sources("host/src") {
        let own = layer(&path);
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == own) else {
            wrong.push(format!("{}: a new layer: give it a line in LAYERS", path.display()));
            continue;
        };
        let is_layer = |name: &str| LAYERS.iter().any(|(layer, _)| *layer == name);
        for name in used(&text).filter(|name| is_layer(name) && *name != own && !allowed.contains(name)) {
            wrong.push(format!("{}: {own} must not know {name}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_engine_depends_on_nothing_that_does_io() {
    let manifest = fs::read_to_string(repository().join("host/engine/Cargo.toml")).expect("reads");
    let (_, rest) = manifest.split_once("[dependencies]").expect("dependencies");
    let (own, _) = rest.split_once("[dev-dependencies]").expect("dev-dependencies");
    let names: Vec<_> = own.lines().filter_map(|l| l.split_once(" = ").map(|(name, _)| name)).collect();
    assert_eq!(names, ENGINE_DEPENDENCIES);
}

#[test]
fn every_file_says_what_it_is_and_none_is_a_drawer() {
    let mut wrong = Vec::new();
    for (path, text) in every_source() {
        if !text.starts_with("//!") {
            wrong.push(format!("{}: does not begin with //!", path.display()));
        }
        let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().lines().count();
        if own > LINES {
            wrong.push(format!("{}: {own} lines without its tests; the limit is {LINES}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_refusals_status_is_decided_in_one_file() {
    const REFUSALS: [&str; 9] = [
        "BAD_REQUEST",
        "UNAUTHORIZED",
        "FORBIDDEN",
        "NOT_FOUND",
        "METHOD_NOT_ALLOWED",
        "CONFLICT",
        "PAYLOAD_TOO_LARGE",
        "SERVICE_UNAVAILABLE",
        "INTERNAL_SERVER_ERROR",
    ];
    for (path, text) in sources("host/src/http") {
        if path.ends_with("error.rs") {
            continue;
        }
        let found = REFUSALS.iter().find(|name| text.contains(*name));
        assert_eq!(found, None, "{}", path.display());
    }
}

#[test]
fn every_function_of_the_tests_guests_is_started_by_a_test() {
    let mut tests: String = sources("tests/it").into_iter().map(|(_, text)| text).collect();
    // the shop is the browser's
    tests += &fs::read_to_string(repository().join("tests/browser/functions.test.js")).expect("reads");
    let mut ids = Vec::new();
    for (_, text) in sources("tests/guests") {
        let ends = text.match_indices("#[pawl::function(").map(|(at, found)| at + found.len());
        for attribute in ends.map(|at| &text[at..]) {
            let (_, rest) = attribute.split_once("id = \"").expect("an id");
            ids.push(rest.split('"').next().unwrap_or_default().to_owned());
        }
    }
    assert!(ids.len() > 20, "{ids:?}");
    let is_named =
        |id: &String| tests.contains(&format!("\"{id}\"")) || tests.contains(&format!("\"test/{id}\""));
    let unused: Vec<_> = ids.iter().filter(|id| !is_named(id)).collect();
    assert!(unused.is_empty(), "no test names {unused:?}");
}
