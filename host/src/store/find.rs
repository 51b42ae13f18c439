//! Finding runs and events among millions: what can be asked, and what a page is.
//!
//! A page is found within a bounded amount of work. One that is not full may still have
//! others behind it: it says how far back it has looked.

use pawl_engine::index::Status;
use pawl_engine::{FunctionId, Timestamp};

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

#[cfg(test)]
mod tests {
    use super::*;

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
