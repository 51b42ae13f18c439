//! `pawl dev` and `pawl serve`.

use super::print;
use crate::config::{Config, Flags, Mode};
use crate::project::rebuild::{News, Rebuild};
use crate::project::{Project, ProjectError, private_folder};
use crate::{app, telemetry};
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

#[derive(Debug, clap::Args)]
pub(super) struct DevArgs {
    #[command(flatten)]
    flags: Flags,
    /// A project to build and to serve, again whenever it changes; may be repeated [default: this folder, if it is one]
    #[arg(long = "project", value_name = "FOLDER", env = "PAWL_PROJECT", value_delimiter = ',')]
    projects: Vec<PathBuf>,
}

pub(super) async fn serve(flags: Flags) -> anyhow::Result<()> {
    let (config, end) = begin(Mode::Serve, flags)?;
    app::run(config, end, |_, _| ()).await
}

pub(super) async fn dev(args: DevArgs) -> anyhow::Result<()> {
    let projects = projects(&args.projects)?;
    let (mut config, end) = begin(Mode::Dev, args.flags)?;
    let turn = Arc::new(Semaphore::new(1));
    let mut builds = JoinSet::new();
    for project in &projects {
        let folder = project.folder.join(".pawl/functions");
        private_folder(&project.folder.join(".pawl"))
            .and_then(|()| std::fs::create_dir_all(&folder))
            .with_context(|| format!("cannot make {}", folder.display()))?;
        config.functions.push(folder.clone());
        let rebuild = Rebuild::new(project.clone(), &folder, turn.clone());
        builds.spawn(async move { rebuild.run(&tell).await });
    }
    if !projects.is_empty() {
        // the usual folder beside a project is a habit, and no promise
        config.functions.retain(|path| path != Path::new(DEFAULT_FUNCTIONS) || path.exists());
    }
    let apps: Vec<_> = config.apps.iter().filter_map(|app| app.url.clone()).collect();
    let done = app::run(config, end, |addr, catalog| {
        anstream::eprintln!("{}", banner(addr, &catalog.snapshot(), &projects, &apps));
    });
    let done = done.await;
    // calls off what is being built
    builds.shutdown().await;
    done
}

/// The folder of functions when nobody names one; see [`Config`].
const DEFAULT_FUNCTIONS: &str = "./functions";

fn begin(mode: Mode, flags: Flags) -> anyhow::Result<(Config, CancellationToken)> {
    let config = Config::load(mode, flags, &|name| std::env::var(name).ok())?;
    telemetry::start(mode, &config.log).map_err(anyhow::Error::msg)?;
    Ok((config, app::end_on_signal()?))
}

/// The projects that are named; else that of the working folder, if it is one.
fn projects(named: &[PathBuf]) -> Result<Vec<Project>, ProjectError> {
    if !named.is_empty() {
        return named.iter().map(|folder| Project::find(folder)).collect();
    }
    match Project::find(Path::new(".")) {
        Ok(project) => Ok(vec![project]),
        Err(ProjectError::None(_)) => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

/// What becomes of a project's build, between the lines of the log.
fn tell(project: &Project, news: News<'_>) {
    let (name, language) = (&project.name, project.language);
    let (good, bad) = (print::GOOD.render(), print::BAD.render());
    let off = print::BAD.render_reset();
    match news {
        News::Begins => anstream::eprintln!("  building {name} ({language})"),
        News::Note(text) => anstream::eprintln!("  {text}"),
        News::Built(built) => {
            let took = print::millis(u64::try_from(built.took.as_millis()).unwrap_or(u64::MAX));
            let is_same = built.files.iter().all(|file| !file.is_new);
            let same = if is_same { ": as it was" } else { "" };
            anstream::eprintln!("  {good}built{off} {name} in {took}{same}");
        }
        News::Failed(e) => {
            anstream::eprintln!("  {bad}{name} is not built:{off} {e}");
            anstream::eprintln!("  what was built before goes on; it is built again when a file changes");
        }
    }
}

/// What `pawl dev` says when it is ready.
fn banner(
    addr: std::net::SocketAddr,
    snapshot: &crate::catalog::Snapshot,
    projects: &[Project],
    apps: &[reqwest::Url],
) -> String {
    let (strong, off) = (print::STRONG.render(), print::STRONG.render_reset());
    let mut lines = vec![
        format!("\n  {strong}pawl {}{off} at http://{addr}/", env!("CARGO_PKG_VERSION")),
        format!("  Stripe webhooks  http://{addr}/api/stripe/webhook"),
        format!("  events           http://{addr}/e/any-key, or `pawl send NAME`"),
    ];
    for project in projects {
        let (name, language) = (&project.name, project.language);
        lines.push(format!("  project          {name} ({language}), built again when a file changes"));
    }
    for app in apps {
        // a query may hold what opens a door
        let place = app.as_str().split('?').next().unwrap_or_default();
        lines.push(format!("  app              {place}, which says what functions it has"));
    }
    for offer in snapshot.functions.values() {
        let triggers = print::triggers(&crate::http::manifest_view(&offer.manifest));
        lines.push(format!("  function         {} on {triggers}", offer.manifest.id));
    }
    if snapshot.functions.is_empty() && projects.is_empty() && apps.is_empty() {
        lines
            .push("  no functions yet: put a .wasm into the functions folder, or `pawl deploy FILE`,".into());
        lines.push("  or make a project: `pawl new NAME --lang …`".into());
    }
    lines.push(String::new());
    lines.join("\n")
}
