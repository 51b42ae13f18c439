//! New projects: a template and the SDK's own sources, both carried by the binary.

use super::Language;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What the binary carries, by its path in the repository.
static EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The repository's own manifest: the SDK's crates take over from it.
const REPOSITORY: &str = include_str!("../../../Cargo.toml");

/// Letters of a name at most.
const NAME: usize = 64;

/// Names that a compiler, or the SDK itself, has taken.
const TAKEN: [&str; 60] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "class",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "go",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "node",
    "override",
    "pawl",
    "priv",
    "proc-macro",
    "pub",
    "pytest",
    "python",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "unsafe",
    "use",
    "vitest",
    "where",
    "while",
    "yield",
];

/// Why there is no new project.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The name is none.
    #[error("`{0}` cannot be a project's name: {1}")]
    Name(String, &'static str),
    /// There is something already.
    #[error("{} is there already, and it is not empty: nothing was written", .0.display())]
    NotEmpty(PathBuf),
    /// A file cannot be written.
    #[error("{path}: {1}", path = .0.display())]
    File(PathBuf, io::Error),
}

/// Makes the folder `name` in `parent`, with a project that builds and passes its own test.
/// Gives the folder.
pub fn create(parent: &Path, name: &str, language: Language) -> Result<PathBuf, CreateError> {
    check(name).map_err(|why| CreateError::Name(name.to_owned(), why))?;
    let folder = parent.join(name);
    if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CreateError::NotEmpty(folder));
    }
    let template = format!("host/templates/{}/", language.id());
    for (path, bytes) in below(&template) {
        let text = String::from_utf8_lossy(bytes).replace("{{name}}", name);
        write(&folder.join(place(path)), text.as_bytes())?;
    }
    let sdk = folder.join(sdk(language));
    for (path, bytes) in sdk_files(language) {
        write(&sdk.join(path), bytes)?;
    }
    if language == Language::Rust {
        write(&sdk.join("Cargo.toml"), sdk_workspace().as_bytes())?;
    }
    Ok(folder)
}

/// Writes the contract, for tools that make bindings of it.
pub(super) fn write_wit(folder: &Path) -> io::Result<()> {
    for (path, bytes) in below("wit/") {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// A name that every language and every registry takes.
fn check(name: &str) -> Result<(), &'static str> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(is_plain) {
        return Err("take small letters, digits and `-`, with a letter first, like `ship-orders`");
    }
    if name.ends_with('-') || name.contains("--") {
        return Err("each `-` wants something on both sides");
    }
    if name.len() > NAME {
        return Err("it has more than 64 letters");
    }
    if TAKEN.contains(&name) {
        return Err("a compiler or the SDK has taken it");
    }
    Ok(())
}

/// Where the SDK goes in a project. Go gives a folder `vendor` a meaning of its own.
fn sdk(language: Language) -> &'static str {
    if language == Language::Go { "third_party/pawl" } else { "vendor/pawl" }
}

/// The SDK of a language, with its places in the repository: its crates find `wit/` by them.
fn sdk_files(language: Language) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    let folder = match language {
        Language::Rust => "guest-sdk/rust/",
        Language::TypeScript | Language::JavaScript => "guest-sdk/typescript/",
        Language::Python => "guest-sdk/python/",
        Language::Go => "guest-sdk/go/",
    };
    let is_wanted = move |path: &str| {
        path.starts_with(folder) || (language == Language::Rust && path.starts_with("wit/"))
    };
    EMBEDDED.iter().copied().filter(move |(path, _)| is_wanted(path))
}

/// What is embedded below a folder, by its path from there.
fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    EMBEDDED.iter().filter_map(move |(path, bytes)| Some((path.strip_prefix(folder)?, *bytes)))
}

/// A template's file has a name under which no tool takes it for its own: `_gitignore` is
/// `.gitignore`, `Cargo.toml.in` is `Cargo.toml`.
fn place(path: &str) -> PathBuf {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = name.strip_suffix(".in").unwrap_or(name);
    match name.strip_prefix('_') {
        Some(rest) if !rest.starts_with('_') => Path::new(folder).join(format!(".{rest}")),
        _ => Path::new(folder).join(name),
    }
}

/// The workspace of the SDK's crates, with what they take over from the repository's.
fn sdk_workspace() -> String {
    let repository: toml::Table = REPOSITORY.parse().unwrap_or_default();
    let taken_over = |key: &str| repository["workspace"][key].clone();
    let mut workspace = toml::Table::new();
    workspace.insert("resolver".into(), taken_over("resolver"));
    workspace.insert("members".into(), vec!["guest-sdk/rust", "guest-sdk/rust/macros"].into());
    workspace.insert("package".into(), taken_over("package"));
    workspace.insert("lints".into(), taken_over("lints"));
    let table = toml::Table::from_iter([("workspace".to_owned(), toml::Value::Table(workspace))]);
    format!("# What the SDK's crates have in common.\n{table}")
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CreateError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, bytes));
    written.map_err(|e| CreateError::File(path.to_owned(), e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;

    #[test]
    fn a_new_project_is_found_as_what_it_was_made_as() {
        for language in Language::ALL {
            let parent = tempfile::tempdir().expect("a folder");
            let folder = create(parent.path(), "ship-orders", language).expect("makes");
            let project = Project::find(&folder).expect("a project");
            assert_eq!((project.language, project.name.as_str()), (language, "ship-orders"));
            assert!(folder.join(".gitignore").exists() && folder.join("README.md").exists(), "{language}");
            let readme = fs::read_to_string(folder.join("README.md")).expect("reads");
            assert!(readme.contains("pawl build") && !readme.contains("{{"), "{readme}");
        }
    }

    #[test]
    fn a_bad_name_and_a_folder_that_is_not_empty_are_refused() {
        let parent = tempfile::tempdir().expect("a folder");
        for name in ["", "Ship", "1st", "ship orders", "../x", "a--b", "a-", "crate", "pawl", &"a".repeat(65)]
        {
            let refused = create(parent.path(), name, Language::Rust);
            assert!(matches!(refused, Err(CreateError::Name(..))), "{name}");
        }
        fs::create_dir(parent.path().join("empty")).expect("makes");
        create(parent.path(), "empty", Language::Rust).expect("an empty folder is as good as none");
        let refused = create(parent.path(), "empty", Language::Go);
        assert!(matches!(refused, Err(CreateError::NotEmpty(_))));
        assert!(!parent.path().join("empty/go.mod").exists());
    }

    #[test]
    fn nothing_that_was_built_is_carried_along() {
        for (path, _) in EMBEDDED {
            let is_built =
                [".pyc", ".wasm", "node_modules", "/target/"].iter().any(|made| path.contains(made));
            assert!(!is_built, "{path}");
        }
    }

    #[test]
    fn files_of_templates_get_their_own_names() {
        assert_eq!(place("_gitignore"), Path::new(".gitignore"));
        assert_eq!(place("src/__init__.py"), Path::new("src/__init__.py"));
        assert_eq!(place("Cargo.toml.in"), Path::new("Cargo.toml"));
        assert_eq!(place("src/lib.rs"), Path::new("src/lib.rs"));
    }
}
