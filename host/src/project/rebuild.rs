//! Builds a project, and again whenever its sources change.
//!
//! The file system tells when to look; what is found is compared with what the last build
//! has seen, so a missed or doubled message does no harm.

use super::sources::Sources;
use super::{BuildError, Built, Out, Project};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// Sources are built when they have not changed for so long: an editor saves one file
/// after the other.
const SETTLE: Duration = Duration::from_millis(200);

/// Looks without being told, for file systems that tell nothing.
const LOOK: Duration = Duration::from_secs(5);

/// What there is to say in between.
#[derive(Debug)]
pub enum News<'a> {
    /// A build begins.
    Begins,
    /// Something takes time, such as an installation.
    Note(&'a str),
    /// There is a component.
    Built(&'a Built),
    /// There is none; what was built before stays.
    Failed(&'a BuildError),
}

/// A project that is built for as long as [`Rebuild::run`] is polled.
#[derive(Debug)]
pub struct Rebuild {
    project: Project,
    /// The folder of its components: nobody else's.
    folder: std::path::PathBuf,
    /// One build at a time, over all projects.
    turn: Arc<Semaphore>,
}

impl Rebuild {
    /// Into this folder, which is this project's alone.
    pub fn new(project: Project, folder: &Path, turn: Arc<Semaphore>) -> Self {
        Self { project, folder: folder.to_owned(), turn }
    }

    /// Builds now, and after each change, for ever; dropped, it ends a build under way.
    pub async fn run(self, tell: &(dyn Fn(&Project, News<'_>) + Sync)) {
        let changed = Arc::new(Notify::new());
        let mut watcher = watcher(changed.clone());
        loop {
            let mut seen = Sources::of(&self.project.folder);
            watch(watcher.as_mut(), &seen);
            self.build(tell).await;
            seen.take_locks(&Sources::of(&self.project.folder));
            self.wait_for_a_change(&seen, &changed).await;
        }
    }

    async fn build(&self, tell: &(dyn Fn(&Project, News<'_>) + Sync)) {
        // it is never closed
        let _turn = self.turn.acquire().await;
        tell(&self.project, News::Begins);
        let note = |text: &str| tell(&self.project, News::Note(text));
        let built = self.project.build(&Out::Folder(self.folder.clone()), &note).await;
        match built.and_then(|built| self.remove_others(&built).map(|()| built)) {
            Ok(built) => tell(&self.project, News::Built(&built)),
            Err(e) => tell(&self.project, News::Failed(&e)),
        }
    }

    /// What an earlier build left under a name that the project has no more.
    fn remove_others(&self, built: &Built) -> Result<(), BuildError> {
        let fault = || BuildError::file(&self.folder);
        for entry in std::fs::read_dir(&self.folder).map_err(fault())? {
            let path = entry.map_err(fault())?.path();
            if path.extension().is_some_and(|e| e == "wasm") && !built.files.iter().any(|f| f.path == path) {
                std::fs::remove_file(&path).map_err(BuildError::file(&path))?;
            }
        }
        Ok(())
    }

    /// Until the sources are others than these, and rest.
    async fn wait_for_a_change(&self, seen: &Sources, changed: &Notify) {
        let mut last = None;
        loop {
            let now = Sources::of(&self.project.folder);
            if last.as_ref() == Some(&now) && now != *seen {
                return;
            }
            let wait = if now == *seen { LOOK } else { SETTLE };
            let is_changing = now != *seen;
            last = Some(now);
            // while they change the time alone tells whether they rest
            match is_changing {
                true => tokio::time::sleep(wait).await,
                false => {
                    let _looks_anyway = tokio::time::timeout(wait, changed.notified()).await;
                }
            }
        }
    }
}

fn watcher(changed: Arc<Notify>) -> Option<RecommendedWatcher> {
    let tell = move |event: notify::Result<notify::Event>| {
        // our own reading is no change
        if event.is_ok_and(|e| !e.kind.is_access()) {
            changed.notify_one();
        }
    };
    notify::recommended_watcher(tell)
        .inspect_err(|e| tracing::warn!(error = %e, "no news from the file system: looking every 5 s"))
        .ok()
}

/// Watches each folder of sources by itself; one that is watched already stays so.
fn watch(watcher: Option<&mut RecommendedWatcher>, sources: &Sources) {
    let Some(watcher) = watcher else { return };
    for folder in sources.folders() {
        if let Err(e) = watcher.watch(folder, RecursiveMode::NonRecursive) {
            tracing::debug!(path = %folder.display(), error = %e, "not watched: looking every 5 s");
        }
    }
}
