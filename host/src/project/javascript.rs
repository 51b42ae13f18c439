//! TypeScript and JavaScript: esbuild makes one program of the author's modules, the SDK
//! and what else they import; the program becomes part of the engine's memory.

use super::{BuildError, Component, Language, Project, tools};
use crate::runtime;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The JavaScript engine, the same for every plugin.
static ENGINE: &[u8] = include_bytes!("../../../guest-sdk/typescript/engine/engine.wasm");

/// Where a program begins, when package.json does not say otherwise; the first that is there.
const ENTRIES: [&str; 3] = ["src/index.ts", "src/index.js", "index.js"];

/// What esbuild is to do, beside the entry and the bundle's place. Of packages that have a
/// variant without Node's modules that is the one. The SDK's own `build.mjs` says the same.
const OPTIONS: [&str; 12] = [
    "--bundle",
    "--format=iife",
    "--platform=neutral",
    "--main-fields=module,main",
    "--conditions=worker,browser",
    "--define:process.env.NODE_ENV=\"production\"",
    "--target=es2023",
    "--sourcemap=external",
    "--sources-content=false",
    "--charset=utf8",
    "--keep-names",
    "--log-level=warning",
];

/// See [`super::IsOurs`]: a package that depends on `pawl`.
pub(super) fn is_ours(folder: &Path, manifest: &str) -> Result<Option<(Language, String)>, String> {
    let manifest: Value = serde_json::from_str(manifest).map_err(|e| e.to_string())?;
    let depends = |list: &str| manifest[list].get("pawl").is_some();
    if !depends("dependencies") && !depends("devDependencies") {
        return Ok(None);
    }
    let entry = entry(folder, &manifest);
    let is_typed = entry.is_none_or(|path| path.extension().is_some_and(|e| e == "ts" || e == "mts"));
    let language = if is_typed { Language::TypeScript } else { Language::JavaScript };
    let name = manifest["name"].as_str().map(|name| name.rsplit('/').next().unwrap_or(name).to_owned());
    Ok(Some((language, name.unwrap_or_else(|| super::folder_name(folder)))))
}

/// The module that makes the functions: `"pawl": {"entry": …}` in package.json, or the
/// usual place.
fn entry(folder: &Path, manifest: &Value) -> Option<PathBuf> {
    match manifest["pawl"]["entry"].as_str() {
        Some(entry) => Some(folder.join(entry)),
        None => ENTRIES.iter().map(|entry| folder.join(entry)).find(|path| path.exists()),
    }
}

/// Bundles, and takes the snapshot.
pub(super) async fn build(
    project: &Project,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Component>, BuildError> {
    let folder = &project.folder;
    let scratch = project.scratch()?;
    needs_node().await?;
    install(folder, tell).await?;
    let esbuild = esbuild(folder)?;
    let manifest = folder.join("package.json");
    let text = fs::read_to_string(&manifest).map_err(BuildError::file(&manifest))?;
    let text: Value = serde_json::from_str(&text)
        .map_err(|e| BuildError::failed(format!("{}: {e}", manifest.display())))?;
    let Some(entry) = entry(folder, &text) else {
        return Err(BuildError::failed(format!(
            "there is no {}: where are the functions? (\"pawl\": {{\"entry\": \"…\"}} in package.json says)",
            ENTRIES.join(", ")
        )));
    };
    let (start, bundle) = (scratch.join("start.js"), scratch.join("bundle.js"));
    fs::write(&start, begin(&entry)).map_err(BuildError::file(&start))?;
    let mut command = Command::new(&esbuild);
    command.current_dir(folder).arg(&start).arg(format!("--outfile={}", bundle.display())).args(OPTIONS);
    tools::run(command).await?;
    let program = program(&bundle)?;
    let snapshot = tokio::task::spawn_blocking(move || runtime::snapshot(ENGINE, &program));
    let component = match snapshot.await {
        Ok(taken) => taken.map_err(|e| BuildError::failed(e.to_string()))?,
        Err(e) => return Err(BuildError::failed(format!("the snapshot broke: {e}"))),
    };
    Ok(vec![(project.name.clone(), component)])
}

/// The bundler: it comes with the SDK, whose packages are the project's, or lie beside an
/// SDK that is only linked to.
fn esbuild(folder: &Path) -> Result<PathBuf, BuildError> {
    let packages = [folder.to_owned(), folder.join("node_modules/pawl")];
    let places = packages.iter().map(|package| package.join("node_modules/.bin/esbuild"));
    places.into_iter().find(|path| path.exists()).ok_or_else(|| {
        BuildError::missing(
            "esbuild is not among the project's packages",
            "npm install, after which node_modules holds what package.json names",
        )
    })
}

/// The program's first module: the globals before everything else, the host's side last.
fn begin(entry: &Path) -> String {
    let entry = Value::from(entry.to_string_lossy());
    format!("import \"pawl/runtime\";\nimport {entry};\nimport \"pawl/entry\";\n")
}

/// The bundle with its map, from which errors get the lines of the author's own files.
fn program(bundle: &Path) -> Result<String, BuildError> {
    let map = bundle.with_extension("js.map");
    let text = fs::read_to_string(bundle).map_err(BuildError::file(bundle))?;
    let map = fs::read_to_string(&map).map_err(BuildError::file(&map))?;
    let map = from_the_project(&map).map_err(|e| BuildError::failed(format!("esbuild's map: {e}")))?;
    Ok(format!("{text}\n;globalThis.__pawl_map={};\n", Value::from(map)))
}

/// A map with its sources as they are called in the project: `src/index.ts`. esbuild has
/// them from the bundle's folder, `.pawl/build`.
fn from_the_project(map: &str) -> serde_json::Result<String> {
    let mut map: Value = serde_json::from_str(map)?;
    for source in map["sources"].as_array_mut().into_iter().flatten() {
        if let Some(rest) = source.as_str().and_then(|path| path.strip_prefix("../../")) {
            *source = rest.into();
        }
    }
    Ok(map.to_string())
}

async fn needs_node() -> Result<(), BuildError> {
    let cure = "install Node.js 20 or later: https://nodejs.org, or your system's packages nodejs and npm";
    let missing = |what: String| Err(BuildError::missing(what, cure));
    let (Some(node), Some(_)) = (tools::on_path("node"), tools::on_path("npm")) else {
        return missing("there is no Node.js with npm on this machine".into());
    };
    match tools::output_of(&node, &["--version"]).await {
        Some(text) if tools::version(&text).is_some_and(|version| version >= (20, 0)) => Ok(()),
        text => missing(format!("Node.js here is {}", text.as_deref().unwrap_or("not usable"))),
    }
}

/// Gets the project's packages, if they are not there; and those of an SDK that lies
/// elsewhere, which npm only links to.
async fn install(folder: &Path, tell: &(dyn Fn(&str) + Sync)) -> Result<(), BuildError> {
    npm_install(folder, &[], tell).await?;
    let Ok(sdk) = folder.join("node_modules/pawl").canonicalize() else { return Ok(()) };
    match sdk.starts_with(folder) {
        true => Ok(()),
        false => npm_install(&sdk, &["--omit=dev"], tell).await,
    }
}

async fn npm_install(
    folder: &Path,
    options: &[&str],
    tell: &(dyn Fn(&str) + Sync),
) -> Result<(), BuildError> {
    if folder.join("node_modules").exists() {
        return Ok(());
    }
    tell(&format!("npm install in {}: its packages are not there yet", folder.display()));
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args(["install", "--no-audit", "--no-fund", "--loglevel=error"]).args(options);
    tools::run(npm).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_is_named_by_the_package_or_lies_in_the_usual_place() {
        let manifest = serde_json::json!({"pawl": {"entry": "functions/all.ts"}});
        assert_eq!(entry(Path::new("/x"), &manifest), Some("/x/functions/all.ts".into()));
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(entry(folder.path(), &Value::Null), None);
        fs::write(folder.path().join("index.js"), "").expect("writes");
        assert_eq!(entry(folder.path(), &Value::Null), Some(folder.path().join("index.js")));
    }

    #[test]
    fn the_maps_sources_are_called_as_in_the_project() {
        let map = r#"{"version":3,"sources":["../../src/a.ts","start.js","../../../../sdk/b.ts"]}"#;
        let map: Value = serde_json::from_str(&from_the_project(map).expect("a map")).expect("JSON");
        assert_eq!(map["sources"], serde_json::json!(["src/a.ts", "start.js", "../../sdk/b.ts"]));
    }

    #[test]
    fn a_path_with_quotes_is_an_import_all_the_same() {
        let text = begin(Path::new("/it's \"here\"/index.ts"));
        assert!(text.contains(r#"import "/it's \"here\"/index.ts";"#), "{text}");
    }
}
