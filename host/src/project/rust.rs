//! Rust: cargo makes a core module that carries its own description; the host makes the
//! component of it when it loads it. So there is no tool to install beside the target.

mod toolchain;

use super::{BuildError, Component, Language, Project, folder_name, tools};
use serde_json::Value;
use std::path::{Path, PathBuf};
use toolchain::{TARGET, Toolchain};

/// See [`super::IsOurs`]: a crate, or a workspace, that uses the SDK.
pub(super) fn is_ours(folder: &Path, manifest: &str) -> Result<Option<(Language, String)>, String> {
    let manifest: toml::Table = manifest.parse().map_err(|e| format!("{e}"))?;
    let uses = |table: Option<&toml::Value>| {
        let dependencies = table.and_then(|t| t.get("dependencies")).and_then(toml::Value::as_table);
        dependencies.into_iter().flatten().any(|(name, dependency)| {
            let package = dependency.get("package").and_then(toml::Value::as_str);
            name == "pawl-sdk" || package == Some("pawl-sdk") || (name == "pawl" && package.is_none())
        })
    };
    let package = manifest.get("package");
    let own = toml::Value::Table(manifest.clone());
    if !uses(Some(&own)) && !uses(manifest.get("workspace")) {
        return Ok(None);
    }
    let name = package.and_then(|p| p.get("name")).and_then(toml::Value::as_str);
    Ok(Some((Language::Rust, name.map_or_else(|| folder_name(folder), str::to_owned))))
}

/// Builds every plugin of the crate or workspace.
pub(super) async fn build(project: &Project) -> Result<Vec<Component>, BuildError> {
    let folder = project.folder.clone();
    let mut command = cargo(&folder)?.build(&[(&folder, &project.name)]);
    // warnings and errors are shown as they come, without a list of what is compiled
    command.current_dir(&folder).args(["--quiet", "--message-format", "json-render-diagnostics"]);
    let messages = tools::read(command).await?;
    let plugins = plugins(&String::from_utf8_lossy(&messages));
    if plugins.is_empty() {
        return Err(BuildError::failed(
            "cargo built no plugin: the crate's Cargo.toml wants\n  [lib]\n  crate-type = [\"cdylib\", \"rlib\"]",
        ));
    }
    let read = |(name, path): (String, PathBuf)| match std::fs::read(&path) {
        Ok(bytes) => Ok((name, bytes)),
        Err(e) => Err(BuildError::File(path, e)),
    };
    plugins.into_iter().map(read).collect()
}

/// A toolchain that is ready, or what to do.
fn cargo(folder: &Path) -> Result<Toolchain, BuildError> {
    if let Some(found) = Toolchain::find(env!("CARGO_PKG_RUST_VERSION")) {
        return Ok(found);
    }
    if tools::on_path("cargo").is_none() {
        return Err(BuildError::missing(
            format!("{} is written in Rust, and there is no cargo on this machine", folder.display()),
            format!("install Rust from https://rustup.rs, then\n  rustup target add {TARGET}"),
        ));
    }
    Err(BuildError::missing(format!("the Rust on this machine cannot build for {TARGET}"), toolchain::cure()))
}

/// The plugins of cargo's messages, each with its package's name: libraries that were
/// linked to a `.wasm`.
fn plugins(messages: &str) -> Vec<(String, PathBuf)> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let artifacts = messages.filter(|m| m["reason"] == "compiler-artifact");
    let is_plugin =
        |m: &Value| m["target"]["crate_types"].as_array().is_some_and(|t| t.contains(&"cdylib".into()));
    let plugin = |m: Value| {
        let files = m["filenames"].as_array()?.iter().filter_map(Value::as_str).map(PathBuf::from);
        let wasm = files.into_iter().find(|path| path.extension().is_some_and(|e| e == "wasm"))?;
        Some((package(m["package_id"].as_str()?).to_owned(), wasm))
    };
    artifacts.filter(is_plugin).filter_map(plugin).collect()
}

/// The name in a package id: `path+file:///x/ship#0.1.0`, or `path+file:///x#ship@0.1.0`
/// where the folder is called otherwise.
fn package(id: &str) -> &str {
    let (url, rest) = id.split_once('#').unwrap_or((id, ""));
    match rest.split_once('@') {
        Some((name, _)) => name,
        None => url.rsplit('/').next().unwrap_or(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_the_libraries_that_became_wasm() {
        let messages = r#"
            {"reason":"compiler-artifact","package_id":"registry+https://x#serde@1.0.0","filenames":["/t/libserde.rlib"]}
            {"reason":"compiler-artifact","package_id":"path+file:///p/ship-order#0.1.0","target":{"crate_types":["cdylib","rlib"]},"filenames":["/t/ship_order.wasm","/t/libship_order.rlib"]}
            {"reason":"compiler-artifact","package_id":"path+file:///p/ship-order#0.1.0","target":{"crate_types":["bin"]},"filenames":["/t/tool.wasm"]}
            {"reason":"compiler-artifact","package_id":"path+file:///p/x#refund@0.1.0","target":{"crate_types":["cdylib"]},"filenames":["/t/refund.wasm"]}
            {"reason":"build-finished","success":true}"#;
        let expected = [("ship-order", "/t/ship_order.wasm"), ("refund", "/t/refund.wasm")];
        let expected = expected.map(|(name, path)| (name.to_owned(), PathBuf::from(path)));
        assert_eq!(plugins(messages), expected);
    }

    #[test]
    fn a_workspace_is_ours_when_its_members_share_the_sdk() {
        let text = "[workspace]\nmembers = [\"a\"]\n[workspace.dependencies]\npawl = { package = \"pawl-sdk\", path = \"x\" }";
        let found = is_ours(Path::new("/x/shop"), text).expect("valid");
        assert_eq!(found, Some((Language::Rust, "shop".into())));
        assert!(is_ours(Path::new("/x"), "[package").is_err());
    }
}
