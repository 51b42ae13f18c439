//! Pawl's rules, and nothing else.
//!
//! A run is a function, its event and a **journal**: an append-only list of
//! [`Entry`]s. This crate decides which entries may follow which
//! ([`run`]), what a guest's question is answered with ([`replay`]), when a
//! failed attempt is tried again ([`retry`]) and which functions an event starts
//! ([`trigger`]). All of it is a function of its arguments.
//!
//! What this crate must never know: the time (it is an argument), storage, the
//! network, WebAssembly. So it can be simulated, and it cannot fail for reasons
//! outside its arguments.
//!
//! Invariants:
//! - every entry is made here and accepted by [`Run::apply`];
//! - folding any prefix of a stored journal is legal;
//! - [`Index`] is derived from the run and could be thrown away.

pub mod alert;
pub mod cron;
pub mod event;
pub mod expr;
pub mod failure;
pub mod flow;
pub mod id;
pub mod index;
pub mod journal;
pub mod limits;
pub mod line;
pub mod mail;
pub mod manifest;
pub mod payload;
pub mod replay;
pub mod retry;
pub mod run;
pub mod signal;
pub mod stats;
pub mod time;
pub mod trace;
pub mod trigger;
pub mod view;

pub use event::{Event, NewEvent};
pub use failure::{Failure, Retry};
pub use id::{DeploymentId, EventId, FunctionId, RunId, StepKey};
pub use index::{Index, Status};
pub use journal::{Entry, Kind, Outcome};
pub use line::{Level, Line};
pub use mail::Mail;
pub use manifest::Manifest;
pub use payload::Payload;
pub use replay::Replay;
pub use run::{Phase, Run};
pub use time::{Span, Timestamp};
