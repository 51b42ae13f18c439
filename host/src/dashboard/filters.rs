//! How values are shown, as filters of templates: `{{ run.created_at|time }}`. What is not
//! there is a dash.

#![expect(unreachable_pub, reason = "the attribute of filters makes them so")]

use askama::filters::HtmlSafeOutput;
use askama::{Result, Values};
use pawl_engine::{Span, Status, Timestamp};
use std::fmt::Display;

/// Markup that is made here, of parts that need no escaping.
type Markup = Result<HtmlSafeOutput<String>>;

/// A value that may be missing, in the forms in which templates have it.
pub(super) trait Maybe<T> {
    /// The value.
    fn get(&self) -> Option<T>;
}

macro_rules! maybe {
    ($($t:ty),*) => {$(
        impl Maybe<$t> for $t {
            fn get(&self) -> Option<$t> {
                Some(*self)
            }
        }
        impl Maybe<$t> for Option<$t> {
            fn get(&self) -> Option<$t> {
                *self
            }
        }
    )*};
}

maybe!(Timestamp, Span, u64);

impl<T, M: Maybe<T>> Maybe<T> for &M {
    fn get(&self) -> Option<T> {
        (**self).get()
    }
}

impl Maybe<u64> for usize {
    fn get(&self) -> Option<u64> {
        u64::try_from(*self).ok()
    }
}

impl Maybe<u64> for u32 {
    fn get(&self) -> Option<u64> {
        Some(u64::from(*self))
    }
}

/// RFC 3339 with milliseconds, in UTC.
pub(super) fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).map(|t| format!("{t:.3}")).unwrap_or_default()
}

fn time_tag(at: Option<Timestamp>, is_relative: bool) -> Markup {
    let Some(at) = at else { return Ok(HtmlSafeOutput("–".into())) };
    let exact = rfc3339(at);
    let relative = if is_relative { " data-relative" } else { "" };
    // without script: `2026-11-29 01:22:42 UTC`
    let text = exact.get(..19).unwrap_or_default().replace('T', " ");
    Ok(HtmlSafeOutput(format!("<time datetime=\"{exact}\" title=\"{exact}\"{relative}>{text} UTC</time>")))
}

/// A moment; the script shows it in the reader's zone.
#[askama::filter_fn]
pub(super) fn time<T: Maybe<Timestamp>>(at: T, _: &dyn Values) -> Markup {
    time_tag(at.get(), false)
}

/// A moment as `3 min ago`, once the script has seen it.
#[askama::filter_fn]
pub(super) fn ago<T: Maybe<Timestamp>>(at: T, _: &dyn Values) -> Markup {
    time_tag(at.get(), true)
}

/// A moment for machines.
#[askama::filter_fn]
pub(super) fn exact<T: Maybe<Timestamp>>(at: T, _: &dyn Values) -> Result<String> {
    Ok(at.get().map(rfc3339).unwrap_or_default())
}

/// A path with an id in place of `{id}`.
#[askama::filter_fn]
pub(super) fn fill(path: &str, _: &dyn Values, id: &str) -> Result<String> {
    let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    Ok(path.replace("{id}", &id))
}

/// A length of time: `840 ms`, `12.3 s`, `4 min 10 s`, `3 d 4 h`.
#[askama::filter_fn]
pub(super) fn duration<T: Maybe<Span>>(span: T, _: &dyn Values) -> Result<String> {
    Ok(span.get().map_or_else(|| "–".into(), lasting))
}

/// See [`duration`].
pub(super) fn lasting(span: Span) -> String {
    let ms = span.as_millis();
    let (s, m, h) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    let two = |a: u64, first: &str, b: u64, second: &str| match b {
        0 => format!("{a} {first}"),
        b => format!("{a} {first} {b} {second}"),
    };
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{}.{:02} s", s, ms % 1_000 / 10),
        10_000..60_000 => format!("{}.{} s", s, ms % 1_000 / 100),
        60_000..3_600_000 => two(m, "min", s % 60, "s"),
        3_600_000..86_400_000 => two(h, "h", m % 60, "min"),
        _ => two(h / 24, "d", h % 24, "h"),
    }
}

/// A count with its thousands apart: `1,204,551`.
#[askama::filter_fn]
pub(super) fn count<T: Maybe<u64>>(n: T, _: &dyn Values) -> Result<String> {
    Ok(n.get().map_or_else(|| "–".into(), thousands))
}

/// See [`count`].
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes: `12 kB`, `3.4 MB`.
#[askama::filter_fn]
pub(super) fn bytes<T: Maybe<u64>>(n: T, _: &dyn Values) -> Result<String> {
    let tenths = |n: u64, unit: u64, name: &str| format!("{}.{} {name}", n / unit, n % unit * 10 / unit);
    Ok(match n.get() {
        None => "–".into(),
        Some(n @ 0..1_000) => format!("{n} B"),
        Some(n @ 1_000..1_000_000) => format!("{} kB", n / 1_000),
        Some(n @ 1_000_000..1_000_000_000) => tenths(n, 1_000_000, "MB"),
        Some(n) => tenths(n, 1_000_000_000, "GB"),
    })
}

/// A status: colour, shape and word.
#[askama::filter_fn]
pub(super) fn badge(status: &Status, _: &dyn Values) -> Markup {
    Ok(HtmlSafeOutput(badge_of(status.as_str())))
}

/// See [`badge`]; the word is one of our own.
pub(super) fn badge_of(word: &'static str) -> String {
    let class = word.to_ascii_lowercase();
    format!(
        "<span class=\"badge badge-{class}\"><svg aria-hidden=\"true\"><use href=\"#s-{class}\"/></svg>{word}</span>"
    )
}

/// The first characters of a long id.
#[askama::filter_fn]
pub(super) fn short<T: Display>(id: T, _: &dyn Values) -> Result<String> {
    Ok(id.to_string().chars().take(12).collect())
}

#[cfg(test)]
mod tests {
    use super::{lasting, rfc3339, thousands};
    use pawl_engine::{Span, Timestamp};

    #[test]
    fn durations_have_two_units_at_most() {
        let shown = |ms| lasting(Span::from_millis(ms));
        assert_eq!([0, 999, 1_204, 12_345].map(shown), ["0 ms", "999 ms", "1.20 s", "12.3 s"]);
        assert_eq!([60_000, 250_000, 7_260_000].map(shown), ["1 min", "4 min 10 s", "2 h 1 min"]);
        assert_eq!([86_400_000, 273_600_000].map(shown), ["1 d", "3 d 4 h"]);
    }

    #[test]
    fn numbers_and_times_are_exact() {
        assert_eq!([0, 999, 1_000, 1_204_551].map(thousands), ["0", "999", "1,000", "1,204,551"]);
        assert_eq!(rfc3339(Timestamp::from_millis(7)), "1970-01-01T00:00:00.007Z");
    }
}
