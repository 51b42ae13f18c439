//! Apps of Inngest's SDKs, as a page shows them.

use pawl_engine::Timestamp;
use std::sync::Arc;

/// An app, and how it stands.
#[derive(Debug, Clone)]
pub struct AppLine {
    /// Its name, once it is known; else where it is.
    pub name: String,
    /// Where it is called.
    pub url: String,
    /// Its SDK.
    pub sdk: String,
    /// How many functions it has.
    pub functions: usize,
    /// When it was last heard of.
    pub synced_at: Option<Timestamp>,
    /// What is wrong with it now.
    pub error: Option<String>,
}

/// The apps, as they stand.
pub type AppLines = Arc<dyn Fn() -> Vec<AppLine> + Send + Sync>;
