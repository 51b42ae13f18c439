//! Finding runs and events among millions: what can be asked, and what a page is.
//!
//! A page is found within a bounded amount of work. One that is not full may still have
//! others behind it: it says how far back it has looked.

mod values;

use super::StoreError;
use pawl_engine::index::Status;
use pawl_engine::{FunctionId, Timestamp};
use ulid::Ulid;
pub(super) use values::{Needle, Texts, tokens};

/// Which runs to find, newest first. All that is given has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunQuery {
    /// With this status.
    pub status: Option<Status>,
    /// Of this function.
    pub function: Option<FunctionId>,
    /// Of an event with this name.
    pub event_name: Option<String>,
    /// With an event in which this is found, or themselves of this id.
    pub text: Option<Search>,
    /// Made at this time or later.
    pub from: Option<Timestamp>,
    /// Made before.
    pub until: Option<Timestamp>,
    /// Behind the page that gave this.
    pub cursor: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Which events to find, newest first. All that is given has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// With this name.
    pub name: Option<String>,
    /// In which this is found, or themselves of this id.
    pub text: Option<Search>,
    /// Received at this time or later.
    pub from: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
    /// Behind the page that gave this.
    pub cursor: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// A text to find: the id of a run, of an event or of its sender, or a value in the
/// event's data or user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// The field that has the value: `data.order.id`, `user.id`. `None`: any.
    pub path: Option<String>,
    /// The value as text, whole and in its own case: `cs_1`, `42`, `true`.
    pub value: String,
}

impl Search {
    /// From what a person writes: `evt_1`, `data.order.id:42`, `user.id:u_7`. `None`: nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let path =
            text.split_once(':').filter(|(path, _)| path.starts_with("data.") || path.starts_with("user."));
        let found = match path {
            Some((path, value)) => Self { path: Some(path.to_owned()), value: value.trim().to_owned() },
            None => Self { path: None, value: text.to_owned() },
        };
        (!found.value.is_empty()).then_some(found)
    }
}

/// Some of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// At most as many as asked for, newest first.
    pub rows: Vec<T>,
    /// Where the next page begins. `None`: there is nothing behind this one.
    pub cursor: Option<String>,
    /// How far back was looked, when the page is not full and there may be more behind it.
    pub looked_back_to: Option<Timestamp>,
}

impl<T> Page<T> {
    /// All that there is.
    pub fn last(rows: Vec<T>) -> Self {
        Self { rows, cursor: None, looked_back_to: None }
    }
}

/// After every id.
const LAST: &str = "~";

/// The ids among which a page is looked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ids {
    /// This one and later ones.
    pub(super) from: String,
    /// Only earlier ones.
    pub(super) before: String,
}

impl Ids {
    /// Of a time, behind a page.
    pub(super) fn new(
        from: Option<Timestamp>,
        until: Option<Timestamp>,
        cursor: Option<&str>,
    ) -> Result<Self, StoreError> {
        let is_odd = |c: &str| {
            c.is_empty()
                || c.len() > 64
                || !c.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        if cursor.is_some_and(is_odd) {
            return Err(StoreError::BadCursor);
        }
        let until = until.map_or_else(|| LAST.to_owned(), first_id);
        let before = cursor.map_or_else(|| until.clone(), |cursor| until.clone().min(cursor.to_owned()));
        Ok(Self { from: from.map(first_id).unwrap_or_default(), before })
    }

    /// Whether an id is one of them.
    pub(super) fn has(&self, id: &str) -> bool {
        (self.from.as_str()..self.before.as_str()).contains(&id)
    }
}

/// The first id of a time: ids begin with the milliseconds of their making.
pub(super) fn first_id(at: Timestamp) -> String {
    let ms = u64::try_from(at.as_millis()).unwrap_or(0).min((1 << Ulid::TIME_BITS) - 1);
    Ulid::from_parts(ms, 0).to_string()
}

/// When an id was made.
fn made_at(id: &str) -> Option<Timestamp> {
    let ms = Ulid::from_string(id).ok()?.timestamp_ms();
    i64::try_from(ms).ok().map(Timestamp::from_millis)
}

/// A page that is being filled, newest first, within a bounded amount of work.
pub(super) struct Filling<T> {
    rows: Vec<(String, T)>,
    limit: usize,
    left: usize,
    /// What was looked at last.
    last: String,
    is_given_up: bool,
}

impl<T> Filling<T> {
    /// An empty one; `looks`: how much may be looked at for it.
    pub(super) fn new(limit: usize, looks: usize) -> Self {
        Self { rows: Vec::new(), limit, left: looks, last: String::new(), is_given_up: false }
    }

    /// Whether the next one, which there is, may be looked at.
    pub(super) fn goes_on(&mut self) -> bool {
        // one more than there is room for: only then is known that there is more
        let has_room = self.rows.len() <= self.limit;
        self.is_given_up = has_room && self.left == 0;
        has_room && self.left > 0
    }

    /// The next one was looked at, and is wanted or not.
    pub(super) fn saw(&mut self, id: &str, cost: usize, wanted: Option<T>) {
        self.left = self.left.saturating_sub(cost);
        self.last.clear();
        self.last.push_str(id);
        self.rows.extend(wanted.map(|row| (id.to_owned(), row)));
    }

    /// The page.
    pub(super) fn page(mut self) -> Page<T> {
        let mut page = Page::last(Vec::new());
        if self.rows.len() > self.limit {
            self.rows.truncate(self.limit);
            page.cursor = self.rows.last().map(|(id, _)| id.clone());
        } else if self.is_given_up {
            page.looked_back_to = made_at(&self.last).filter(|_| self.rows.len() < self.limit);
            page.cursor = Some(self.last);
        }
        page.rows = self.rows.into_iter().map(|(_, row)| row).collect();
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_range_of_ids() {
        let at = |ms| Some(Timestamp::from_millis(ms));
        let ids = Ids::new(at(1_000), at(2_000), None).expect("ids");
        let id = |ms, random| Ulid::from_parts(ms, random).to_string();
        let found =
            [id(999, u128::MAX >> 48), id(1_000, 0), id(1_999, 7), id(2_000, 0)].map(|id| ids.has(&id));
        assert_eq!(found, [false, true, true, false]);
        assert_eq!(made_at(&id(1_999, 7)), at(1_999));
        let behind = Ids::new(None, at(i64::MAX), Some(&id(5, 0))).expect("ids");
        assert_eq!((behind.has(&id(4, 9)), behind.has(&id(5, 0)), behind.has("")), (true, false, true));
        let all = Ids::new(at(i64::MIN), None, None).expect("ids");
        assert!(all.has(&id((1 << 48) - 1, 9)) && all.has("r00001-f"));
        for odd in ["", "a b", "é", "'", &"x".repeat(65)] {
            assert_eq!(Ids::new(None, None, Some(odd)), Err(StoreError::BadCursor));
        }
    }

    #[test]
    fn a_field_is_told_from_an_id_that_has_a_colon() {
        let parsed = |text: &str| Search::parse(text).map(|s| (s.path, s.value));
        assert_eq!(parsed(" evt_1 "), Some((None, "evt_1".into())));
        assert_eq!(parsed("data.a.b: 42"), Some((Some("data.a.b".into()), "42".into())));
        assert_eq!(parsed("user.id:u:7"), Some((Some("user.id".into()), "u:7".into())));
        assert_eq!(parsed("run:step"), Some((None, "run:step".into())));
        assert_eq!((parsed("  "), parsed("data.a:")), (None, None));
    }
}
