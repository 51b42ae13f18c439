//! `pawl check`: a component by itself, without a host.

use super::print;
use crate::project::origin;
use crate::runtime::{Limits, Runtime};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Components, or core modules made for the `plugin` world
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The code of a file that is not there, or not for us.
const UNREADABLE: &str = "unreadable";

/// Checks every file; fails when one is no plugin.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = Runtime::new(Limits { slots: 1, ..Limits::default() }, None)?;
    let views: Vec<_> = args.files.iter().map(|file| inspect(&runtime, file)).collect();
    let all_good = views.iter().all(|v| v["error"].is_null());
    if args.json {
        print::json(&json!(views));
    } else {
        views.iter().for_each(show);
    }
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a file holds, or `error` and `code`.
pub(super) fn inspect(runtime: &Runtime, file: &Path) -> Value {
    let name = file.display().to_string();
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(e) => return json!({"file": name, "error": e.to_string(), "code": UNREADABLE}),
    };
    match runtime.inspect(&bytes) {
        Ok(found) => json!({
            "file": name,
            "deployment": found.id,
            "size": found.size,
            "kind": kind(&bytes),
            "language": origin::language(&bytes),
            "functions": found.manifests.iter().map(crate::http::manifest_view).collect::<Vec<_>>(),
            "imports": found.imports,
        }),
        Err(e) => json!({"file": name, "error": e.to_string(), "code": e.code()}),
    }
}

/// A core module is one by its header; the host makes a component of it.
fn kind(bytes: &[u8]) -> &'static str {
    if bytes.get(4..8) == Some(&[1, 0, 0, 0]) { "module" } else { "component" }
}

fn show(view: &Value) {
    if view["code"] == UNREADABLE {
        // nothing was learnt about it: that is no answer
        anstream::eprintln!("error: {}: {}", print::text(&view["file"]), print::text(&view["error"]));
        return;
    }
    let (strong, off) = (print::STRONG.render(), print::STRONG.render_reset());
    anstream::println!("{strong}{}{off}", print::text(&view["file"]));
    if view["error"].is_null() {
        let what = if view["kind"] == "module" { "core module" } else { "component" };
        let from = view["language"].as_str().map_or(String::new(), |language| format!(" from {language}"));
        anstream::println!("  {what}{from}, deployment {}", print::text(&view["deployment"]));
    }
    show_what(view, true);
    for (package, interfaces) in imports(&view["imports"]) {
        anstream::println!("  imports {package}: {}", interfaces.join(", "));
    }
}

/// What is imported, by packages: `wasi:clocks/wall-clock@0.2.9` is `wall-clock` of
/// `wasi:clocks@0.2.9`.
fn imports(names: &Value) -> BTreeMap<String, Vec<String>> {
    let mut packages = BTreeMap::<_, Vec<_>>::new();
    for name in names.as_array().into_iter().flatten().map(print::text) {
        let (path, version) = name.split_once('@').unwrap_or((&name, ""));
        let (package, interface) = path.split_once('/').unwrap_or((path, path));
        let package = if version.is_empty() { package.to_owned() } else { format!("{package}@{version}") };
        packages.entry(package).or_default().push(interface.to_owned());
    }
    packages
}

/// Size and functions, with their options and wishes when all is wanted; or why it is refused.
pub(super) fn show_what(view: &Value, is_all_wanted: bool) {
    if !view["error"].is_null() {
        let (bad, off) = (print::BAD.render(), print::BAD.render_reset());
        let (code, error) = (print::text(&view["code"]), print::text(&view["error"]));
        anstream::println!("  {bad}refused{off} {code}: {error}");
        return;
    }
    anstream::println!("  {}", print::bytes(view["size"].as_u64().unwrap_or(0)));
    for function in view["functions"].as_array().into_iter().flatten() {
        let (id, retries) = (print::text(&function["id"]), &function["retries"]);
        let limit = function["concurrency"].as_u64();
        let limit = limit.map_or(String::new(), |n| format!(", at most {n} at once"));
        anstream::println!("  function {id} on {}; {retries} retries{limit}", print::triggers(function));
        if is_all_wanted {
            show_details(function);
        }
    }
}

fn show_details(function: &Value) {
    for (option, value) in options(&function["flow"]) {
        anstream::println!("    {option}: {value}");
    }
    for kind in ["hosts", "settings", "secrets"] {
        let wishes: Vec<_> =
            function["wishes"][kind].as_array().into_iter().flatten().map(print::text).collect();
        if !wishes.is_empty() {
            anstream::println!("    wishes {kind}: {}", wishes.join(", "));
        }
    }
}

/// The options of flow control that are set, each in a line of its own words.
fn options(flow: &Value) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for (option, value) in flow.as_object().into_iter().flatten() {
        let values = match value {
            // a limit for all runs is in the function's own line
            Value::Array(list) if option == "concurrency" => {
                list.iter().filter(|limit| !limit["key"].is_null()).collect()
            }
            Value::Array(list) => list.iter().collect(),
            other => vec![other],
        };
        let texts = values.into_iter().map(option_text).filter(|text| !text.is_empty());
        lines.extend(texts.map(|text| (option.replace('_', " "), text)));
    }
    lines
}

/// `limit 1, key event.data.user`: what is not set is left out.
fn option_text(value: &Value) -> String {
    let Value::Object(fields) = value else { return print::text(value) };
    let is_set = |value: &Value| !(value.is_null() || *value == json!(0));
    let field = |(name, value): (&String, &Value)| match value.as_u64() {
        Some(millis) if TIMES.contains(&name.as_str()) => {
            format!("{name} {}", humantime::format_duration(Duration::from_millis(millis)))
        }
        _ => format!("{} {}", name.replace('_', " "), print::text(value)),
    };
    fields.iter().filter(|(_, value)| is_set(value)).map(field).collect::<Vec<_>>().join(", ")
}

/// Fields that are a time in milliseconds.
const TIMES: [&str; 4] = ["period", "timeout", "start", "finish"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_told_by_packages() {
        let names =
            json!(["wasi:clocks/wall-clock@0.2.9", "pawl:workflow/step@0.2.0", "wasi:clocks/poll@0.2.9"]);
        let expected =
            [("pawl:workflow@0.2.0", vec!["step"]), ("wasi:clocks@0.2.9", vec!["wall-clock", "poll"])];
        let expected = expected
            .map(|(package, names)| (package.to_owned(), names.into_iter().map(str::to_owned).collect()));
        assert_eq!(imports(&names), BTreeMap::from(expected));
    }

    #[test]
    fn options_that_are_set_are_told_and_others_are_not() {
        let flow = json!({
            "concurrency": [{"limit": 5, "key": null}, {"limit": 1, "key": "event.data.user", "scope": "function"}],
            "throttle": null,
            "debounce": {"period": 1000, "timeout": null, "key": null},
            "priority": "event.data.vip ? 10 : 0",
            "cancel_on": [{"event": "a/b", "filter": null, "timeout": null}],
            "timeouts": {"start": null, "finish": null},
        });
        let expected = [
            ("cancel on", "event a/b"),
            ("concurrency", "key event.data.user, limit 1, scope function"),
            ("debounce", "period 1s"),
            ("priority", "event.data.vip ? 10 : 0"),
        ];
        let mut found = options(&flow);
        found.sort();
        assert_eq!(found, expected.map(|(option, text)| (option.to_owned(), text.to_owned())));
    }
}
