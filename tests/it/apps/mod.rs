//! Apps that are written with Inngest's official SDKs, driven by the real binary.

mod drive;
mod stub;
mod sync;
mod tools;

use pawl_tests::clients::{self, Language};
use pawl_tests::{Host, Setup};
use serde_json::Value;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

/// Which SDK an app is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sdk {
    /// npm's `inngest` 4.
    Js4,
    /// npm's `inngest` 3.
    Js3,
    /// PyPI's `inngest`.
    Python,
}

/// An app that serves; it ends when it is dropped.
struct App {
    url: String,
    _child: Child,
}

impl App {
    /// Starts the SDK's app with these settings. `None`: its language is not here, which was said.
    async fn start(sdk: Sdk, env: &[(&str, &str)]) -> Option<Self> {
        Self::start_with(sdk, &[], env).await
    }

    /// The same with arguments.
    async fn start_with(sdk: Sdk, args: &[&str], env: &[(&str, &str)]) -> Option<Self> {
        let (language, script) = match sdk {
            Sdk::Js4 | Sdk::Js3 => (Language::InngestNode, "app.js"),
            Sdk::Python => (Language::InngestPython, "app.py"),
        };
        let mut command = clients::command_of(language, script).await?;
        match sdk {
            Sdk::Js4 => command.arg("4"),
            Sdk::Js3 => command.arg("3"),
            Sdk::Python => &mut command,
        };
        command.args(args).envs(env.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let url = loop {
            let line = lines.next_line().await.expect("reads").expect("an address");
            if line.starts_with("http://") {
                break line;
            }
        };
        // what it prints later goes nowhere, and must not stop it
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Some(Self { url, _child: child })
    }

    /// Has the app register with its host.
    async fn register(&self) -> Value {
        let answer = reqwest::Client::new().put(&self.url).send().await.expect("answers");
        let (status, body) = (answer.status(), answer.text().await.expect("a body"));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).expect("JSON")
    }
}

/// A host in development and an app that has registered with it.
async fn pair(sdk: Sdk, setup: Setup) -> Option<(Host, App)> {
    let host = setup.start().await;
    let app = App::start(sdk, &[("INNGEST_DEV", &host.url(""))]).await?;
    app.register().await;
    Some((host, app))
}

/// Runs the same test for each SDK.
macro_rules! for_each_sdk {
    ($(fn $name:ident($host:ident, $sdk:ident) $body:block)*) => {$(
        mod $name {
            use super::*;

            async fn test($sdk: Sdk) {
                let Some(($host, _app)) = pair($sdk, super::setup()).await else { return };
                $body
            }

            #[tokio::test]
            async fn js_4() {
                test(Sdk::Js4).await;
            }

            #[tokio::test]
            async fn js_3() {
                test(Sdk::Js3).await;
            }

            #[tokio::test]
            async fn python() {
                test(Sdk::Python).await;
            }
        }
    )*};
}
use for_each_sdk;
