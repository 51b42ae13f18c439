//! The second version of `versioned`: another deployment of the same function.

#[path = "../../version-a/src/versioned.rs"]
mod versioned;

/// What this version's steps give.
const VERSION: &str = "b";

pawl::plugin!(versioned::versioned);
