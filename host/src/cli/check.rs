//! `pawl check`: a component by itself, without a host.

use super::print;
use crate::runtime::{Limits, Runtime};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

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
            "functions": found.manifests.iter().map(crate::http::manifest_view).collect::<Vec<_>>(),
            "imports": found.imports,
        }),
        Err(e) => json!({"file": name, "error": e.to_string(), "code": e.code()}),
    }
}

fn show(view: &Value) {
    if view["code"] == UNREADABLE {
        // nothing was learnt about it: that is no answer
        anstream::eprintln!("error: {}: {}", print::text(&view["file"]), print::text(&view["error"]));
        return;
    }
    let (strong, off) = (print::STRONG.render(), print::STRONG.render_reset());
    anstream::println!("{strong}{}{off}", print::text(&view["file"]));
    if !view["error"].is_null() {
        let (bad, off) = (print::BAD.render(), print::BAD.render_reset());
        anstream::println!(
            "  {bad}refused{off} {}: {}",
            print::text(&view["code"]),
            print::text(&view["error"])
        );
        return;
    }
    let size = view["size"].as_u64().unwrap_or(0);
    anstream::println!("  {} KB, deployment {}", size.div_ceil(1_000), print::text(&view["deployment"]));
    for function in view["functions"].as_array().into_iter().flatten() {
        let limit =
            function["concurrency"].as_u64().map_or(String::new(), |n| format!(", at most {n} at once"));
        anstream::println!(
            "  function {} on {}; {} retries{limit}",
            print::text(&function["id"]),
            print::triggers(function),
            function["retries"],
        );
        for kind in ["hosts", "settings", "secrets"] {
            let wishes: Vec<_> =
                function["wishes"][kind].as_array().into_iter().flatten().map(print::text).collect();
            if !wishes.is_empty() {
                anstream::println!("    wishes {kind}: {}", wishes.join(", "));
            }
        }
    }
    let imports: Vec<_> = view["imports"].as_array().into_iter().flatten().map(print::text).collect();
    anstream::println!("  imports {}", imports.join(", "));
}
