//! Which events start which functions.

use crate::expr::Vars;
use crate::manifest::{Manifest, Trigger};

/// Whether an event of this name, with these values, starts the function. However many of
/// its triggers match, it starts once. The values are asked for only where there is a filter.
pub fn starts<'a>(manifest: &Manifest, event: &str, vars: impl Fn() -> &'a Vars) -> bool {
    manifest.triggers.iter().any(|trigger| match trigger {
        Trigger::Event { name, filter } => {
            matches(name, event) && filter.as_ref().is_none_or(|filter| filter.holds(vars()))
        }
        Trigger::Cron { .. } => false,
    })
}

/// Inngest's rule for names: a pattern that ends in `/*` or `.*` takes every name
/// that goes on after the `/` or `.`; any other pattern takes its own name alone.
pub fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) if prefix.ends_with(['/', '.']) => name.len() > prefix.len() && name.starts_with(prefix),
        _ => pattern == name,
    }
}

/// All the patterns that take a name, the name itself first: `a/b.c`, `a/*`, `a/b.*`. To
/// look up in an index who waits for an event.
pub fn patterns(name: &str) -> Vec<String> {
    let ends = name.match_indices(['/', '.']).map(|(at, _)| at + 1).filter(|end| *end < name.len());
    let mut patterns = vec![name.to_owned()];
    for pattern in ends.map(|end| format!("{}*", &name[..end])) {
        // the name may itself read like a pattern
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Draft, DraftTrigger};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn patterns_go_on_after_a_slash_or_a_dot_only() {
        for pattern in ["a/b.c", "a/*", "a/b.*"] {
            assert!(matches(pattern, "a/b.c"), "{pattern}");
        }
        for pattern in ["a/b", "a*", "*", "a/b*", "a/b.c.*", "b/*"] {
            assert!(!matches(pattern, "a/b.c"), "{pattern}");
        }
    }

    #[test]
    fn all_the_patterns_of_a_name_can_be_listed() {
        assert_eq!(patterns("a/b.c"), ["a/b.c", "a/*", "a/b.*"]);
        assert_eq!(patterns("a"), ["a"]);
        assert_eq!(patterns("a/"), ["a/"]);
        assert_eq!(patterns("a/*"), ["a/*"]);
        assert_eq!(patterns("é.é"), ["é.é", "é.*"]);
    }

    #[test]
    fn a_filter_decides_among_the_events_of_a_name_and_a_schedule_takes_none() {
        let event = |name: &str, filter: Option<&str>| DraftTrigger::Event {
            name: name.into(),
            filter: filter.map(Into::into),
        };
        let cron = DraftTrigger::Cron { schedule: "@daily".into(), jitter: None };
        let triggers = vec![event("a", Some("event.data.n > 5")), event("b/*", None), cron];
        let manifest = Draft { id: "f".into(), triggers, ..Draft::default() }.parse().expect("valid");
        let starts = |name: &str, n: i32| {
            let vars = Vars::new(&json!({"name": name, "data": {"n": n}}));
            super::starts(&manifest, name, || &vars)
        };
        assert!(starts("a", 6) && !starts("a", 5) && starts("b/c", 0));
        assert!(!starts("c", 6) && !starts("@daily", 6));
    }

    proptest! {
        #[test]
        fn a_pattern_is_listed_exactly_when_it_matches(pattern in "[ab/.]{0,3}\\*?", name in "[ab/.*]{1,5}") {
            prop_assert_eq!(patterns(&name).contains(&pattern), matches(&pattern, &name));
        }
    }
}
