//! Finding runs and events in the model: everything is looked at.

use super::Inner;
use crate::store::find::{EventQuery, Filling, Ids, Needle, Page, RunQuery, Texts};
use crate::store::{RunRow, StoreError};
use pawl_engine::event::Event;

impl Inner {
    /// A page of runs.
    pub(super) fn find_runs(&self, query: &RunQuery) -> Result<Page<RunRow>, StoreError> {
        let ids = Ids::new(query.from, query.until, query.cursor.as_deref())?;
        let needle = query.text.as_ref().map(Needle::new);
        let mut page = Filling::new(query.limit, usize::MAX);
        for id in self.tables.runs.keys().rev().filter(|id| ids.has(id.as_str())) {
            if !page.goes_on() {
                break;
            }
            let mut run = self.row(id)?;
            let events: Vec<_> = run.events().iter().filter_map(|id| self.tables.events.get(id)).collect();
            let is_wanted = query.status.is_none_or(|s| s == run.index.status)
                && query.function.as_ref().is_none_or(|f| *f == run.function)
                && query.event_name.as_ref().is_none_or(|n| events.iter().any(|e| **n == *e.name))
                && needle.as_ref().is_none_or(|needle| {
                    needle.id() == Some(id.as_str()) || events.iter().any(|e| needle.is_in(&Texts::of(e)))
                });
            run.batch.clear();
            run.journal = run.journal.pop().into_iter().collect();
            page.saw(id.as_str(), 1, is_wanted.then_some(run));
        }
        Ok(page.page())
    }

    /// A page of events.
    pub(super) fn find_events(&self, query: &EventQuery) -> Result<Page<Event>, StoreError> {
        let ids = Ids::new(query.from, query.until, query.cursor.as_deref())?;
        let needle = query.text.as_ref().map(Needle::new);
        let mut page = Filling::new(query.limit, usize::MAX);
        for event in self.tables.events.values().rev().filter(|e| ids.has(e.id.as_str())) {
            if !page.goes_on() {
                break;
            }
            let is_wanted = query.name.as_ref().is_none_or(|n| **n == *event.name)
                && needle.as_ref().is_none_or(|needle| needle.is_in(&Texts::of(event)));
            page.saw(event.id.as_str(), 1, is_wanted.then(|| event.clone()));
        }
        Ok(page.page())
    }
}
