//! Write [Pawl](https://github.com/pawl-dev/pawl) functions in Rust.
//!
//! A function is started by an event and does its work in steps. A finished step never
//! runs again: when a run sleeps, fails or its host crashes, the function is called
//! again from its start and finished steps answer from the run's journal.
//!
//! ```
//! # extern crate pawl_sdk as pawl;
//! use pawl::{Event, Result, Step};
//!
//! #[derive(serde::Deserialize)]
//! struct Order {
//!     id: String,
//! }
//!
//! #[pawl::function(id = "ship-order", event = "shop/order.placed", hosts = ["api.example.com"])]
//! fn ship_order(event: Event<Order>, step: Step) -> Result<String> {
//!     let label: String = step.run("print label", || {
//!         let answer = pawl::http::post("https://api.example.com/labels").json(&event.data.id).send()?;
//!         answer.error_for_status()?.json()
//!     })?;
//!     step.sleep("wait for pickup", "1h")?;
//!     step.run("tell the buyer", || {
//!         pawl::info!("shipped {}", event.data.id; label = label);
//!         Ok(())
//!     })?;
//!     Ok(label)
//! }
//!
//! pawl::plugin!(ship_order);
//! # fn main() {}
//! ```
//!
//! Such a crate is a `cdylib` for `wasm32-unknown-unknown`; what cargo builds is what
//! the host loads. There is no clock ([`system`]), no file and no network ([`http`]) but
//! what this crate offers. In `cargo test` functions run without a host: [`test`](mod@test).

// What the macros write says `::pawl`, in the tests of this crate as well.
#[cfg(test)]
extern crate self as pawl;

#[doc(hidden)]
pub mod bindings;
mod error;
mod event;
mod failed;
mod flow;
mod function;
mod host;
pub mod http;
pub mod kv;
mod log;
pub mod settings;
mod span;
mod step;
pub mod system;
#[cfg(not(target_arch = "wasm32"))]
pub mod test;
mod time;

pub use error::{Error, OrNoRetry};
pub use event::{Event, Events};
pub use failed::{Failed, FailedWith};
pub use log::{Level, write as write_log};
pub use pawl_sdk_macros::function;
pub use serde_json::{Value, json};
pub use span::IntoSpan;
pub use step::{Attempt, Fetch, Invocation, NewEvent, On, Output, Parallel, ParallelTask, Step, Task};
pub use time::Timestamp;

/// What steps and functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// For what the macros write; not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings;
    pub use crate::bindings::exports::pawl::workflow::functions::Context;
    pub use crate::bindings::pawl::workflow::types::Failure;
    pub use crate::flow::{
        Batch, CancelOn, Concurrency, Debounce, Flow, RateLimit, Scope, Singleton, SingletonMode, Throttle,
        Timeouts, Trigger,
    };
    pub use crate::function::{Definition, Entry, Function, call, call_failed, call_with_all, dispatch};
    #[cfg(not(target_arch = "wasm32"))]
    pub use crate::test::stage::entered;
}
