//! Pages of runs and events. Where an index leads to few, these are gathered and looked
//! at; else all are walked, newest first. What is looked at for one page is bounded.

use super::search::Index;
use super::{error, overlay, reads, rows};
use crate::store::find::{EventQuery, Filling, Ids, Needle, Page, RunQuery, Texts};
use crate::store::tx::extras;
use crate::store::{RunRow, StoreError};
use pawl_engine::RunId;
use pawl_engine::event::Event;
use pawl_engine::index::Status;
use rusqlite::{Connection, Row, params};
use std::collections::{BTreeSet, HashSet};

/// How much is looked at for one page: a row costs one, reading an event's text three, and
/// parsing it one for so many bytes.
pub(super) const LOOKS: usize = 12_000;
const TEXT: usize = 3;
const PARSED: usize = 256;

/// Events of which all runs are gathered. There being more of them, their runs are met
/// soon enough when all are walked.
const FEW: usize = 4_000;

/// Events that the index does not have yet and that are looked through on the way.
const NEW: i64 = 1_000;

/// How far the order in which events were numbered may differ from that of their ids: what
/// may be on its way to the writer at once, and more.
const DISORDER: i64 = 5_000;

/// Runs that show as running though nobody has them.
pub(super) const RUNNING: &str = "SELECT id FROM runs WHERE status = 'Running' AND status <> 'Completed'";

/// Events of a name.
pub(super) const NAMED: &str = "SELECT n FROM events WHERE name = ?1 LIMIT ?2";

/// The runs of an event.
pub(super) const RUNS_OF: &str = "SELECT r.id FROM events e JOIN runs r ON r.event = e.id WHERE e.n = ?1 \
     UNION ALL SELECT b.run FROM events e JOIN run_events b ON b.event = e.id WHERE e.n = ?1";

/// Events of which a text is the id, their own or their sender's.
pub(super) const OWN: &str = "SELECT n FROM events WHERE id = ?1 \
     UNION SELECT e.n FROM senders s JOIN events e ON e.id = s.event WHERE s.sender_id = ?1";

/// Events that the index does not have, with their texts in the places of [`rows::EVENT`].
pub(super) const NEW_ONES: &str =
    "SELECT id, n, data, user, 0, 0, 0, sender_id FROM events WHERE n > ?1 ORDER BY n LIMIT ?2";

/// The number of the first event from an id on, and of the last one before it.
pub(super) const FIRST: &str = "SELECT n FROM events WHERE id >= ?1 ORDER BY id LIMIT 1";
pub(super) const LAST: &str = "SELECT n FROM events WHERE id < ?1 ORDER BY id DESC LIMIT 1";

/// The highest number.
const NEWEST: &str = "SELECT n FROM events ORDER BY n DESC LIMIT 1";

/// A page of runs; `held` are the runs that are claimed.
pub(super) fn runs(
    db: &Connection,
    index: &Index,
    query: &RunQuery,
    held: &[RunId],
) -> Result<Page<RunRow>, StoreError> {
    let ids = Ids::new(query.from, query.until, query.cursor.as_deref())?;
    let indexed = index.indexed();
    // one transaction: what is seen first is there to the end
    let db = &*db.unchecked_transaction().map_err(error)?;
    let held: HashSet<&str> = held.iter().map(RunId::as_str).collect();
    let needle = query.text.as_ref().map(Needle::new);
    let mut page = Filling::new(query.limit, LOOKS);
    let look = RunLook { db, query, needle: needle.as_ref(), held: &held };
    match look.gather(index, indexed)? {
        Some(known) => {
            let sql = format!("SELECT {RUN} FROM runs r WHERE r.id = ?1");
            for id in known.iter().rev().filter(|id| ids.has(id)) {
                if !page.goes_on() {
                    break;
                }
                rows::first(db, &sql, [id], |row| look.at(&mut page, row))?;
            }
        }
        None => {
            let mut walk = db.prepare_cached(&walk_sql(query)).map_err(error)?;
            let function = query.function.as_ref().map(|f| f.as_str());
            let mut rows = walk.query(params![ids.from, ids.before, function]).map_err(error)?;
            while let Some(row) = rows.next().map_err(error)? {
                if !page.goes_on() {
                    break;
                }
                look.at(&mut page, row)?;
            }
        }
    }
    let Page { rows, cursor, looked_back_to } = page.page();
    let row = |id: RunId| {
        let (mut run, _) = reads::columns(db, &id)?;
        run.journal = rows::last_entry(db, &id)?.into_iter().collect();
        Ok(overlay(run, held.contains(id.as_str())))
    };
    Ok(Page { rows: rows.into_iter().map(row).collect::<Result<_, StoreError>>()?, cursor, looked_back_to })
}

/// The columns that [`RunLook::at`] looks at.
const RUN: &str = "r.id, r.status, r.function, r.event, r.extras";

/// All runs that may be wanted, by the index that leads to the fewest.
pub(super) fn walk_sql(query: &RunQuery) -> String {
    let function = if query.function.is_some() { "r.function = ?3" } else { "?3 IS NULL" };
    let status = match query.status {
        // nearly all have it: where that is not so, the page says how far it has come
        None | Some(Status::Completed | Status::Running) => String::new(),
        Some(status) => {
            // in the words of one of the partial indexes, so that no other one is taken
            let of = match status.is_final() && query.function.is_some() {
                true => "(r.status = 'Failed' OR r.status = 'Cancelled')",
                false => "r.status <> 'Completed'",
            };
            format!(" AND r.status = '{}' AND {of}", status.as_str())
        }
    };
    format!(
        "SELECT {RUN} FROM runs r WHERE r.id >= ?1 AND r.id < ?2 AND {function}{status} ORDER BY r.id DESC"
    )
}

/// What is known of a search for runs.
struct RunLook<'a> {
    db: &'a Connection,
    query: &'a RunQuery,
    needle: Option<&'a Needle<'a>>,
    held: &'a HashSet<&'a str>,
}

impl RunLook<'_> {
    /// The only runs that may be wanted, when they are few.
    fn gather(&self, index: &Index, indexed: i64) -> Result<Option<BTreeSet<String>>, StoreError> {
        if self.query.status == Some(Status::Running) {
            // that a run is claimed is known without the database; that one was when the
            // host died is known only by it
            let mut running: BTreeSet<_> = rows::all(self.db, RUNNING, [], text)?.into_iter().collect();
            running.extend(self.held.iter().map(|id| (*id).to_owned()));
            return Ok(Some(running));
        }
        if let Some(needle) = self.needle {
            let own = match needle.id() {
                Some(id) => rows::first(self.db, "SELECT id FROM runs WHERE id = ?1", [id], text)?,
                None => None,
            };
            let named = Named::gather(self.db, index, indexed, needle)?;
            // who looks for an id finds it, also while the index is far behind
            if named.is_all || !named.own.is_empty() || own.is_some() {
                let mut runs = self.runs_of(named.own.iter().chain(&named.others))?;
                runs.extend(own);
                return Ok(Some(runs));
            }
        }
        let Some(name) = &self.query.event_name else { return Ok(None) };
        let events = rows::all(self.db, NAMED, params![name, FEW as i64 + 1], number)?;
        if events.len() > FEW { Ok(None) } else { self.runs_of(&events).map(Some) }
    }

    fn runs_of<'n>(&self, events: impl IntoIterator<Item = &'n i64>) -> Result<BTreeSet<String>, StoreError> {
        let mut runs = BTreeSet::new();
        for n in events {
            runs.extend(rows::all(self.db, RUNS_OF, [n], text)?);
        }
        Ok(runs)
    }

    /// Looks at one run, from the columns [`RUN`].
    fn at(&self, page: &mut Filling<RunId>, row: &Row<'_>) -> Result<(), StoreError> {
        let (id, status) = (column(row, 0)?, column(row, 1)?);
        let is_running = self.held.contains(id) && !Status::parse(status).is_some_and(Status::is_final);
        let status = if is_running { Status::Running.as_str() } else { status };
        let is_so = self.query.status.is_none_or(|s| s.as_str() == status)
            && match &self.query.function {
                Some(function) => function.as_str() == column(row, 2)?,
                None => true,
            };
        let mut cost = 1;
        let is_wanted = is_so && self.has_events(row, &mut cost)?;
        page.saw(id, cost, is_wanted.then(|| RunId::new(id)));
        Ok(())
    }

    /// Whether its events are those that are wanted.
    fn has_events(&self, run: &Row<'_>, cost: &mut usize) -> Result<bool, StoreError> {
        let is_own = self.needle.and_then(Needle::id) == Some(column(run, 0)?);
        let needle = self.needle.filter(|_| !is_own);
        if needle.is_none() && self.query.event_name.is_none() {
            return Ok(true);
        }
        let sql = "SELECT id, name, data, user, 0, 0, 0, sender_id FROM events WHERE id = ?1";
        let (mut is_named, mut is_found) = (self.query.event_name.is_none(), needle.is_none());
        let mut see = |event: &str| {
            rows::first(self.db, sql, [event], |row| {
                *cost += 1;
                is_named = is_named || self.query.event_name.as_deref() == Some(column(row, 1)?);
                if let Some(needle) = needle.filter(|_| !is_found) {
                    let parsed;
                    (is_found, parsed) = needle.look(&texts(row)?);
                    *cost += TEXT + parsed / PARSED;
                }
                Ok(())
            })
        };
        see(column(run, 3)?)?;
        if run.get::<_, u32>(4).map_err(error)? & extras::BATCH != 0 {
            for event in rows::batch(self.db, &RunId::new(column(run, 0)?))? {
                see(event.as_str())?;
            }
        }
        Ok(is_named && is_found)
    }
}

/// A page of events.
pub(super) fn events(db: &Connection, index: &Index, query: &EventQuery) -> Result<Page<Event>, StoreError> {
    let indexed = index.indexed();
    let db = &*db.unchecked_transaction().map_err(error)?;
    let mut page = Filling::new(query.limit, LOOKS);
    let ids = Ids::new(query.from, query.until, query.cursor.as_deref())?;
    let Some(search) = &query.text else {
        let sql = events_sql(query);
        let params = params![ids.from, ids.before, query.name, query.limit as i64 + 1];
        for event in rows::all(db, &sql, params, rows::event)? {
            page.saw(event.id.clone().as_str(), 1, Some(event));
        }
        return Ok(page.page());
    };
    let needle = Needle::new(search);
    EventLook { db, query, needle: &needle }.fill(&mut page, index, indexed)?;
    Ok(page.page())
}

/// The query of a list of events.
pub(super) fn events_sql(query: &EventQuery) -> String {
    let name = if query.name.is_some() { "e.name = ?3" } else { "?3 IS NULL" };
    format!(
        "SELECT {} FROM events e WHERE e.id >= ?1 AND e.id < ?2 AND {name} ORDER BY e.id DESC LIMIT ?4",
        rows::EVENT
    )
}

/// What is known of a search for events by their text. They come in the order of their
/// numbers, which the index has.
struct EventLook<'a> {
    db: &'a Connection,
    query: &'a EventQuery,
    needle: &'a Needle<'a>,
}

impl EventLook<'_> {
    fn fill(&self, page: &mut Filling<Event>, index: &Index, indexed: i64) -> Result<(), StoreError> {
        let query = self.query;
        let ids = Ids::new(query.from, query.until, None)?;
        let (bottom, top) = self.numbers(&ids)?;
        let own = own_numbers(self.db, self.needle)?;
        let (tokens, most) = (self.needle.tokens(), LOOKS / TEXT + 1);
        let named = index.find(&tokens, indexed, bottom..=top.min(indexed), most);
        // without an index all events are new
        let indexed = if named.is_some() { indexed } else { 0 };
        let mut known: BTreeSet<_> = named.into_iter().flatten().chain(own.iter().copied()).collect();
        let newest = bottom.max(indexed + 1);
        if top - newest < NEW || own.is_empty() {
            known.retain(|n| *n < newest);
            let sql = format!(
                "SELECT {} FROM events e WHERE e.n >= ?1 AND e.n <= ?2 ORDER BY e.n DESC",
                rows::EVENT
            );
            let mut walk = self.db.prepare_cached(&sql).map_err(error)?;
            let mut rows = walk.query([newest, top]).map_err(error)?;
            while let Some(row) = rows.next().map_err(error)? {
                if !page.goes_on() {
                    return Ok(());
                }
                self.at(page, &ids, row)?;
            }
        }
        let sql = format!("SELECT {} FROM events e WHERE e.n = ?1", rows::EVENT);
        for n in known.range(bottom..=top.max(bottom)).rev() {
            if !page.goes_on() {
                break;
            }
            rows::first(self.db, &sql, [n], |row| self.at(page, &ids, row))?;
        }
        Ok(())
    }

    /// The numbers between which events of the wanted time are, behind the cursor.
    fn numbers(&self, ids: &Ids) -> Result<(i64, i64), StoreError> {
        let one = |sql: &str, id: &str| rows::first(self.db, sql, [id], number);
        let first = one(FIRST, &ids.from)?;
        let last = one(LAST, &ids.before)?;
        let (Some(first), Some(mut last)) = (first, last) else { return Ok((1, 0)) };
        let newest = rows::first(self.db, NEWEST, [], number)?.unwrap_or(0);
        last = newest.min(last + DISORDER);
        if let Some(cursor) = &self.query.cursor {
            let own = one("SELECT n - 1 FROM events WHERE id = ?1", cursor)?;
            // it may have been forgotten: from its place on, then
            let near = if own.is_some() { own } else { one(LAST, cursor)? };
            last = last.min(near.unwrap_or(0));
        }
        Ok((first.saturating_sub(DISORDER).max(0), last))
    }

    /// Looks at one event, from the columns [`rows::EVENT`].
    fn at(&self, page: &mut Filling<Event>, ids: &Ids, row: &Row<'_>) -> Result<(), StoreError> {
        let id = column(row, 0)?;
        let is_so = ids.has(id)
            && match &self.query.name {
                Some(name) => name == column(row, 1)?,
                None => true,
            };
        let (is_in, parsed) = if is_so { self.needle.look(&texts(row)?) } else { (false, 0) };
        let event = if is_in { Some(rows::event(row)?) } else { None };
        page.saw(id, TEXT + parsed / PARSED, event);
        Ok(())
    }
}

/// The events that a text leads to, by their numbers.
struct Named {
    /// Those of which it is the id.
    own: Vec<i64>,
    /// Others that may have it.
    others: Vec<i64>,
    /// Whether no other event has it.
    is_all: bool,
}

impl Named {
    fn gather(db: &Connection, index: &Index, indexed: i64, needle: &Needle<'_>) -> Result<Self, StoreError> {
        let own = own_numbers(db, needle)?;
        let named = index.find(&needle.tokens(), indexed, 0..=indexed, FEW + 1);
        let new = rows::all(db, NEW_ONES, [indexed, NEW + 1], |row| {
            Ok((number_at(row, 1)?, needle.is_in(&texts(row)?)))
        })?;
        let is_all = new.len() as i64 <= NEW && named.as_ref().is_some_and(|named| named.len() <= FEW);
        let new = new.into_iter().filter(|(_, is_in)| *is_in).map(|(n, _)| n);
        let others = named.into_iter().flatten().take(FEW).chain(new).collect();
        Ok(Self { own, others, is_all })
    }
}

/// The numbers of the events of which the text is the id, their own or their sender's.
fn own_numbers(db: &Connection, needle: &Needle<'_>) -> Result<Vec<i64>, StoreError> {
    let Some(id) = needle.id() else { return Ok(Vec::new()) };
    rows::all(db, OWN, [id], number)
}

fn column<'r>(row: &'r Row<'_>, n: usize) -> Result<&'r str, StoreError> {
    row.get_ref(n).and_then(|value| value.as_str().map_err(Into::into)).map_err(error)
}

fn text(row: &Row<'_>) -> Result<String, StoreError> {
    column(row, 0).map(str::to_owned)
}

fn number(row: &Row<'_>) -> Result<i64, StoreError> {
    number_at(row, 0)
}

fn number_at(row: &Row<'_>, n: usize) -> Result<i64, StoreError> {
    row.get(n).map_err(error)
}

/// From the places that [`rows::EVENT`] has them in.
fn texts<'r>(row: &'r Row<'_>) -> Result<Texts<'r>, StoreError> {
    let optional =
        |n: usize| row.get_ref(n).and_then(|value| value.as_str_or_null().map_err(Into::into)).map_err(error);
    Ok(Texts { id: column(row, 0)?, sender_id: optional(7)?, data: column(row, 2)?, user: optional(3)? })
}
