//! Passes that are under way in apps, so that steps which an app reports in the middle of a
//! call (a checkpoint) find the pass that records them.

use crate::inngest::reply::Told;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// Reports of one pass that wait to be recorded.
const WAITING: usize = 16;

/// The passes that are under way.
#[derive(Clone, Default)]
pub struct Live(Arc<Mutex<HashMap<String, mpsc::Sender<Report>>>>);

/// Steps that an app has executed in the middle of a call.
pub(super) struct Report {
    /// In which call.
    pub(super) request: String,
    pub(super) steps: Vec<Told>,
    /// Told when they are durable; dropped when they are not taken.
    pub(super) kept: oneshot::Sender<()>,
}

/// One pass; it can be reported to as long as this lives.
pub(super) struct Here {
    live: Live,
    run: String,
    pub(super) reports: mpsc::Receiver<Report>,
}

/// No pass takes a report: the run is not under way in an app, or it was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no call of this run is under way: it has ended, was cancelled, or waits")]
pub struct NotLive;

impl Live {
    /// Hands steps of this call to the run's pass; comes back when they are durable.
    pub async fn report(&self, run: &str, request: String, steps: Vec<Told>) -> Result<(), NotLive> {
        let pass = self.passes().get(run).cloned().ok_or(NotLive)?;
        let (kept, told) = oneshot::channel();
        pass.send(Report { request, steps, kept }).await.map_err(|_| NotLive)?;
        told.await.map_err(|_| NotLive)
    }

    pub(super) fn enter(&self, run: &str) -> Here {
        let (pass, reports) = mpsc::channel(WAITING);
        self.passes().insert(run.to_owned(), pass);
        Here { live: self.clone(), run: run.to_owned(), reports }
    }

    fn passes(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<Report>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        let mut passes = self.live.passes();
        // another pass of the run may have begun since
        self.reports.close();
        if passes.get(&self.run).is_some_and(mpsc::Sender::is_closed) {
            passes.remove(&self.run);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_report_reaches_the_pass_that_is_under_way_and_no_other() {
        let live = Live::default();
        assert_eq!(live.report("r", "1".into(), Vec::new()).await, Err(NotLive));
        let mut here = live.enter("r");
        let reporting = tokio::spawn({
            let live = live.clone();
            async move { live.report("r", "1".into(), Vec::new()).await }
        });
        let report = here.reports.recv().await.expect("a report");
        report.kept.send(()).expect("somebody waits");
        assert_eq!(reporting.await.expect("ends"), Ok(()));
        drop(here);
        assert_eq!(live.report("r", "1".into(), Vec::new()).await, Err(NotLive));
    }

    #[tokio::test]
    async fn a_report_that_is_not_taken_is_not_confirmed() {
        let live = Live::default();
        let mut here = live.enter("r");
        let reporting = tokio::spawn({
            let live = live.clone();
            async move { live.report("r", "1".into(), Vec::new()).await }
        });
        drop(here.reports.recv().await);
        assert_eq!(reporting.await.expect("ends"), Err(NotLive));
    }
}
