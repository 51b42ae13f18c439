//! Moments: milliseconds since 1970, and their RFC 3339 text.
//!
//! A guest has no clock. Moments come from the event and from the run.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Add;
use std::str::FromStr;
use std::time::Duration;

/// A moment, in whole milliseconds since 1970-01-01T00:00:00Z. As JSON it is that
/// number; as text it is RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

const DAY: u64 = 86_400_000;

impl Timestamp {
    /// From milliseconds since 1970.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From seconds since 1970, as Stripe and many others write time.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0 / DAY);
        let ms = self.0 % DAY;
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1_000)
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    /// Reads RFC 3339 from 1970 on: `2026-11-24T13:18:00Z`, `2026-11-24T14:18:00.5+01:00`.
    #[track_caller]
    fn from_str(text: &str) -> Result<Self> {
        read(text).ok_or_else(|| {
            let why = format!("`{text}` is no time (write it like 2026-11-24T13:18:00Z)");
            Error::no_retry(why).with_name("InvalidTime")
        })
    }
}

/// Year, month and day of a day since 1970, after Howard Hinnant's `civil_from_days`:
/// eras of 400 years, years that begin in March.
fn civil(day: u64) -> (u64, u64, u64) {
    let z = day + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + u64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

/// The inverse, for days from 1970 on.
fn day_of(year: u64, month: u64, day: u64) -> Option<u64> {
    let y = year.checked_sub(u64::from(month <= 2))?;
    let (era, yoe) = (y / 400, y % 400);
    let mp = if month > 2 { month - 3 } else { month + 9 };
    let doy = (153 * mp + 2) / 5 + day - 1;
    (era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy).checked_sub(719_468)
}

fn read(text: &str) -> Option<Timestamp> {
    let number = |part: &str, below: u64| {
        let is_plain = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u64>().ok().filter(|n| is_plain && *n < below)
    };
    let at = |range: std::ops::Range<usize>, below| number(text.get(range)?, below);
    let is_shaped = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')].iter();
    if !is_shaped.clone().all(|(i, c)| text.as_bytes().get(*i) == Some(c)) {
        return None;
    }
    if !matches!(text.as_bytes().get(10), Some(b'T' | b't' | b' ')) {
        return None;
    }
    let (year, month, day) = (at(0..4, 10_000)?, at(5..7, 13)?, at(8..10, 32)?);
    let days = day_of(year, month, day)?;
    if civil(days) != (year, month, day) {
        return None; // the 30th of February
    }
    let of_day = at(11..13, 24)? * 3_600_000 + at(14..16, 60)? * 60_000 + at(17..19, 60)? * 1_000;
    let mut rest = text.get(19..)?;
    let mut fraction = 0;
    if let Some(digits) = rest.strip_prefix('.') {
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        number(digits.get(..end)?, u64::MAX)?;
        fraction = number(format!("{:0<3}", digits.get(..end)?).get(..3)?, 1_000)?;
        rest = digits.get(end..)?;
    }
    let utc = days * DAY + of_day + fraction;
    let offset = |part: &str| {
        let (hours, minutes) = part.split_once(':').filter(|_| part.len() == 5)?;
        Some(number(hours, 24)? * 3_600_000 + number(minutes, 60)? * 60_000)
    };
    match rest.split_at_checked(1)? {
        ("Z" | "z", "") => Some(Timestamp(utc)),
        ("+", part) => utc.checked_sub(offset(part)?).map(Timestamp),
        ("-", part) => utc.checked_add(offset(part)?).map(Timestamp),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_number_are_the_same_moment() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_793_000_008_000, "2026-10-26T07:33:28.000Z"),
            (1_793_000_008_123, "2026-10-26T07:33:28.123Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        ];
        for (millis, text) in cases {
            assert_eq!(Timestamp(millis).to_string(), text);
            assert_eq!(text.parse::<Timestamp>().expect(text), Timestamp(millis));
        }
    }

    #[test]
    fn offsets_and_fractions_are_read() {
        let cases = [
            ("2026-10-26T08:33:28+01:00", 1_793_000_008_000),
            ("2026-10-26T02:03:28.5-05:30", 1_793_000_008_500),
            ("2026-10-26 07:33:28.123456789z", 1_793_000_008_123),
        ];
        for (text, millis) in cases {
            assert_eq!(text.parse::<Timestamp>().expect(text).as_millis(), millis, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let texts = [
            "",
            "2026-10-26",
            "2026-10-26T07:33:28",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-10-26T24:00:00Z",
            "2026-10-26T07:33:28.Z",
            "2026-10-26T07:33:28+1:00",
            "2026-10-26T07:33:28Zx",
            "2026-1é-26T07:33:28Z",
        ];
        for text in texts {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
