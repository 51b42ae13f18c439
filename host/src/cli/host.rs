//! `pawl dev` and `pawl serve`.

use super::print;
use crate::config::{Config, Flags, Mode};
use crate::{app, telemetry};

pub(super) async fn run(mode: Mode, flags: Flags) -> anyhow::Result<()> {
    let config = Config::load(mode, flags, &|name| std::env::var(name).ok())?;
    telemetry::start(mode, &config.log).map_err(anyhow::Error::msg)?;
    let end = app::end_on_signal()?;
    app::run(config, end, |addr, catalog| {
        if mode == Mode::Dev {
            anstream::eprintln!("{}", banner(addr, &catalog.snapshot()));
        }
    })
    .await
}

/// What `pawl dev` says when it is ready.
fn banner(addr: std::net::SocketAddr, snapshot: &crate::catalog::Snapshot) -> String {
    let (strong, off) = (print::STRONG.render(), print::STRONG.render_reset());
    let mut lines = vec![
        format!("\n  {strong}pawl {}{off} at http://{addr}/", env!("CARGO_PKG_VERSION")),
        format!("  Stripe webhooks  http://{addr}/api/stripe/webhook"),
        format!("  events           http://{addr}/e/any-key, or `pawl send NAME`"),
    ];
    for offer in snapshot.functions.values() {
        let triggers = print::triggers(&crate::http::manifest_view(&offer.manifest));
        lines.push(format!("  function         {} on {triggers}", offer.manifest.id));
    }
    if snapshot.functions.is_empty() {
        lines.push("  no functions yet: put a .wasm into the functions folder, or `pawl deploy FILE`".into());
    }
    lines.push(String::new());
    lines.join("\n")
}
