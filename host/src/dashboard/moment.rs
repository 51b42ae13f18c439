//! Moments in URLs: as a field of a form gives them, or exact.

use super::fields::Fields;
use pawl_engine::Timestamp;

/// A moment that is no moment.
pub(super) struct Odd;

/// The field's moment: `2026-11-29T01:22` (in UTC; the script writes the reader's zone
/// behind it), or RFC 3339. `None`: it says nothing.
pub(super) fn parse(fields: &Fields, name: &str) -> Result<Option<Timestamp>, Odd> {
    let Some(text) = fields.get(name) else { return Ok(None) };
    let exact = text.parse::<jiff::Timestamp>().ok();
    let in_utc = || {
        let local = text.parse::<jiff::civil::DateTime>().ok()?;
        local.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|at| at.timestamp())
    };
    let at = exact.or_else(in_utc).ok_or(Odd)?;
    Ok(Some(Timestamp::from_millis(at.as_millisecond())))
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::dashboard::fields::Fields;

    #[test]
    fn a_moment_is_taken_as_forms_and_machines_write_it() {
        let at = |text: &str| {
            let parsed = parse(&Fields::parse(format!("from={text}").as_bytes()), "from");
            parsed.map(|at| at.map(|at| at.as_millis())).map_err(drop)
        };
        assert_eq!(at("2001-09-09T01:46"), Ok(Some(1_000_000_000_000 - 40_000)));
        assert_eq!(at("2001-09-09T01:46:40Z"), Ok(Some(1_000_000_000_000)));
        assert_eq!(at("2001-09-09T03:46:40%2B02:00"), Ok(Some(1_000_000_000_000)));
        assert_eq!((at(""), at("yesterday")), (Ok(None), Err(())));
    }
}
