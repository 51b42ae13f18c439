//! The host put together: the one file that knows every layer, in which order they
//! start, and in which order they end.

use crate::alert::Rules;
use crate::apps::{Apps, Syncing};
use crate::catalog::Catalog;
use crate::catalog::watch::Watch;
use crate::config::{Config, Inngest, Keep, Mode, Otlp, StoreKind};
use crate::http::{Door, Http, Server, router};
use crate::ingress::endpoint::Endpoint;
use crate::intake::{Functions, Intake};
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::operator::Operator;
use crate::otlp::Exporter;
use crate::pulse::Ear;
use crate::remote;
use crate::retention::Forgetting;
use crate::runtime::Runtime;
use crate::sampler;
use crate::schedule::Clockwork;
use crate::served::{Parts, Served};
use crate::store::Store;
use crate::store::memory::Memory;
use crate::store::sqlite::Sqlite;
use crate::telemetry::Told;
use crate::worker::{self, Worker};
use anyhow::Context;
use pawl_engine::Span;
use pawl_engine::manifest::Trigger;
use pawl_engine::trigger::matches;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use crate::store::sqlite::is_in_use;

/// The file in the data folder that tells where a running host listens.
pub const ADDR_FILE: &str = "addr";

/// How long the end waits for a component that is being compiled, and for an alert that is
/// being sent: that is sent again at the next start.
const REST_ENDS: Duration = Duration::from_secs(1);

/// How long those functions that are known wait at the start for new ones.
const FIRST_LOOK: Duration = Duration::from_secs(3);

/// Runs a host until `end`, and then until everything that was acknowledged is kept.
/// `listening` is told the address once requests are taken.
pub async fn run(
    config: Config,
    end: CancellationToken,
    listening: impl FnOnce(SocketAddr, &Catalog),
) -> anyhow::Result<()> {
    config.warnings.iter().for_each(|w| tracing::warn!("{w}"));
    make_private(&config.data)?;
    // before all that takes time: a taken address should not cost a compilation
    let server = Server::bind(config.addr).await.with_context(|| {
        format!("cannot listen on {}: is another pawl running there? (--addr takes another)", config.addr)
    })?;
    let store = store_of(config.store, &config.data)?;
    // the folder is this host's from here on
    config.keys.tell_started(&config.data, config.mode == Mode::Dev)?;
    let runtime = Arc::new(Runtime::new(config.limits, Some(&config.cache))?);
    let catalog = Catalog::open(store.clone(), runtime.clone(), config.grants).await?;
    let watching = look(Watch::new(catalog.clone(), config.functions), &catalog, end.clone()).await;
    catalog.tell_grants();
    tell_unheard(&config.webhooks, &catalog);

    let metrics = Metrics::new(store.clone(), catalog.clone(), runtime.clone())?;
    let exporter = listen(&store, &metrics, config.otlp)?;
    let wake = Arc::new(Notify::new());
    let functions = functions_of(catalog.clone());
    let intake = Intake::new(store.clone(), functions.clone(), wake.clone());
    let operator =
        Operator { store: store.clone(), catalog: catalog.clone(), runtime, intake: intake.clone() };
    let (door, noting) = Door::open(store.clone());
    let alerts = Rules::new(config.alerts, store.clone(), functions, intake.clone());
    // in development nothing is signed
    let keys = Some(config.keys.clone()).filter(|_| config.mode == Mode::Serve);
    let live = remote::Live::default();
    let apps = Apps::new(config.mode, config.apps, config.keys.clone(), catalog.clone()).await;
    let client = remote::Client::new(keys, live.clone()).context("apps cannot be called")?;
    let worker = worker_of(&operator, client, apps.clone(), wake, config.retry_interval);
    let app = as_an_app(config.mode, config.inngest, config.keys.clone(), &operator, worker.slots())?;
    let http = Http {
        live,
        alerts: alerts.clone(),
        apps: apps.clone(),
        mode: config.mode,
        store: store.clone(),
        catalog: catalog.clone(),
        intake: intake.clone(),
        operator,
        keys: config.keys,
        served: app,
        metrics,
        metrics_tokens: config.metrics_tokens.into(),
        stripe_secrets: config.stripe_secrets.into(),
        webhooks: config.webhooks.into(),
        door,
        last_ready: Arc::default(),
        end: end.clone(),
    };
    let clockwork = Clockwork::new(store.clone(), catalog.clone(), intake);
    let syncing = Syncing::new(apps, server.addr())?;
    let beside = beside(alerts, config.keep, syncing, store, end.clone());

    let addr = server.addr();
    let addr_file = write_addr(&config.data, addr)?;
    tracing::info!(%addr, mode = ?config.mode, "listening");
    let working = CancellationToken::new();
    let mut ticking = tokio::spawn(clockwork.run(end.clone()));
    let mut worker = tokio::spawn(worker.run(working.clone()));
    let beside = tokio::spawn(beside);
    listening(addr, &catalog);
    let serving = server.run(router(http), end.clone());
    served(serving, &mut worker, &mut ticking, &end).await?;
    // requests are over and nothing new is acknowledged: runs go on for a while, and
    // what is cut off then goes on at the next start
    working.cancel();
    worker.await.context("the worker broke")?;
    finish(exporter).await;
    // the door went with the last request; what compiles or is sent may take longer than this
    let rest = async { tokio::join!(noting, beside, watching) };
    let _goes_on = tokio::time::timeout(REST_ENDS, rest).await;
    let _gone = std::fs::remove_file(addr_file);
    tracing::info!("stopped; everything acknowledged is kept");
    Ok(())
}

fn store_of(kind: StoreKind, data: &Path) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match kind {
        StoreKind::Sqlite => Arc::new(Sqlite::open(data)?),
        StoreKind::Memory => Arc::new(Memory::default()),
    })
}

/// From here on everything that happens is counted, logged, and exported if that is wished.
fn listen(
    store: &Arc<dyn Store>,
    metrics: &Arc<Metrics>,
    otlp: Option<Otlp>,
) -> anyhow::Result<Option<Exporter>> {
    let exporter = otlp.map(|to| Exporter::start(to, store.clone(), metrics.clone())).transpose()?;
    let mut ears: Vec<Arc<dyn Ear>> = vec![metrics.clone(), Arc::new(Told)];
    ears.extend(exporter.as_ref().map(Exporter::ear));
    store.pulse().attach(ears);
    Ok(exporter)
}

/// Spans that are not sent yet are sent now.
async fn finish(exporter: Option<Exporter>) {
    if let Some(exporter) = exporter {
        exporter.finish().await;
    }
}

fn worker_of(
    of: &Operator,
    client: remote::Client,
    apps: Apps,
    wake: Arc<Notify>,
    retry_interval: Option<Span>,
) -> Worker {
    let (runtime, slots) = (of.runtime.clone(), of.runtime.slots());
    let address: worker::Address = Arc::new(move |app| Some(apps.address(app)?.into()));
    let guests = Arc::new(worker::Functions { runtime, client, address, catalog: of.catalog.clone() });
    Worker::new(of.store.clone(), guests, of.intake.clone(), wake, slots, retry_interval)
}

/// The functions as an app of an Inngest server.
fn as_an_app(
    mode: Mode,
    settings: Inngest,
    keys: Keys,
    of: &Operator,
    room: Arc<Semaphore>,
) -> anyhow::Result<Served> {
    let (store, catalog, runtime) = (of.store.clone(), of.catalog.clone(), of.runtime.clone());
    Served::new(Parts { mode, settings, keys, store, catalog, runtime, room })
}

/// Says which webhooks are for a function that does not listen for them: their events are
/// stored, and nothing becomes of them.
fn tell_unheard(webhooks: &[Endpoint], catalog: &Catalog) {
    let functions = &catalog.snapshot().functions;
    for (webhook, function) in webhooks.iter().filter_map(|w| Some((w, w.function()?))) {
        let event = webhook.event_for_function();
        let offer = functions.iter().find(|(id, _)| id.as_str() == function).map(|(_, offer)| offer);
        let is_heard = offer.is_some_and(|offer| {
            let is_it =
                |trigger: &Trigger| matches!(trigger, Trigger::Event { name, .. } if matches(name, &event));
            offer.manifest.triggers.iter().any(is_it)
        });
        if !is_heard {
            tracing::warn!(
                "webhook {}: there is no function {function} with the trigger `{event}`; until there is, \
                 nothing becomes of these webhooks",
                webhook.name
            );
        }
    }
}

fn functions_of(catalog: Arc<Catalog>) -> Functions {
    Arc::new(move || catalog.snapshot())
}

/// What goes on beside runs, each by itself: should one break, the others and the runs go on.
async fn beside(alerts: Rules, keep: Keep, syncing: Syncing, store: Arc<dyn Store>, end: CancellationToken) {
    let mut all = tokio::task::JoinSet::new();
    all.spawn(alerts.run(end.clone()));
    all.spawn(Forgetting::new(store.clone(), keep).run(end.clone()));
    all.spawn(syncing.run(end.clone()));
    all.spawn(sampler::run(store, end));
    while let Some(ended) = all.join_next().await {
        if let Err(e) = ended {
            tracing::error!(error = %e, "alerts, retention, the asking of apps or the watch over queues broke, and rests until a restart");
        }
    }
}

/// Looks for functions from now on. Comes back when all that there are have been read, so that
/// no event misses one; where others are offered already those do not wait for long, since
/// an interpreter's first compilation takes its time.
async fn look(mut watch: Watch, catalog: &Catalog, end: CancellationToken) -> JoinHandle<()> {
    let (tell, told) = oneshot::channel();
    let has_others = !catalog.snapshot().functions.is_empty();
    let watching = tokio::spawn(async move {
        watch.look_at_all().await;
        let _nobody_waits = tell.send(());
        watch.run(end).await;
    });
    let read = async { told.await.is_ok() };
    let is_read = match has_others {
        true => tokio::time::timeout(FIRST_LOOK, read).await.unwrap_or(false),
        false => read.await,
    };
    if !is_read {
        tracing::info!("new functions are still being compiled: the others are served meanwhile");
    }
    watching
}

/// Serves to the end. An error: what works on events has ended before.
async fn served(
    serving: impl Future<Output = ()>,
    worker: &mut JoinHandle<()>,
    ticking: &mut JoinHandle<()>,
    end: &CancellationToken,
) -> anyhow::Result<()> {
    tokio::select! {
        () = serving => Ok(()),
        // events that nobody works on must not be acknowledged for long
        ended = worker => {
            end.cancel();
            ended.context("the worker broke")?;
            anyhow::bail!("the worker ended by itself")
        }
        broke = broken(ticking) => {
            end.cancel();
            Err(broke).context("the clockwork broke")
        }
    }
}

/// Why a task broke; one that ends as it should is waited for, for ever.
async fn broken(task: &mut JoinHandle<()>) -> tokio::task::JoinError {
    match task.await {
        Err(broke) => broke,
        Ok(()) => std::future::pending().await,
    }
}

/// Makes the data folder for its owner alone: it holds people's data, and compiled code
/// that is executed. One that somebody else made stays as it is, and that is said.
fn make_private(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let fault = || format!("the data folder {} cannot be made (--data names another)", folder.display());
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(fault)?;
    let mode = std::fs::metadata(folder).with_context(fault)?.permissions().mode();
    if mode & 0o077 != 0 {
        let folder = folder.display();
        tracing::warn!("others on this machine can look into the data folder: chmod 700 {folder}");
    }
    Ok(())
}

/// Written beside and renamed, so that nobody reads half an address. The file in this folder.
fn write_addr(folder: &Path, addr: SocketAddr) -> anyhow::Result<PathBuf> {
    let path = folder.join(ADDR_FILE);
    let part = path.with_extension("part");
    std::fs::write(&part, addr.to_string())
        .and_then(|()| std::fs::rename(&part, &path))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// A token that the first SIGINT or SIGTERM cancels; the second ends the process.
pub fn end_on_signal() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let end = CancellationToken::new();
    let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let told = end.clone();
    tokio::spawn(async move {
        for is_first in [true, false] {
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
            }
            if is_first {
                tracing::info!("stopping: finishing what has begun (once more to stop at once)");
                told.cancel();
            } else {
                // what is not committed was not acknowledged: nothing is lost
                std::process::exit(130);
            }
        }
    });
    Ok(end)
}
