//! What an author works in: a folder with a project in some language, which becomes a
//! component.
//!
//! - [`Project::find`]: what kind of project a folder is
//! - [`Project::build`]: its component; what is missing on this machine is said, with
//!   the cure
//! - [`create`]: a new project
//! - [`rebuild`]: builds again whenever the sources change
//! - [`origin`]: which language a component came from
//!
//! Nothing here knows of a host that runs.

pub mod create;
mod go;
mod javascript;
pub mod origin;
mod output;
mod python;
pub mod rebuild;
mod rust;
mod sources;
mod tools;

pub use output::private_folder;

use crate::clock;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What functions can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// With cargo.
    Rust,
    /// With esbuild, on the engine that the host brings along.
    TypeScript,
    /// As TypeScript, without types.
    JavaScript,
    /// With componentize-py.
    Python,
    /// With Go's own compiler.
    Go,
}

impl Language {
    /// All of them, as `--lang` lists them.
    pub const ALL: [Self; 5] = [Self::Rust, Self::TypeScript, Self::JavaScript, Self::Python, Self::Go];

    /// As `--lang` takes it: `typescript`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::TypeScript => "typescript",
            Self::JavaScript => "javascript",
            Self::Python => "python",
            Self::Go => "go",
        }
    }
}

impl std::fmt::Display for Language {
    /// As people write it: `TypeScript`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rust => "Rust",
            Self::TypeScript => "TypeScript",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
            Self::Go => "Go",
        })
    }
}

/// A folder with a project in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Where it is, as an absolute path.
    pub folder: PathBuf,
    /// What it is written in.
    pub language: Language,
    /// What its own manifest calls it; a workspace has its folder's name.
    pub name: String,
}

/// Why a folder is no project.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// There is nothing of ours.
    #[error(
        "{} is no project with functions: looked for Cargo.toml with pawl-sdk, package.json with pawl, \
         pyproject.toml with pawl, go.mod with pawl.dev/pawl (`pawl new NAME --lang …` makes one)", .0.display()
    )]
    None(PathBuf),
    /// There is more than one.
    #[error("{} is several projects at once ({}): give each a folder of its own", .0.display(), .1.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Several(PathBuf, Vec<Language>),
    /// A manifest, or the folder, cannot be read.
    #[error("{path}: {1}", path = .0.display())]
    Unreadable(PathBuf, String),
}

/// What a build made.
#[derive(Debug)]
pub struct Built {
    /// The components; a workspace of cargo's may have several.
    pub files: Vec<BuiltFile>,
    /// How long it took.
    pub took: Duration,
}

/// One component that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: usize,
    /// Whether these bytes are others than those that were there before. The same bytes
    /// leave a file untouched.
    pub is_new: bool,
}

/// Why there is no component. The tools' own words have been shown by then.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A tool is not on this machine.
    #[error("{what}\n{cure}")]
    Missing {
        /// What, in a sentence.
        what: String,
        /// What to do.
        cure: String,
    },
    /// A tool says that something is wrong.
    #[error("{0}")]
    Failed(String),
    /// Something could not be read or written.
    #[error("{path}: {1}", path = .0.display())]
    File(PathBuf, std::io::Error),
}

impl BuildError {
    fn missing(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::Missing { what: what.into(), cure: cure.into() }
    }

    fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }

    /// `map_err` for a file's errors.
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |e| Self::File(path, e)
    }

    /// Whether a tool is not on this machine.
    pub fn is_missing_tool(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

/// Where a component is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Out {
    /// Into this folder, under the project's name.
    Folder(PathBuf),
    /// To this file.
    File(PathBuf),
}

impl Out {
    /// A path that ends in `.wasm` is a file, another one a folder.
    pub fn of(path: PathBuf) -> Self {
        if path.extension().is_some_and(|e| e == "wasm") { Self::File(path) } else { Self::Folder(path) }
    }

    /// The file for a component of this name.
    fn file(&self, name: &str) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.join(format!("{name}.wasm")),
            Self::File(file) => file.clone(),
        }
    }
}

/// What a builder gives: a component's name and its bytes.
type Component = (String, Vec<u8>);

impl Project {
    /// What this folder is, by the manifests in it. Starts no tool.
    pub fn find(folder: &Path) -> Result<Self, ProjectError> {
        let unreadable = |path: &Path, why: String| ProjectError::Unreadable(path.to_owned(), why);
        let folder = folder.canonicalize().map_err(|e| unreadable(folder, e.to_string()))?;
        let mut found = Vec::new();
        for (manifest, is_ours) in MANIFESTS {
            let path = folder.join(manifest);
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                Err(e) => return Err(unreadable(&path, e.to_string())),
            };
            if let Some((language, name)) = is_ours(&folder, &text).map_err(|why| unreadable(&path, why))? {
                found.push(Self { folder: folder.clone(), language, name });
            }
        }
        match found.len() {
            0 => Err(ProjectError::None(folder)),
            1 => Ok(found.remove(0)),
            _ => Err(ProjectError::Several(folder, found.iter().map(|p| p.language).collect())),
        }
    }

    /// Where its components go when nobody says otherwise.
    pub fn dist(&self) -> Out {
        Out::Folder(self.folder.join("dist"))
    }

    /// Builds its component. The tools print to standard error what they have to say;
    /// `tell` gets a line of ours about what takes time, such as an installation. Dropped,
    /// it ends the tool that it has started.
    pub async fn build(&self, out: &Out, tell: &(dyn Fn(&str) + Sync)) -> Result<Built, BuildError> {
        let begun = clock::instant();
        let components = match self.language {
            Language::Rust => rust::build(self).await?,
            Language::TypeScript | Language::JavaScript => javascript::build(self, tell).await?,
            Language::Python => python::build(self, tell).await?,
            Language::Go => go::build(self).await?,
        };
        if let (Out::File(file), 2..) = (out, components.len()) {
            return Err(BuildError::failed(format!(
                "this workspace has {} components, and {} is one file: name a folder",
                components.len(),
                file.display()
            )));
        }
        let put = |(name, bytes): &Component| output::put(&out.file(name), bytes);
        let files = components.iter().map(put).collect::<Result<_, _>>()?;
        Ok(Built { files, took: begun.elapsed() })
    }

    /// What a tool may leave for itself and for the next build.
    fn scratch(&self) -> Result<PathBuf, BuildError> {
        let folder = self.folder.join(".pawl/build");
        private_folder(&self.folder.join(".pawl"))
            .and_then(|()| std::fs::create_dir_all(&folder))
            .map_err(BuildError::file(&folder))?;
        Ok(folder)
    }
}

/// The language and the name, when the text of a manifest is that of a project of ours;
/// an error when it cannot be read.
type IsOurs = fn(&Path, &str) -> Result<Option<(Language, String)>, String>;

const MANIFESTS: [(&str, IsOurs); 4] = [
    ("Cargo.toml", rust::is_ours),
    ("package.json", javascript::is_ours),
    ("pyproject.toml", python::is_ours),
    ("go.mod", go::is_ours),
];

/// The name of a folder, for projects whose manifest has none.
fn folder_name(folder: &Path) -> String {
    folder.file_name().map_or_else(|| "functions".into(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Result<(Language, String), String> {
        let folder = tempfile::Builder::new().prefix("shop").tempdir().expect("a folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("makes");
            std::fs::write(path, text).expect("writes");
        }
        Project::find(folder.path()).map(|p| (p.language, p.name)).map_err(|e| e.to_string())
    }

    #[test]
    fn each_language_is_known_by_its_manifest() {
        let cargo =
            "[package]\nname = \"ship\"\n[dependencies]\npawl = { package = \"pawl-sdk\", path = \"x\" }";
        assert_eq!(found(&[("Cargo.toml", cargo)]), Ok((Language::Rust, "ship".into())));
        let package = r#"{"name": "@shop/ship", "dependencies": {"pawl": "file:x"}}"#;
        let typescript = [("package.json", package), ("src/index.ts", "")];
        assert_eq!(found(&typescript), Ok((Language::TypeScript, "ship".into())));
        let javascript = [("package.json", package), ("src/index.js", "")];
        assert_eq!(found(&javascript), Ok((Language::JavaScript, "ship".into())));
        let python = "[project]\nname = \"ship\"\ndependencies = [\"pawl\"]";
        assert_eq!(found(&[("pyproject.toml", python)]), Ok((Language::Python, "ship".into())));
        let go = "module example.com/shop/ship\n\nrequire pawl.dev/pawl v0.0.0\n";
        assert_eq!(found(&[("go.mod", go)]), Ok((Language::Go, "ship".into())));
    }

    #[test]
    fn projects_of_others_are_none_of_ours() {
        for (path, text) in [
            ("Cargo.toml", "[package]\nname = \"x\"\n[dependencies]\nserde = \"1\""),
            ("package.json", r#"{"name": "x", "dependencies": {"inngest": "3"}}"#),
            ("pyproject.toml", "[project]\nname = \"x\""),
            ("go.mod", "module example.com/x\n"),
        ] {
            let why = found(&[(path, text)]).expect_err("nothing of ours");
            assert!(why.contains("pawl new"), "{why}");
        }
    }

    #[test]
    fn a_manifest_that_cannot_be_read_is_named_and_two_projects_in_one_folder_as_well() {
        let broken = found(&[("package.json", "{")]).expect_err("no JSON");
        assert!(broken.contains("package.json"), "{broken}");
        let cargo = "[package]\nname = \"x\"\n[dependencies]\npawl-sdk = \"1\"";
        let both = found(&[("Cargo.toml", cargo), ("go.mod", "module x\nrequire pawl.dev/pawl v0.0.0")]);
        assert!(both.is_err_and(|why| why.contains("Rust, Go")));
    }
}
