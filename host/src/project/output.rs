//! Built files: written beside and renamed, and only when they differ.

use super::{BuildError, BuiltFile};
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Puts a component into its place. A host that watches the folder never sees half a
/// file, and the same bytes leave the file as it was, so that it sees no change either.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<BuiltFile, BuildError> {
    let is_new = fs::read(path).map_or(true, |there| there != bytes);
    if is_new {
        // a name of this process alone: two builds at once do not meet
        let part = path.with_extension(format!("part-{}", std::process::id()));
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&part, bytes))
            .and_then(|()| fs::rename(&part, path))
            .map_err(BuildError::file(path))?;
    }
    Ok(BuiltFile { path: path.to_owned(), size: bytes.len(), is_new })
}

/// Makes a folder of the host's, if it is not there: for its owner alone, since a data
/// folder and compiled code may lie in it.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_leave_the_file_untouched() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dist/a.wasm");
        assert!(put(&path, b"one").expect("writes").is_new);
        let before = fs::metadata(&path).and_then(|m| m.modified()).expect("a time");
        assert!(!put(&path, b"one").expect("writes").is_new);
        assert_eq!(fs::metadata(&path).and_then(|m| m.modified()).expect("a time"), before);
        assert!(put(&path, b"two").expect("writes").is_new);
        assert_eq!(fs::read(&path).expect("reads"), b"two");
        let names = fs::read_dir(path.parent().expect("a folder")).expect("reads").count();
        assert_eq!(names, 1, "nothing is left beside it");
    }
}
