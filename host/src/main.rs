//! The `pawl` binary.

fn main() {}
