//! Apps that are written with Inngest's official SDKs, driven by the real binary.

mod drive;
mod flow;
mod stub;
mod sync;
mod tools;

use pawl_tests::app::{App, Sdk};
use pawl_tests::{Host, Setup};

/// A host in development and an app that has registered with it.
async fn pair(sdk: Sdk, setup: Setup) -> Option<(Host, App)> {
    let host = setup.start().await;
    let app = App::start(sdk, &[("INNGEST_DEV", &host.url(""))]).await?;
    app.register().await;
    Some((host, app))
}

/// Runs the same test for each SDK, with the host and the app that `begun` gives beside it.
macro_rules! for_each_sdk {
    ($(fn $name:ident($host:ident, $sdk:ident) $body:block)*) => {$(
        mod $name {
            use super::*;

            async fn test($sdk: Sdk) {
                let Some(($host, _app)) = super::begun($sdk).await else { return };
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
