//! Senders that send on whatever happens, as webhooks do: until they hear 200 they send
//! the same event again.

use pawl_tests::{Host, stripe};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Between two tries of a sender: less than a restart takes.
const PAUSE: Duration = Duration::from_millis(10);

/// Senders at work.
pub(super) struct Load {
    shared: Arc<Shared>,
    senders: JoinSet<()>,
}

struct Shared {
    /// Where the host is now.
    url: Mutex<String>,
    /// How many events may still be sent.
    quota: Semaphore,
    /// The function of each event that was acknowledged, by the sender's id of it.
    acknowledged: Mutex<BTreeMap<String, &'static str>>,
    upstream: String,
    client: reqwest::Client,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Load {
    /// So many senders, which wait for [`Load::allow`].
    pub(super) fn start(senders: usize, host: &Host, upstream: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20));
        let shared = Arc::new(Shared {
            url: Mutex::new(host.url("")),
            quota: Semaphore::new(0),
            acknowledged: Mutex::default(),
            upstream: upstream.to_owned(),
            client: client.build().expect("a client"),
        });
        let mut set = JoinSet::new();
        for n in 0..senders {
            set.spawn(send_on(shared.clone(), n));
        }
        Self { shared, senders: set }
    }

    /// Lets this many more events be sent.
    pub(super) fn allow(&self, events: usize) {
        self.shared.quota.add_permits(events);
    }

    /// The host is somewhere else now.
    pub(super) fn moved(&self, host: &Host) {
        *lock(&self.shared.url) = host.url("");
    }

    /// How many were acknowledged so far.
    pub(super) fn count(&self) -> usize {
        lock(&self.shared.acknowledged).len()
    }

    /// Lets the senders send what they may, and gives the function of each event.
    pub(super) async fn finish(mut self) -> BTreeMap<String, &'static str> {
        // a sender without a permit ends when the quota is closed; the rest first
        while self.shared.quota.available_permits() > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        self.shared.quota.close();
        while let Some(ended) = self.senders.join_next().await {
            ended.expect("a sender does not panic");
        }
        lock(&self.shared.acknowledged).clone()
    }
}

/// What the n-th event of a sender is: its function, the path, and the body.
fn event(upstream: &str, id: &str, n: usize) -> (&'static str, &'static str, String) {
    let api = "/e/k";
    let sent = |function: &str, data: serde_json::Value| {
        json!({ "name": format!("test/{function}"), "id": id, "data": data }).to_string()
    };
    match n % 6 {
        0 => ("counter", api, sent("counter", json!({ "n": 5 }))),
        1 => ("fetcher", api, sent("fetcher", json!({ "url": format!("{upstream}/{id}") }))),
        2 => ("sleeper", api, sent("sleeper", json!({ "ms": 50 + n * 20 }))),
        3 => ("parallel", api, sent("parallel", json!({ "ms": 100 }))),
        4 => ("flaky", api, sent("flaky", json!({ "failures": 1 }))),
        _ => {
            let body = stripe::with_id("payment_intent.payment_failed", id);
            let text = String::from_utf8(body).expect("text");
            ("process-payment-failed", "/api/stripe/webhook", text)
        }
    }
}

async fn send_on(shared: Arc<Shared>, sender: usize) {
    let mut n = sender;
    while let Ok(permit) = shared.quota.acquire().await {
        permit.forget();
        let id = format!("evt-{sender}-{n}");
        let (function, path, body) = event(&shared.upstream, &id, n);
        loop {
            let url = lock(&shared.url).clone();
            let signature = stripe::header(stripe::SECRET, body.as_bytes());
            let request = shared.client.post(format!("{url}{path}")).header("stripe-signature", signature);
            match request.body(body.clone()).send().await {
                Ok(answer) if answer.status() == 200 => break,
                // going down, or a port that is somebody else's by now
                Ok(_) | Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
        lock(&shared.acknowledged).insert(id, function);
        n += 1;
    }
}
