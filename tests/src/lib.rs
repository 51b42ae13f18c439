//! The harness of the end-to-end tests: a real host in a folder of its own, and
//! everything that stands around it.
//!
//! - [`host`]: the `pawl` binary as a child process, and a client for its HTTP API
//! - [`stripe`]: what Stripe does at its end, without a line of the host's code
//! - [`upstream`]: a server for functions to call, which counts and can hold its answers
//! - [`collector`]: an OpenTelemetry collector, which can be away
//! - [`instant`]: InstantDB's admin API, as far as functions use it
//! - [`clients`]: the official clients, run with node and Python
//! - [`app`]: apps that are written with Inngest's official SDKs
//! - [`languages`]: the languages that functions are written in
//! - [`raw`]: connections below HTTP's manners
//!
//! Nothing here may depend on the host's crates: tests see what users see.

pub mod answer;
pub mod app;
pub mod clients;
pub mod clock;
pub mod collector;
pub mod components;
pub mod host;
pub mod instant;
pub mod languages;
pub mod paths;
pub mod raw;
pub mod setup;
pub mod stripe;
pub mod upstream;

pub use answer::Answer;
pub use host::Host;
pub use languages::Language;
pub use setup::Setup;
