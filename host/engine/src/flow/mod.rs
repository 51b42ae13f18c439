//! Flow control: how many runs an event makes, when they may start, how many of them
//! execute at once. A function's wishes ([`Flow`]) and its event come to [`Terms`],
//! which a store holds in its transactions.
//!
//! The meanings are Inngest's (<https://www.inngest.com/docs/guides/flow-control>).

mod lane;
mod plan;
mod rate;
mod terms;
mod wishes;

pub use lane::{Gate, GateRule, Lane, Rules};
pub use plan::rules;
pub use rate::Rate;
pub use terms::{BATCH_BYTES, Check, Gather, Only, Rival, SingletonMode, Terms, Watch};
pub use wishes::{
    Batch, CancelOn, Concurrency, Debounce, Flow, RateLimit, Scope, Singleton, Throttle, Timeouts,
};
