//! Python: componentize-py puts the author's modules and CPython into one component. It
//! comes from PyPI into the project's own `.venv`.

use super::sources::Sources;
use super::{BuildError, Component, Language, Project, create, folder_name, tools};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What makes the component; its version decides which Python is in it.
const COMPONENTIZE: &str = "componentize-py==0.25.1";

/// The module that componentize-py is given: the SDK's own, which imports the author's `app`.
const START: &str = "pawl.component";

/// See [`super::IsOurs`]: a project that depends on `pawl`.
pub(super) fn is_ours(folder: &Path, manifest: &str) -> Result<Option<(Language, String)>, String> {
    let manifest = Manifest::parse(manifest)?;
    let name = manifest.name.unwrap_or_else(|| folder_name(folder));
    Ok(manifest.is_ours.then_some((Language::Python, name)))
}

/// What is of interest in pyproject.toml.
struct Manifest {
    name: Option<String>,
    /// It depends on the SDK.
    is_ours: bool,
    /// The other packages that the functions and their tests need.
    requirements: Vec<String>,
    /// Where modules are looked for, the SDK's included: `path` of `[tool.pawl]`, else
    /// where pytest looks, its `pythonpath`.
    path: Vec<String>,
}

impl Manifest {
    fn parse(text: &str) -> Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|e| format!("{e}"))?;
        let table = toml::Value::Table(table);
        let at = |path: &[&str]| path.iter().try_fold(&table, |value, key| value.get(key));
        let texts = |path: &[&str]| -> Vec<String> {
            let list = at(path).and_then(toml::Value::as_array).into_iter().flatten();
            list.filter_map(|item| item.as_str().map(str::to_owned)).collect()
        };
        let dependencies = texts(&["project", "dependencies"]);
        let is_ours = dependencies.iter().any(|requirement| package(requirement) == "pawl");
        let groups = texts(&["dependency-groups", "dev"]);
        let requirements = dependencies.into_iter().chain(groups);
        let paths = [&["tool", "pawl", "path"][..], &["tool", "pytest", "ini_options", "pythonpath"]];
        let path = paths.into_iter().map(texts).find(|path| !path.is_empty());
        Ok(Self {
            name: at(&["project", "name"]).and_then(toml::Value::as_str).map(str::to_owned),
            is_ours,
            // the SDK is in no registry
            requirements: requirements.filter(|requirement| package(requirement) != "pawl").collect(),
            path: path.unwrap_or_else(|| vec![".".into(), "src".into()]),
        })
    }
}

/// The name in a requirement: `attrs` of `attrs[extra]>=25; python_version > "3.10"`.
fn package(requirement: &str) -> &str {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let end = requirement.find(|c| !is_name(c)).unwrap_or(requirement.len());
    &requirement[..end]
}

/// Makes the component.
pub(super) async fn build(
    project: &Project,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Component>, BuildError> {
    let folder = &project.folder;
    let scratch = project.scratch()?;
    let path = folder.join("pyproject.toml");
    let text = fs::read_to_string(&path).map_err(BuildError::file(&path))?;
    let manifest = Manifest::parse(&text).map_err(BuildError::failed)?;
    let venv = folder.join(".venv");
    install(&venv, &manifest.requirements, tell).await?;
    let paths = manifest.path.iter().map(|path| folder.join(path)).chain(site_packages(&venv));
    let paths: Vec<_> = paths.filter(|path| path.is_dir()).collect();
    for (file, what) in [("pawl/component.py", "the SDK"), ("app", "the module `app`")] {
        let is_there =
            |path: &PathBuf| path.join(file).exists() || path.join(file).with_extension("py").exists();
        if !paths.iter().any(is_there) {
            return Err(BuildError::failed(format!(
                "{what} is in none of {} (pyproject.toml names folders: path in [tool.pawl], or \
                 pythonpath in [tool.pytest.ini_options])",
                manifest.path.join(", ")
            )));
        }
    }
    let wit = scratch.join("wit");
    create::write_wit(&wit).map_err(BuildError::file(&wit))?;
    let component = scratch.join("component.wasm");
    // times and addresses of the interpreter are in what it makes: the same sources are
    // another component each time, and would be another deployment
    let (note, inputs) = (scratch.join("inputs"), inputs(&paths, &wit, &venv));
    if fs::read_to_string(&note).is_ok_and(|earlier| earlier == inputs)
        && let Ok(bytes) = fs::read(&component)
    {
        return Ok(vec![(project.name.clone(), bytes)]);
    }
    // what is written over from now on is not what the note says
    let _there_was_none = fs::remove_file(&note);
    let mut command = Command::new(venv.join("bin/componentize-py"));
    // the paths are said: what a surrounding environment offers stays out
    command.current_dir(folder).env_remove("VIRTUAL_ENV").env_remove("PYTHONPATH");
    command.arg("-q").arg("-d").arg(&wit).args(["-w", "plugin", "componentize", START]);
    for path in &paths {
        command.arg("-p").arg(path);
    }
    command.arg("-o").arg(&component);
    tools::run(command).await?;
    let bytes = fs::read(&component).map_err(BuildError::file(&component))?;
    fs::write(&note, inputs).map_err(BuildError::file(&note))?;
    Ok(vec![(project.name.clone(), bytes)])
}

/// A digest of all that a component is made of: modules, the contract, and which packages
/// are installed.
fn inputs(paths: &[PathBuf], wit: &Path, venv: &Path) -> String {
    let mut digest = Sha256::new();
    digest.update(COMPONENTIZE);
    for folder in paths.iter().map(PathBuf::as_path).chain([wit]) {
        let mut names = Vec::new();
        if folder.starts_with(venv) {
            // by their versions, which folders of theirs are called by
            names.extend(fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()));
        } else {
            for file in Sources::of(folder).files() {
                names.push(file.to_owned());
                digest.update(Sha256::digest(fs::read(file).unwrap_or_default()));
            }
        }
        names.sort();
        names.iter().for_each(|name| digest.update(name.to_string_lossy().as_bytes()));
    }
    hex::encode(digest.finalize())
}

/// `.venv/lib/python3.12/site-packages`.
fn site_packages(venv: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(venv.join("lib")).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    versions.map(|version| version.join("site-packages")).find(|folder| folder.is_dir())
}

/// Makes `.venv`, if it is not there, and installs what is wanted and was not installed
/// by an earlier build.
async fn install(
    venv: &Path,
    requirements: &[String],
    tell: &(dyn Fn(&str) + Sync),
) -> Result<(), BuildError> {
    let wanted: Vec<_> = [COMPONENTIZE.to_owned()].into_iter().chain(requirements.iter().cloned()).collect();
    let note = venv.join("pawl-installed.txt");
    if fs::read_to_string(&note).is_ok_and(|installed| installed == wanted.join("\n")) {
        return Ok(());
    }
    if !venv.join("bin/python").exists() {
        let python = python().await?;
        tell(&format!("python3 -m venv {}: there is none yet", venv.display()));
        let mut command = Command::new(python);
        command.args(["-m", "venv"]).arg(venv);
        tools::run(command).await?;
    }
    tell(&format!("pip install {} into {}", wanted.join(" "), venv.display()));
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(&wanted);
    tools::run(pip).await?;
    fs::write(&note, wanted.join("\n")).map_err(BuildError::file(&note))
}

/// A Python that can make a virtual environment.
async fn python() -> Result<PathBuf, BuildError> {
    let cure = "install Python 3.10 or later with venv: https://www.python.org/downloads, \
                or apt-get install -y python3-venv";
    let missing = |what: String| BuildError::missing(what, cure);
    let python = tools::on_path("python3")
        .ok_or_else(|| missing("there is no Python (python3) on this machine".into()))?;
    let version = tools::output_of(&python, &["--version"]).await.unwrap_or_default();
    if tools::version(&version).is_none_or(|version| version < (3, 10)) {
        return Err(missing(format!("Python here is `{version}`")));
    }
    match tools::output_of(&python, &["-c", "import venv, ensurepip"]).await {
        Some(_) => Ok(python),
        None => Err(missing(format!("{version} here has no venv"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_says_what_is_installed_and_where_modules_are() {
        let text = "
            [project]
            name = \"ship\"
            dependencies = [\"pawl\", \"attrs==25.3.0\"]
            [dependency-groups]
            dev = [\"pytest==9.2.0\", {include-group = \"x\"}]
            [tool.pytest.ini_options]
            pythonpath = [\"src\", \"vendor/sdk\"]";
        let manifest = Manifest::parse(text).expect("valid");
        assert!(manifest.is_ours);
        assert_eq!(manifest.requirements, ["attrs==25.3.0", "pytest==9.2.0"]);
        assert_eq!(manifest.path, ["src", "vendor/sdk"]);
        let own = format!("{text}\n[tool.pawl]\npath = [\"lib\"]");
        assert_eq!(Manifest::parse(&own).expect("valid").path, ["lib"]);
        let bare = Manifest::parse("[project]\ndependencies = [\"pawl>=0.1\"]").expect("valid");
        assert_eq!((bare.is_ours, bare.path), (true, vec![".".to_owned(), "src".to_owned()]));
        assert!(!Manifest::parse("[project]\ndependencies = [\"pawlet\"]").expect("valid").is_ours);
    }
}
