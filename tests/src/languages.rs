//! The languages that functions are written in: their components, and hosts with them.
//!
//! Rust's components are always there. Those of a language whose toolchain is not on this
//! machine are not built: the tests that want them say SKIPPED, and fail in CI.

use crate::host::Host;
use crate::paths;
use crate::setup::{Setup, THREE_FUNCTIONS};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A language with an SDK of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// The first one; always built.
    Rust,
    /// With an interpreter inside.
    TypeScript,
    /// With an interpreter inside.
    Python,
    /// Compiled, with a runtime of its own.
    Go,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rust, Self::TypeScript, Self::Python, Self::Go];

    /// As files are called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::TypeScript => "typescript",
            Self::Python => "python",
            Self::Go => "go",
        }
    }

    /// The conformance app; `None` when it is not built, which was said.
    pub fn conformance(self) -> Option<PathBuf> {
        self.built("guests-wasm", "guests", &format!("conformance-{}", self.name()))
    }

    /// The three functions of the seed; `None` when they are not built, which was said. In
    /// Rust they are a component each.
    pub fn stripe_functions(self) -> Option<Vec<PathBuf>> {
        match self {
            Self::Rust => Some(THREE_FUNCTIONS.map(paths::function).into()),
            _ => self
                .built(&format!("functions-{}", self.name()), "functions", &format!("stripe-{}", self.name()))
                .map(|path| vec![path]),
        }
    }

    fn built(self, folder: &str, command: &str, name: &str) -> Option<PathBuf> {
        let path = paths::repository().join("target").join(folder).join(format!("{name}.wasm"));
        if path.exists() {
            return Some(path);
        }
        let why = format!("{} is missing: run `cargo xtask {command}`", path.display());
        assert!(self != Self::Rust && std::env::var_os("CI").is_none(), "{why}");
        eprintln!("SKIPPED: {why}");
        None
    }
}

/// A host with a language's conformance app; `None` when that is not built, which was said.
pub async fn conformance(language: Language, setup: Setup) -> Option<Host> {
    let component = language.conformance()?;
    Some(start(setup, &[component]).await)
}

/// A host with the three functions of the seed in this language; `None` as above.
pub async fn stripe(language: Language, setup: Setup) -> Option<Host> {
    let components = language.stripe_functions()?;
    Some(start(setup, &components).await)
}

/// How long the first host may take to compile an interpreter: some ten seconds of all
/// processors, behind everything else that runs.
const COMPILING: Duration = Duration::from_secs(600);

/// One host after the other: what the first has compiled is there for the rest.
async fn start(setup: Setup, components: &[PathBuf]) -> Host {
    let cache = compiled(&components[0]);
    let lock = File::create(cache.join("lock")).expect("a lock");
    lock.lock().expect("locks");
    let mut digests = Vec::new();
    for component in components {
        let name = component.file_name().and_then(|name| name.to_str()).expect("a name");
        setup.put(component, name);
        digests.push(hex::encode(Sha256::digest(fs::read(component).expect("reads"))));
    }
    forget_others(&cache, &digests);
    let host = setup.env("PAWL_CACHE", cache).patience(COMPILING).start().await;
    assert!(!host.all("/v1/functions").await.is_empty(), "the host refuses {components:?}: see its log");
    host
}

/// Where hosts with these components share their compiled code: beside what cargo has built,
/// as that is trusted, too.
fn compiled(component: &Path) -> PathBuf {
    // target/debug/deps/it-1234 → target
    let own = std::env::current_exe().expect("a test knows its own file");
    let target = own.ancestors().nth(3).expect("tests lie in <target>/<profile>/deps");
    let cache = target.join("compiled-guests").join(component.file_stem().expect("a name"));
    fs::create_dir_all(&cache).expect("a folder for compiled code");
    cache
}

/// Removes what earlier builds of the components have left: it may be large.
fn forget_others(cache: &Path, digests: &[String]) {
    for file in fs::read_dir(cache).expect("reads").filter_map(Result::ok) {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.ends_with(".cwasm") && !digests.iter().any(|digest| name.starts_with(digest)) {
            let _gone = fs::remove_file(file.path());
        }
    }
}

/// Makes tests of functions that take a [`Language`]: `in_languages!([Rust, Go]; name, other)`.
/// Each is called `<language>::<name>`.
#[macro_export]
macro_rules! in_languages {
    (@one Rust; $($test:ident),+) => { $crate::in_languages!(@in rust Rust; $($test),+); };
    (@one TypeScript; $($test:ident),+) => { $crate::in_languages!(@in typescript TypeScript; $($test),+); };
    (@one Python; $($test:ident),+) => { $crate::in_languages!(@in python Python; $($test),+); };
    (@one Go; $($test:ident),+) => { $crate::in_languages!(@in go Go; $($test),+); };
    (@in $module:ident $language:ident; $($test:ident),+) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($crate::Language::$language).await;
                }
            )+
        }
    };
    ([$language:ident $(, $more:ident)*]; $($test:ident),+ $(,)?) => {
        $crate::in_languages!(@one $language; $($test),+);
        $crate::in_languages!([$($more),*]; $($test),+);
    };
    ([]; $($test:ident),+) => {};
}

/// The same in each of them.
#[macro_export]
macro_rules! in_every_language {
    ($($test:ident),+ $(,)?) => {
        $crate::in_languages!([Rust, TypeScript, Python, Go]; $($test),+);
    };
}
