//! Texts that must never be seen again.

use std::fmt;
use subtle::ConstantTimeEq;

/// A secret: it prints as `[redacted]` and compares in constant time.
#[derive(Clone)]
pub struct Secret(String);

/// Why a text is no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is empty")]
pub struct Blank;

impl Secret {
    /// The text without the white space around it, which a copied key often brings;
    /// `true` if there was some.
    pub fn load(text: &str) -> Result<(Self, bool), Blank> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(Blank);
        }
        Ok((Self(trimmed.to_owned()), trimmed.len() != text.len()))
    }

    /// The text, for the one who has to use it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `given` is this secret, in a time that tells nothing but its length.
    pub fn matches(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_and_loses_the_space_around_it() {
        let (secret, was_trimmed) = Secret::load(" whsec_1\n").expect("a secret");
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert!(was_trimmed && secret.matches("whsec_1") && !secret.matches("whsec_2"));
        assert_eq!(Secret::load(" \t").err(), Some(Blank));
    }
}
