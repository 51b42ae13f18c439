//! `docs/features.md` names a test for what it says: each of them has to be there.

use pawl_tests::paths::repository;
use std::fs;

/// The tests that a text names: what stands between backticks as `path.rs::name`.
fn named(text: &str) -> Vec<(&str, &str)> {
    text.split('`').filter_map(|code| code.split_once(".rs::")).collect()
}

#[test]
fn every_test_that_the_table_of_features_names_exists() {
    let text = fs::read_to_string(repository().join("docs/features.md")).expect("reads");
    let named = named(&text);
    assert!(named.len() > 60, "{} tests are named", named.len());
    let mut missing = Vec::new();
    for (path, name) in named {
        let source = fs::read_to_string(repository().join(format!("{path}.rs"))).unwrap_or_default();
        if !source.contains(&format!("fn {name}(")) {
            missing.push(format!("{path}.rs::{name}"));
        }
    }
    assert!(missing.is_empty(), "not in the sources:\n{}", missing.join("\n"));
}

#[test]
fn every_row_of_the_table_of_features_names_a_test() {
    let text = fs::read_to_string(repository().join("docs/features.md")).expect("reads");
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let untested: Vec<_> = rows.filter(|row| named(row).is_empty() && !row.ends_with("| Test |")).collect();
    assert!(untested.is_empty(), "rows without a test:\n{}", untested.join("\n"));
}
