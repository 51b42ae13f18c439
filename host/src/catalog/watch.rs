//! The functions folder: what lies in it is what is offered.
//!
//! The file system tells when to look; what is found is compared with what is
//! known, so a missed or doubled message does no harm.

use super::{Catalog, DeployError};
use crate::clock;
use crate::runtime::LoadError;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A file is read when it has not changed for so long: a copy may be under way.
const SETTLE: Duration = Duration::from_millis(100);

/// A file that is refused is called broken when it has not changed for so long.
const COPIED: Duration = Duration::from_secs(1);

/// Looks without being told, for file systems that tell nothing.
const LOOK: Duration = Duration::from_secs(5);

/// Looks again at what could not be read or stored.
const RETRY: Duration = Duration::from_secs(1);

/// A file is withdrawn when it has been gone for so long: a new version may be copied
/// over a removed one.
const GONE: Duration = Duration::from_millis(1_500);

/// Bytes of one component.
pub const COMPONENT_BYTES: u64 = 64 << 20;

type Stamp = (SystemTime, u64);

/// Keeps the catalog as the folder is.
pub struct Watch {
    catalog: Arc<Catalog>,
    paths: Vec<PathBuf>,
    /// What each file looked like when it was last read.
    seen: BTreeMap<PathBuf, Stamp>,
    /// Files whose reading failed for reasons that may pass.
    failing: BTreeSet<PathBuf>,
    /// Sources whose files have gone, and since when.
    gone_since: BTreeMap<String, Instant>,
    /// A folder could not be read, and that was said.
    is_missing: bool,
}

impl Watch {
    /// For these folders and files.
    pub fn new(catalog: Arc<Catalog>, paths: Vec<PathBuf>) -> Self {
        Self {
            catalog,
            paths,
            seen: BTreeMap::new(),
            failing: BTreeSet::new(),
            gone_since: BTreeMap::new(),
            is_missing: false,
        }
    }

    /// Looks once. Files that still change are left for the next look.
    pub async fn look(&mut self) {
        let found = match self.found() {
            Ok(found) => found,
            Err((path, e)) => return self.miss(&path, &e),
        };
        self.is_missing = false;
        let gone = self.gone(&found);
        let ripe = self.ripe(&gone);
        if !ripe.is_empty() {
            // a file that was refused because of one takes its place before that is withdrawn
            let snapshot = self.catalog.snapshot();
            self.seen.retain(|path, _| !snapshot.problems.contains_key(&source(path)));
        }
        // small ones first: they need not wait until an interpreter is compiled
        let mut by_size: Vec<_> = found.iter().collect();
        by_size.sort_by_key(|(_, (_, size))| *size);
        for (path, stamp) in by_size {
            if self.seen.get(path) == Some(stamp) || !has_settled(stamp) {
                continue;
            }
            match self.read(path, stamp, &gone).await {
                Read::Unfinished => {}
                Read::Done => {
                    self.failing.remove(path);
                    self.seen.insert(path.clone(), *stamp);
                }
                Read::Again => drop(self.failing.insert(path.clone())),
            }
        }
        self.seen.retain(|path, _| found.contains_key(path));
        self.failing.retain(|path| found.contains_key(path));
        self.withdraw(ripe).await;
    }

    /// Looks until everything that is there has been read: before the host listens, so
    /// that no event misses a function.
    pub async fn look_at_all(&mut self) {
        self.look().await;
        while self.is_settling() {
            tokio::time::sleep(SETTLE).await;
            self.look().await;
        }
    }

    /// Something is on its way: a file that is being written, or one that has gone and
    /// may be back in a moment.
    fn is_settling(&self) -> bool {
        let is_new = |path: &PathBuf, stamp: &Stamp| {
            self.seen.get(path) != Some(stamp) && !self.failing.contains(path)
        };
        let has_new = self.found().is_ok_and(|found| found.iter().any(|(path, stamp)| is_new(path, stamp)));
        has_new || !self.gone_since.is_empty()
    }

    /// A folder that cannot be read may be a mount that is late: what it offered stays.
    fn miss(&mut self, path: &Path, e: &std::io::Error) {
        if !std::mem::replace(&mut self.is_missing, true) {
            let path = path.display();
            tracing::warn!(%path, "the functions there cannot be read: what was deployed from there stays: {e}");
        }
    }

    /// Looks whenever something changes, until the end.
    pub async fn run(mut self, end: CancellationToken) {
        let changed = Arc::new(Notify::new());
        let _watcher = self.watcher(changed.clone());
        loop {
            self.look().await;
            let wait = match (self.is_settling(), self.failing.is_empty()) {
                (true, _) => SETTLE,
                (false, false) => RETRY,
                (false, true) => LOOK,
            };
            tokio::select! {
                () = end.cancelled() => return,
                () = changed.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn watcher(&self, changed: Arc<Notify>) -> Option<RecommendedWatcher> {
        let tell = move |event: notify::Result<notify::Event>| {
            // our own reading is no change
            if event.is_ok_and(|e| !e.kind.is_access()) {
                changed.notify_one();
            }
        };
        let mut watcher = notify::recommended_watcher(tell)
            .inspect_err(|e| tracing::warn!(error = %e, "no news from the file system: looking every 5 s"))
            .ok()?;
        for path in &self.paths {
            let folder = if path.is_dir() { path.as_path() } else { path.parent().unwrap_or(Path::new(".")) };
            if let Err(e) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                tracing::debug!(path = %folder.display(), error = %e, "not watched: looking every 5 s");
            }
        }
        Some(watcher)
    }

    /// The `.wasm` files that there are, with their stamps; or the folder that cannot
    /// be read.
    fn found(&self) -> Result<BTreeMap<PathBuf, Stamp>, (PathBuf, std::io::Error)> {
        let mut files = Vec::new();
        for path in &self.paths {
            if is_wasm(path) {
                // a named file may be removed: it is then withdrawn
                files.push(path.clone());
                continue;
            }
            let entries = std::fs::read_dir(path).map_err(|e| (path.clone(), e))?;
            files.extend(entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| is_wasm(p)));
        }
        let stamp = |path: PathBuf| {
            let meta = path.metadata().ok().filter(|m| m.is_file())?;
            Some((path, (meta.modified().ok()?, meta.len())))
        };
        Ok(files.into_iter().filter_map(stamp).collect())
    }

    async fn read(&self, path: &Path, stamp: &Stamp, gone: &[String]) -> Read {
        let source = source(path);
        let refused = |why: String| DeployError::Load(LoadError::NoComponent(why));
        let bytes = match tokio::fs::read(path).await {
            Ok(bytes) => bytes,
            Err(e) => {
                self.catalog.report(&source, &refused(format!("the file cannot be read: {e}")));
                return Read::Again;
            }
        };
        if self.catalog.offers(&source, &bytes) {
            return Read::Done;
        }
        let deployed = match bytes.len() as u64 > COMPONENT_BYTES {
            true => {
                Err(refused(format!("the file has {} bytes; the limit is {COMPONENT_BYTES}", bytes.len())))
            }
            false => self.catalog.deploy_file(bytes, &source, gone).await,
        };
        match deployed {
            Ok(_) => Read::Done,
            // half a file, perhaps: a slow copy pauses
            Err(DeployError::Load(_)) if !is_older(stamp, COPIED) => Read::Unfinished,
            Err(e) => {
                self.catalog.report(&source, &e);
                if matches!(e, DeployError::Store(_)) { Read::Again } else { Read::Done }
            }
        }
    }

    /// Sources of files that are there no more.
    fn gone(&self, found: &BTreeMap<PathBuf, Stamp>) -> Vec<String> {
        let there: Vec<_> = found.keys().map(|p| source(p)).collect();
        let snapshot = self.catalog.snapshot();
        let known = snapshot.sources.iter().map(|s| &s.name).chain(snapshot.problems.keys());
        known.filter(|n| n.starts_with("file:") && !there.contains(n)).cloned().collect()
    }

    /// Those that have been gone for long enough.
    fn ripe(&mut self, gone: &[String]) -> Vec<String> {
        let now = clock::instant();
        self.gone_since.retain(|name, _| gone.contains(name));
        let mut is_ripe = |name: &&String| {
            let since = *self.gone_since.entry((*name).clone()).or_insert(now);
            now.duration_since(since) >= GONE
        };
        gone.iter().filter(|name| is_ripe(name)).cloned().collect()
    }

    async fn withdraw(&mut self, ripe: Vec<String>) {
        for name in ripe {
            match self.catalog.withdraw(&name).await {
                Ok(()) => drop(self.gone_since.remove(&name)),
                Err(e) => tracing::error!(source = name, error = %e, "not withdrawn: trying again"),
            }
        }
    }
}

/// What came of a file.
enum Read {
    /// It is offered, or refused for what it is.
    Done,
    /// It has to be read again.
    Again,
    /// It may still be growing.
    Unfinished,
}

fn is_wasm(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "wasm")
}

/// A file by its name: a folder that moves is the same folder.
fn source(path: &Path) -> String {
    format!("file:{}", path.file_name().unwrap_or(path.as_os_str()).to_string_lossy())
}

fn has_settled(stamp: &Stamp) -> bool {
    is_older(stamp, SETTLE)
}

/// Whether a file has not changed for so long.
fn is_older((modified, _): &Stamp, age: Duration) -> bool {
    let now =
        SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(clock::now().as_millis()).unwrap_or(0));
    // a time in the future is no reason to wait for it
    now.duration_since(*modified).map_or(true, |since| since >= age)
}
