//! The host: everything that does I/O around the rules of [`pawl_engine`].
//!
//! `docs/architecture.md` has the map. In short: `store`, `runtime`, `ingress` and
//! `clock` know the engine and never each other; `catalog`, `intake` and `worker`
//! join them; `dashboard`, `http` and `cli` are on top; `app` puts it all together.

pub mod alert;
pub mod answer;
pub mod app;
pub mod apps;
pub mod bucket;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dashboard;
pub mod http;
pub mod ids;
pub mod ingress;
pub mod inngest;
pub mod intake;
pub mod keys;
pub mod mask;
pub mod metrics;
pub mod operator;
pub mod otlp;
pub mod project;
pub mod pulse;
pub mod remote;
pub mod retention;
pub mod runtime;
pub mod sampler;
pub mod schedule;
pub mod secret;
pub mod served;
pub mod store;
pub mod telemetry;
pub mod worker;
