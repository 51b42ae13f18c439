//! Which events start which functions.

use crate::manifest::{Manifest, Trigger};

/// Whether an event of this name starts the function. However many of its triggers
/// match, it starts once.
pub fn starts(manifest: &Manifest, event: &str) -> bool {
    manifest.triggers.iter().any(|trigger| match trigger {
        Trigger::Event(pattern) => matches(pattern, event),
    })
}

/// Inngest's rule for names: a pattern that ends in `/*` or `.*` takes every name
/// that goes on after the `/` or `.`; any other pattern takes its own name alone.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) if prefix.ends_with(['/', '.']) => name.len() > prefix.len() && name.starts_with(prefix),
        _ => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_go_on_after_a_slash_or_a_dot_only() {
        for pattern in ["a/b.c", "a/*", "a/b.*"] {
            assert!(matches(pattern, "a/b.c"), "{pattern}");
        }
        for pattern in ["a/b", "a*", "*", "a/b*", "a/b.c.*", "b/*"] {
            assert!(!matches(pattern, "a/b.c"), "{pattern}");
        }
    }
}
