//! The first version of `versioned`; see `versioned.rs`.

mod versioned;

/// What this version's steps give.
const VERSION: &str = "a";

pawl::plugin!(versioned::versioned);
