//! How long: `"1m"`, `"1h 30m"` or a [`Duration`].

pub(crate) mod text;

use crate::{Error, Result};
use std::time::Duration;

/// What can be said where a time span is wanted: a text such as `"1m"` or
/// `"1h 30m"` (units `ms`, `s`, `m`, `h`, `d`, `w`), or a [`Duration`].
pub trait IntoSpan {
    /// The span in milliseconds. Fails for a text that is no duration, and then
    /// another try would not help.
    fn into_millis(self) -> Result<u64>;
}

impl IntoSpan for &str {
    #[track_caller]
    fn into_millis(self) -> Result<u64> {
        text::parse(self).map_err(|why| Error::no_retry(why).with_name("InvalidDuration"))
    }
}

impl IntoSpan for &String {
    #[track_caller]
    fn into_millis(self) -> Result<u64> {
        self.as_str().into_millis()
    }
}

impl IntoSpan for Duration {
    /// Rounded up: nobody waits for less than was asked for.
    fn into_millis(self) -> Result<u64> {
        let whole = u64::try_from(self.as_nanos().div_ceil(1_000_000));
        Ok(whole.unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_rounded_up_to_milliseconds() {
        let millis = |d: Duration| d.into_millis().expect("a span");
        assert_eq!(millis(Duration::from_micros(1)), 1);
        assert_eq!(millis(Duration::from_millis(1_500)), 1_500);
        assert_eq!(millis(Duration::MAX), u64::MAX);
    }

    #[test]
    fn a_text_that_is_no_duration_is_never_retried() {
        let error = "soon".into_millis().expect_err("refused");
        assert_eq!((error.name(), error.is_retryable()), ("InvalidDuration", false));
    }
}
