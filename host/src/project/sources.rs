//! The sources of a project, as they lie on the disk: what a build has seen, to be
//! compared with what is there later. Times and sizes, no contents.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders that hold what tools make of sources, or packages of others. Those whose name
/// begins with a dot are left out as well: they are some tool's.
const MADE: [&str; 4] = ["target", "dist", "node_modules", "__pycache__"];

/// Files that a build may write by itself.
const LOCKS: [&str; 3] = ["Cargo.lock", "package-lock.json", "go.sum"];

/// Sources: each file with its time and size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sources {
    files: BTreeMap<PathBuf, (SystemTime, u64)>,
    folders: Vec<PathBuf>,
}

impl Sources {
    /// Those of a folder. What cannot be read is not there.
    pub(super) fn of(folder: &Path) -> Self {
        let mut sources = Self::default();
        sources.add(folder);
        sources
    }

    fn add(&mut self, folder: &Path) {
        self.folders.push(folder.to_owned());
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let Ok(kind) = entry.file_type() else { continue };
            let is_dotted = name.to_string_lossy().starts_with('.');
            if kind.is_dir() && !is_dotted && !MADE.iter().any(|made| name == *made) {
                self.add(&path);
            } else if kind.is_file() && !is_dotted && !is_editors(&name.to_string_lossy()) {
                let stamp = entry.metadata().and_then(|meta| Ok((meta.modified()?, meta.len())));
                self.files.extend(stamp.ok().map(|stamp| (path, stamp)));
            }
        }
        // a folder's order is the file system's own
        self.folders.sort();
    }

    /// The files, in the order of their paths.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// The folders, to be watched each by itself: what is made lies between them.
    pub(super) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Takes over the lock files as they are after a build: what it wrote there itself is
    /// no change of the author's.
    pub(super) fn take_locks(&mut self, after: &Self) {
        let is_lock = |path: &Path| LOCKS.iter().any(|lock| path.file_name().is_some_and(|n| n == *lock));
        self.files.retain(|path, _| !is_lock(path));
        let locks = after.files.iter().filter(|(path, _)| is_lock(path));
        self.files.extend(locks.map(|(path, stamp)| (path.clone(), *stamp)));
    }
}

/// What an editor keeps beside a file that is open.
fn is_editors(name: &str) -> bool {
    name.ends_with('~') || name.ends_with(".swp") || name.ends_with(".tmp")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        files.iter().for_each(|file| write(&folder, file, "x"));
        folder
    }

    fn write(folder: &tempfile::TempDir, file: &str, text: &str) {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("makes");
        fs::write(path, text).expect("writes");
    }

    #[test]
    fn what_tools_make_is_no_source_and_what_is_vendored_is() {
        let folder = project(&["src/index.ts", "vendor/pawl/src/step.ts"]);
        let before = Sources::of(folder.path());
        for file in [
            "target/debug/x.rs",
            "dist/x.wasm",
            "node_modules/a/index.js",
            ".venv/lib/a.py",
            ".pawl/build/start.js",
            "src/__pycache__/a.pyc",
            "src/index.ts~",
            "src/.index.ts.swp",
        ] {
            write(&folder, file, "made");
            assert_eq!(Sources::of(folder.path()).files, before.files, "{file}");
        }
        for file in ["src/index.ts", "vendor/pawl/src/step.ts", "src/deep/er/new.ts"] {
            write(&folder, file, file);
            let after = Sources::of(folder.path());
            assert_ne!(after.files, before.files, "{file}");
        }
    }

    #[test]
    fn a_lock_file_that_a_build_wrote_is_no_change() {
        let folder = project(&["src/lib.rs", "Cargo.lock"]);
        let mut seen = Sources::of(folder.path());
        write(&folder, "Cargo.lock", "longer than before");
        write(&folder, "go.sum", "new");
        let after = Sources::of(folder.path());
        assert_ne!(seen, after);
        seen.take_locks(&after);
        assert_eq!(seen, after);
        write(&folder, "Cargo.lock", "and changed by the author");
        assert_ne!(seen, Sources::of(folder.path()));
    }
}
