//! Schedules: when a function starts by itself.
//!
//! What may be written is what robfig's cron takes, which is Inngest's
//! (<https://www.inngest.com/docs/guides/scheduled-functions>):
//! - five fields: minute, hour, day of the month, month, day of the week, with `*`, `a-b`,
//!   `a,b`, `*/n`, and names (`JAN`, `MON`). When both days are given, either is enough;
//! - `@hourly`, `@daily` (`@midnight`), `@weekly`, `@monthly`, `@yearly` (`@annually`);
//! - `@every 1h30m`: at the multiples of that time since 1970 began in UTC, so that a
//!   restart does not shift them;
//! - `TZ=Europe/Paris ` (or `CRON_TZ=`) before fields or a name. Without it: UTC.
//!
//! When the clocks of a zone go forward, a schedule of one fixed time of the day that
//! falls into the gap ticks as soon as the gap is over; others (`*/10 * * * *`) have no
//! ticks in it. When they go back, the fixed time ticks the first time only; others
//! tick in both of the hours. No tick is ever given twice.

use crate::{Span, Timestamp, limits};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Zoned;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// A parsed schedule that ticks at some time. Equal by its text.
#[derive(Clone)]
pub struct Schedule {
    text: Arc<str>,
    ticks: Ticks,
}

#[derive(Clone)]
enum Ticks {
    Every(Span),
    Cron(Arc<Cron>, TimeZone),
}

/// Why a text is no schedule: a sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSchedule(String);

/// The zones that this program brings along.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

impl Schedule {
    /// Parses a schedule; see the module for what may be written.
    pub fn parse(text: &str) -> Result<Self, BadSchedule> {
        let text = text.trim();
        let chars = text.chars().count();
        if chars > limits::CRON_CHARS {
            return Err(bad(format!("it has {chars} characters; the limit is {}", limits::CRON_CHARS)));
        }
        let (zone, rest) = zone(text)?;
        let ticks = match rest.strip_prefix("@every") {
            Some(_) if zone.is_some() => return Err(bad("`@every` knows no time zone: leave `TZ=` out")),
            Some(span) if span.starts_with(char::is_whitespace) => Ticks::Every(every(span.trim())?),
            Some(_) => return Err(bad("`@every` needs a time, such as `@every 30m`")),
            None => Ticks::Cron(Arc::new(fields(rest)?), zone.unwrap_or(TimeZone::UTC)),
        };
        let schedule = Self { text: text.into(), ticks };
        match schedule.next_after(Timestamp::from_millis(0)) {
            Some(_) => Ok(schedule),
            None => Err(bad(format!("`{text}` never comes: there is no such day"))),
        }
    }

    /// As its author wrote it, without spaces around it.
    pub fn source(&self) -> &str {
        &self.text
    }

    /// The first tick after a moment. None when there is none for thousands of years.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.ticks {
            Ticks::Every(span) => {
                let span = i64::try_from(span.as_millis()).ok()?;
                let next = after.as_millis().div_euclid(span).checked_add(1)?.checked_mul(span)?;
                Some(Timestamp::from_millis(next))
            }
            Ticks::Cron(cron, zone) => {
                let next = cron.find_next_occurrence(&second(after, zone)?, false).ok()?;
                Some(Timestamp::from_millis(next.timestamp().as_millisecond()))
            }
        }
    }

    /// The last tick in the time after `since` up to and including `at`.
    pub fn last_at(&self, at: Timestamp, since: Timestamp) -> Option<Timestamp> {
        let last = match &self.ticks {
            Ticks::Every(span) => {
                let span = i64::try_from(span.as_millis()).ok()?;
                Timestamp::from_millis(at.as_millis().div_euclid(span).checked_mul(span)?)
            }
            Ticks::Cron(cron, zone) => {
                let last = cron.find_previous_occurrence(&second(at, zone)?, true).ok()?;
                Timestamp::from_millis(last.timestamp().as_millisecond())
            }
        };
        Some(last).filter(|last| *last > since)
    }
}

fn bad(why: impl Into<String>) -> BadSchedule {
    BadSchedule(why.into())
}

/// The second that a moment is in. Ticks are at full seconds.
fn second(at: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    let second = jiff::Timestamp::from_second(at.as_millis().div_euclid(1_000)).ok()?;
    Some(second.to_zoned(zone.clone()))
}

/// The zone that stands in front, and what follows it.
fn zone(text: &str) -> Result<(Option<TimeZone>, &str), BadSchedule> {
    let Some(rest) = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) else {
        return Ok((None, text));
    };
    let (name, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    match ZONES.get(name) {
        Ok(zone) => Ok((Some(zone), rest.trim())),
        Err(_) => Err(bad(format!("there is no time zone `{name}`; one is written like `Europe/Paris`"))),
    }
}

fn fields(text: &str) -> Result<Cron, BadSchedule> {
    let named = match text.to_ascii_lowercase().as_str() {
        "@hourly" => Some("0 * * * *"),
        "@daily" | "@midnight" => Some("0 0 * * *"),
        "@weekly" => Some("0 0 * * 0"),
        "@monthly" => Some("0 0 1 * *"),
        "@yearly" | "@annually" => Some("0 0 1 1 *"),
        name if name.contains('@') => return Err(bad(format!("there is no schedule named `{text}`"))),
        _ => None,
    };
    let fields = named.unwrap_or(text);
    let count = fields.split_whitespace().count();
    if count != 5 {
        let five = "minute, hour, day, month, day of the week";
        return Err(bad(format!("`{text}` has {count} fields and needs five: {five}")));
    }
    // robfig's `5/15` is `5-59/15`: croner calls that sloppy
    let parser =
        CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).sloppy_ranges(true);
    parser
        .build()
        .parse(fields)
        .map_err(|e| bad(format!("`{text}`: {}", e.to_string().trim_end_matches('.'))))
}

/// A time as Go writes it: `1h30m`, `90s`, `1.5h`.
fn every(text: &str) -> Result<Span, BadSchedule> {
    let odd = || bad(format!("`{text}` is no time: write it like `1h30m` or `90s`"));
    let mut rest = text;
    let mut ms = 0.0;
    while !rest.is_empty() {
        let unit = rest.find(|c: char| c != '.' && !c.is_ascii_digit()).ok_or_else(odd)?;
        let (number, after) = rest.split_at(unit);
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let each = match unit {
            "ms" => 1.0,
            "s" => 1e3,
            "m" => 60e3,
            "h" => 3_600e3,
            _ => return Err(odd()),
        };
        ms += number.parse::<f64>().map_err(|_| odd())? * each;
        rest = after;
    }
    // far below where this would lose a millisecond
    let span = Span::from_millis(ms as u64);
    if span < Span::from_secs(1) || span > limits::SLEEP {
        return Err(bad(format!("`@every {text}`: it takes a second to 366 days")));
    }
    Ok(span)
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Schedule {}

impl PartialOrd for Schedule {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Schedule {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({:?})", self.text)
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
