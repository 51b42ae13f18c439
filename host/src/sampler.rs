//! How deep the queues are, kept now and then: nothing else remembers it.

use crate::clock;
use crate::store::Store;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is looked at. The deepest of a minute is what is kept of it.
const EVERY: Duration = Duration::from_secs(10);

/// Samples until the end. While nothing waits nothing is written.
pub async fn run(store: Arc<dyn Store>, end: CancellationToken) {
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let now = clock::now();
        let kept = match store.records().depths(now).await {
            Ok(depths) if depths.iter().all(|depth| depth.ready == 0) => Ok(()),
            Ok(depths) => store.records().keep_depths(now, depths).await,
            Err(e) => Err(e),
        };
        if let Err(e) = kept {
            tracing::warn!(error = %e, "the depth of queues cannot be kept");
        }
    }
}
