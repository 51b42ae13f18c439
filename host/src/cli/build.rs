//! `pawl build`: the components of projects, whatever they are written in.

use super::{check, print};
use crate::project::{BuildError, Built, Out, Project, private_folder};
use crate::runtime::{Limits, Runtime};
use anyhow::bail;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folders with a project in each [default: this one]
    #[arg(value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Where the components go: a folder, or a .wasm file [default: dist/ in the project]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Folder of the compiled code [default: .pawl/compiled in the project]
    #[arg(long, value_name = "FOLDER", env = "PAWL_CACHE", hide = true)]
    cache: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The exit code where a tool is not on this machine.
const MISSING: u8 = 3;

/// The code of a folder that has no project, and of a build that failed.
const NO_PROJECT: &str = "no_project";
const MISSING_TOOL: &str = "missing_tool";
const BUILD_FAILED: &str = "build_failed";

/// Builds one project after the other, and tells what each component holds. Fails when
/// one was not built, or would be refused by a host.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let folders = if args.folders.is_empty() { vec![PathBuf::from(".")] } else { args.folders.clone() };
    let out = args.out.clone().map(Out::of);
    if let (Some(Out::File(file)), 2..) = (&out, folders.len()) {
        bail!("--out {} is one file for {} projects: name a folder", file.display(), folders.len());
    }
    let (mut views, mut code) = (Vec::new(), ExitCode::SUCCESS);
    for folder in &folders {
        let (view, ended) = build(&args, folder, out.as_ref()).await?;
        if !args.json {
            show(&view);
        }
        if ended != ExitCode::SUCCESS {
            code = ended;
        }
        views.push(view);
    }
    if args.json {
        print::json(&json!(views));
    }
    Ok(code)
}

/// What came of a folder: `components`, or `error` and `code`; and how the command ends.
async fn build(args: &Args, folder: &Path, out: Option<&Out>) -> anyhow::Result<(Value, ExitCode)> {
    let name = folder.display().to_string();
    let project = match Project::find(folder) {
        Ok(project) => project,
        Err(e) => {
            let view = json!({"project": name, "error": e.to_string(), "code": NO_PROJECT});
            return Ok((view, ExitCode::FAILURE));
        }
    };
    let mut view = json!({"project": name, "name": project.name, "language": project.language});
    let note = |text: &str| anstream::eprintln!("{}", text);
    match project.build(out.unwrap_or(&project.dist()), &note).await {
        Ok(built) => {
            let components = inspect(args, &project, &built)?;
            let is_good = components.iter().all(|component| component["error"].is_null());
            view["took_ms"] = json!(built.took.as_millis());
            view["components"] = json!(components);
            Ok((view, if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }))
        }
        Err(e) => {
            let (code, ended) = refusal(&e);
            view["error"] = json!(e.to_string());
            view["code"] = json!(code);
            Ok((view, ended))
        }
    }
}

fn refusal(e: &BuildError) -> (&'static str, ExitCode) {
    match e.is_missing_tool() {
        true => (MISSING_TOOL, ExitCode::from(MISSING)),
        false => (BUILD_FAILED, ExitCode::FAILURE),
    }
}

/// What the components hold. Their compiled code is kept where `pawl dev` in the project
/// looks for it.
fn inspect(args: &Args, project: &Project, built: &Built) -> anyhow::Result<Vec<Value>> {
    let own = project.folder.join(".pawl");
    if args.cache.is_none() {
        private_folder(&own)?;
    }
    let cache = args.cache.clone().unwrap_or_else(|| own.join("compiled"));
    let runtime = Runtime::new(Limits { slots: 1, ..Limits::default() }, Some(&cache))?;
    let view = |file: &crate::project::BuiltFile| {
        let mut view = check::inspect(&runtime, &file.path);
        view["changed"] = json!(file.is_new);
        view
    };
    Ok(built.files.iter().map(view).collect())
}

fn show(view: &Value) {
    let (bad, off) = (print::BAD.render(), print::BAD.render_reset());
    if !view["error"].is_null() {
        anstream::eprintln!(
            "{bad}{} is not built:{off} {}",
            print::text(&view["project"]),
            print::text(&view["error"])
        );
        return;
    }
    let took = print::millis(view["took_ms"].as_u64().unwrap_or(0));
    for component in view["components"].as_array().into_iter().flatten() {
        let (strong, off) = (print::STRONG.render(), print::STRONG.render_reset());
        let is_same = if component["changed"] == false { ", as it was" } else { "" };
        let file = print::text(&component["file"]);
        anstream::println!("{strong}{}{off}  built in {took}{is_same}", from_here(Path::new(&file)));
        check::show_what(component, false);
    }
}

/// A path without the working folder before it.
fn from_here(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}
