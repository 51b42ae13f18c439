//! What changes, told to pages that are open, as server-sent events. It says which runs and
//! functions, never what of them: the page is asked for again by whoever may see it.

use super::Dashboard;
use super::error::PageError;
use super::session;
use super::viewer::Viewer;
use crate::clock;
use crate::pulse::Fact;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use serde::Serialize;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// One message in this time at most.
const EVERY: Duration = Duration::from_millis(500);

/// A sign of life; also how often it is seen to that the login still holds.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Runs, and functions, that one message names; of others it says that there are more.
const NAMED: usize = 50;

/// What has changed.
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
struct Told {
    runs: BTreeSet<String>,
    functions: BTreeSet<String>,
    events: bool,
    webhooks: bool,
    /// More than can be named.
    more: bool,
}

impl Told {
    fn name(&mut self, run: Option<&str>, function: Option<&str>) {
        for (names, name) in [(&mut self.runs, run), (&mut self.functions, function)] {
            match name {
                Some(name) if names.len() < NAMED || names.contains(name) => {
                    names.insert(name.to_owned());
                }
                Some(_) => self.more = true,
                None => {}
            }
        }
    }

    /// Whether there is something to tell.
    fn add(&mut self, fact: &Fact) -> bool {
        match fact {
            Fact::Accepted { .. } | Fact::Duplicate { .. } => self.events = true,
            Fact::Delivered { .. } => self.webhooks = true,
            Fact::Made { run, function, .. } | Fact::Ended { run, function, .. } => {
                self.name(Some(run.as_str()), Some(function.as_str()));
            }
            Fact::Skipped { function, .. } => self.name(None, Some(function.as_str())),
            Fact::Moved { run } => self.name(Some(run.as_str()), None),
            Fact::Tried { .. } => return false,
        }
        true
    }
}

/// Everything that is told from the first fact on, for a while; nothing when there is none until
/// a heartbeat is due. `None`: nobody tells any more.
async fn gather(facts: &mut Receiver<Fact>) -> Option<Told> {
    let mut told = Told::default();
    let mut has_some = false;
    let mut closing = std::pin::pin!(tokio::time::sleep(HEARTBEAT));
    loop {
        let fact = tokio::select! {
            () = &mut closing => return Some(told),
            fact = facts.recv() => fact,
        };
        let is_first = !has_some;
        match fact {
            Ok(fact) => has_some |= told.add(&fact),
            Err(RecvError::Lagged(_)) => (told.more, has_some) = (true, true),
            Err(RecvError::Closed) => return None,
        }
        if is_first && has_some {
            closing.as_mut().reset(tokio::time::Instant::now() + EVERY);
        }
    }
}

impl Dashboard {
    async fn may_listen(&self, viewer: &Viewer) -> bool {
        match &viewer.session {
            None => true,
            Some(session) => {
                let keys = self.keys.signing();
                session::holds(&*self.store, &keys, session, clock::now()).await.unwrap_or(false)
            }
        }
    }
}

struct Listener {
    dashboard: Dashboard,
    viewer: Viewer,
    facts: Receiver<Fact>,
    logouts: Receiver<String>,
}

/// Until the viewer has logged out, or may have: then a browser that is still logged in comes again.
async fn logged_out(logouts: &mut Receiver<String>, viewer: &Viewer) {
    while logouts.recv().await.is_ok_and(|key| key != viewer.key) {}
}

impl Listener {
    /// What is to be sent next. `None`: it is over.
    async fn next(&mut self) -> Option<Event> {
        let end = self.dashboard.end.clone();
        let told = tokio::select! {
            () = end.cancelled() => return None,
            () = logged_out(&mut self.logouts, &self.viewer) => return None,
            told = gather(&mut self.facts) => told?,
        };
        if !self.dashboard.may_listen(&self.viewer).await {
            return None;
        }
        // texts and truth values: nothing that could fail
        Some(match told == Told::default() {
            true => Event::default().comment("here"),
            false => Event::default().json_data(told).unwrap_or_default(),
        })
    }
}

/// `GET /live`.
pub(super) async fn listen(
    State(dashboard): State<Dashboard>,
    viewer: Viewer,
) -> Result<impl IntoResponse, PageError> {
    let facts = dashboard.store.pulse().listen();
    let logouts = dashboard.memory.logouts.subscribe();
    // the login may have ended before anybody listened for that
    if !dashboard.may_listen(&viewer).await {
        return Err(PageError::NoLogin);
    }
    let listener = Listener { dashboard, viewer, facts, logouts };
    let told = stream::unfold(listener, async |mut listener| {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    Ok(Sse::new(told).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pulse::Pulse;
    use pawl_engine::{EventId, FunctionId, RunId, Timestamp};

    fn made(run: &str) -> Fact {
        Fact::Made {
            run: RunId::new(run),
            function: FunctionId::new("f"),
            event: EventId::new("e"),
            at: Timestamp::from_millis(0),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_happens_within_half_a_second_is_one_message() {
        let pulse = Pulse::default();
        let mut facts = pulse.listen();
        ["a", "b", "a"].iter().for_each(|run| pulse.tell(made(run)));
        let told = gather(&mut facts).await.expect("told");
        assert_eq!(
            serde_json::to_string(&told).expect("JSON"),
            r#"{"runs":["a","b"],"functions":["f"],"events":false,"webhooks":false,"more":false}"#
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_heartbeat_drops_nothing_and_comes_when_there_is_nothing() {
        let pulse = Pulse::default();
        let mut facts = pulse.listen();
        let late = async {
            tokio::time::sleep(HEARTBEAT - EVERY / 2).await;
            pulse.tell(made("a"));
        };
        let (told, ()) = tokio::join!(gather(&mut facts), late);
        assert_eq!(told.map(|told| told.runs.len()), Some(1));
        assert_eq!(gather(&mut facts).await, Some(Told::default()));
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_can_be_named_is_said() {
        let pulse = Pulse::default();
        let mut facts = pulse.listen();
        (0..60).for_each(|n| pulse.tell(made(&n.to_string())));
        let told = gather(&mut facts).await.expect("told");
        assert_eq!((told.runs.len(), told.more), (NAMED, true));
        drop(pulse);
        assert_eq!(gather(&mut facts).await, None);
    }
}
