//! Functions that execute elsewhere: in an app that is written with one of Inngest's SDKs,
//! and is called over HTTP, pass by pass. What a sandbox is to a component, this is to an
//! app: it knows no storage and decides nothing about a run.

mod client;
mod drive;
mod live;

pub use client::Client;
pub use drive::pass;
pub use live::{Live, NotLive};

use pawl_engine::FunctionId;
use std::sync::Arc;

/// Finds the function that an app means: SDKs put an app's name before the id of each.
pub type Find = Arc<dyn Fn(FunctionId) -> FunctionId + Send + Sync>;

/// Where a function is, and how it is called.
#[derive(Clone)]
pub struct Remote {
    /// Makes the calls.
    pub client: Client,
    /// The function's own address: its app's, with its id and a place for the step's.
    pub url: String,
    /// How many tries a step has in all.
    pub max_attempts: u32,
    /// The function's own id, for those that report steps in the middle of a call.
    pub function: FunctionId,
    /// For calls of other functions.
    pub find: Find,
}
