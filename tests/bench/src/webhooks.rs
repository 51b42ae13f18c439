//! A signed webhook to its durable 200, against one group commit of the same size.

use crate::figures::{Figure, Latencies, ms};
use crate::{bare, load};
use pawl_tests::{Setup, stripe};
use std::time::Duration;

const CONNECTIONS: usize = 50;
const SLICE: Duration = Duration::from_millis(1_500);
const SLICES: usize = 4;

/// A real event, which every delivery makes its own.
const FIXTURE: &str = include_str!("../../fixtures/stripe/payment_intent.succeeded.json");

pub(crate) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let mut figures = vec![one("a webhook that starts no function", Setup::dev(), "idle").await?];
    let setup = Setup::dev().functions(&["process-payment-succeeded"]);
    figures.push(one("a webhook that starts a run, which executes meanwhile", setup, "busy").await?);
    Ok(figures)
}

async fn one(what: &str, setup: Setup, name: &'static str) -> anyhow::Result<Figure> {
    let host = setup.env("PAWL_LOG", "warn").start().await;
    let folder = tempfile::tempdir()?;
    let (mut ours, mut bare) = (Latencies::default(), Latencies::default());
    // in turns, so that both meet the same weather
    for slice in 0..SLICES {
        let make = move |c: usize, n: usize| {
            let body = FIXTURE.replacen("\"evt_", &format!("\"evt_{name}{slice}x{c}x{n}x"), 1);
            let signature = stripe::header(stripe::SECRET, body.as_bytes());
            load::post("/api/stripe/webhook", &format!("stripe-signature: {signature}\r\n"), body.as_bytes())
        };
        ours.extend(load::run(host.addr(), CONNECTIONS, SLICE, make).await?);
        bare.extend(bare::run(folder.path(), CONNECTIONS, FIXTURE.len(), SLICE).await?.latencies);
    }
    let seconds = SLICE.as_secs_f64() * SLICES as f64;
    let rate = ours.len() as f64 / seconds;
    let (p50, p99, bare_p99) = (ours.quantile(0.5), ours.quantile(0.99), bare.quantile(0.99));
    let ratio = p99.as_secs_f64() / bare_p99.as_secs_f64();
    Ok(Figure::new(
        format!("{what}, {CONNECTIONS} connections"),
        format!("p50 {}, p99 {}, {rate:.0}/s", ms(p50), ms(p99)),
        format!("{ratio:.1} × the p99 of a bare group commit ({}); target 4", ms(bare_p99)),
        Some(ratio < 4.0),
    ))
}
