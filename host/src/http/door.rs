//! What came to the door, kept for people: written behind the answers, some at a time, and
//! never a reason to make a sender wait.

use crate::pulse::Fact;
use crate::store::Store;
use crate::store::records::Delivery;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Webhooks that wait to be written. Whoever sends more in [`GATHER`] (who is refused may send any
/// number) is told of in the log and the metrics alone.
const WAITING: usize = 512;

/// How long others are waited for that can be written together.
const GATHER: Duration = Duration::from_millis(300);

/// Where webhooks are noted.
#[derive(Clone)]
pub struct Door {
    notes: mpsc::Sender<Delivery>,
}

impl Door {
    /// A door, and the task that writes what comes to it: it ends when no clone of the door
    /// is left.
    pub fn open(store: Arc<dyn Store>) -> (Self, JoinHandle<()>) {
        let (notes, noted) = mpsc::channel(WAITING);
        (Self { notes }, tokio::spawn(write(store, noted)))
    }

    /// Notes one.
    pub(super) fn note(&self, delivery: Delivery) {
        if self.notes.try_send(delivery).is_err() {
            tracing::debug!("a webhook is not listed: too many came at once");
        }
    }
}

async fn write(store: Arc<dyn Store>, mut noted: mpsc::Receiver<Delivery>) {
    while let Some(first) = noted.recv().await {
        let mut batch = vec![first];
        let gather = async {
            while batch.len() < WAITING
                && let Some(next) = noted.recv().await
            {
                batch.push(next);
            }
        };
        let _time_is_up = tokio::time::timeout(GATHER, gather).await;
        let n = batch.len();
        match store.records().keep_deliveries(batch).await {
            Ok(()) => store.pulse().tell(Fact::Delivered { n }),
            Err(e) => tracing::warn!(error = %e, "webhooks that came in could not be listed"),
        }
    }
}
