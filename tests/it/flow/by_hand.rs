//! Descriptions that no SDK lets an author write, put into memory word by word.
//!
//! Its runs fail, since they give no JSON: what they are for is that they are made.

use pawl_tests::components::describing_by;
use std::fmt::Write;

/// Where the one function's description lies.
const CONFIG: u32 = 4_096;

/// Where texts and lists begin.
const FREE: u32 = 8_192;

/// Offsets in the WIT's `config`.
const TRIGGERS: u32 = 32;
const RETRIES: u32 = 40;
const FLOW: u32 = 48;

/// Offsets in the WIT's `flow`.
const THROTTLE: u32 = FLOW + 8;
const RATE_LIMIT: u32 = FLOW + 56;
const DEBOUNCE: u32 = FLOW + 96;
const BATCH: u32 = FLOW + 144;
const PRIORITY: u32 = FLOW + 192;
const IDEMPOTENCY: u32 = FLOW + 204;
const CANCEL_ON: u32 = FLOW + 216;
const SINGLETON: u32 = FLOW + 224;
const START: u32 = FLOW + 248;
const FINISH: u32 = FLOW + 264;

/// A function that describes itself so.
pub(super) struct Description {
    code: String,
    free: u32,
    triggers: Vec<[u32; 8]>,
    concurrency: Vec<[u32; 5]>,
    cancel_on: Vec<[u32; 10]>,
}

impl Description {
    /// With this id, without retries, and nothing else.
    pub(super) fn new(id: &str) -> Self {
        let mut this = Self {
            code: String::new(),
            free: FREE,
            triggers: Vec::new(),
            concurrency: Vec::new(),
            cancel_on: Vec::new(),
        };
        let id = this.text(id);
        this.words(CONFIG, &id);
        this.words(CONFIG + RETRIES, &[1, 0]);
        this
    }

    /// The plugin.
    pub(super) fn plugin(&self) -> Vec<u8> {
        let mut all = Self {
            code: self.code.clone(),
            free: self.free,
            triggers: Vec::new(),
            concurrency: Vec::new(),
            cancel_on: Vec::new(),
        };
        all.list(TRIGGERS, &self.triggers);
        all.list(FLOW, &self.concurrency);
        all.list(CANCEL_ON, &self.cancel_on);
        all.words(1_024, &[CONFIG, 1]);
        describing_by(&format!("{} (i32.const 1024)", all.code))
    }

    /// One more event that starts it.
    pub(super) fn event(&mut self, name: &str, filter: Option<&str>) -> &mut Self {
        let ([name, length], filter) = (self.text(name), self.option(filter));
        self.triggers.push([0, 0, name, length, filter[0], filter[1], filter[2], 0]);
        self
    }

    /// One more schedule.
    pub(super) fn cron(&mut self, schedule: &str, jitter_ms: Option<u32>) -> &mut Self {
        let [at, length] = self.text(schedule);
        let jitter = jitter_ms.unwrap_or(0);
        self.triggers.push([1, 0, at, length, u32::from(jitter_ms.is_some()), 0, jitter, 0]);
        self
    }

    /// One more limit; the scope is 0 for the function, 1 for the app, 2 for the account.
    pub(super) fn concurrency(&mut self, limit: u32, key: Option<&str>, scope: u32) -> &mut Self {
        let key = self.option(key);
        self.concurrency.push([limit, key[0], key[1], key[2], scope]);
        self
    }

    /// A throttle.
    pub(super) fn throttle(&mut self, limit: u32, period_ms: u32, key: Option<&str>) -> &mut Self {
        let key = self.option(key);
        self.put(THROTTLE, &[1, 0, limit, 0, period_ms, 0, 0, 0, key[0], key[1], key[2]])
    }

    /// A rate limit.
    pub(super) fn rate_limit(&mut self, limit: u32, period_ms: u32, key: Option<&str>) -> &mut Self {
        let key = self.option(key);
        self.put(RATE_LIMIT, &[1, 0, limit, 0, period_ms, 0, key[0], key[1], key[2]])
    }

    /// A debounce.
    pub(super) fn debounce(&mut self, period_ms: u32, timeout_ms: Option<u32>) -> &mut Self {
        let timeout = timeout_ms.unwrap_or(0);
        self.put(DEBOUNCE, &[1, 0, period_ms, 0, u32::from(timeout_ms.is_some()), 0, timeout, 0])
    }

    /// A batch.
    pub(super) fn batch(&mut self, max_size: u32, timeout_ms: u32, filter: Option<&str>) -> &mut Self {
        let filter = self.option(filter);
        self.put(BATCH, &[1, 0, max_size, 0, timeout_ms, 0, 0, 0, 0, filter[0], filter[1], filter[2]])
    }

    /// A priority.
    pub(super) fn priority(&mut self, expression: &str) -> &mut Self {
        let expression = self.option(Some(expression));
        self.put(PRIORITY, &expression)
    }

    /// Idempotency.
    pub(super) fn idempotency(&mut self, key: &str) -> &mut Self {
        let key = self.option(Some(key));
        self.put(IDEMPOTENCY, &key)
    }

    /// One more event that cancels its runs.
    pub(super) fn cancel_on(
        &mut self,
        event: &str,
        filter: Option<&str>,
        timeout_ms: Option<u32>,
    ) -> &mut Self {
        let ([event, length], filter) = (self.text(event), self.option(filter));
        let (is_bounded, timeout) = (u32::from(timeout_ms.is_some()), timeout_ms.unwrap_or(0));
        self.cancel_on.push([event, length, filter[0], filter[1], filter[2], 0, is_bounded, 0, timeout, 0]);
        self
    }

    /// A singleton that skips.
    pub(super) fn singleton(&mut self, key: &str) -> &mut Self {
        let key = self.option(Some(key));
        self.put(SINGLETON, &[1, key[0], key[1], key[2], 0])
    }

    /// Timeouts.
    pub(super) fn timeouts(&mut self, start_ms: Option<u32>, finish_ms: Option<u32>) -> &mut Self {
        let option = |ms: Option<u32>| [u32::from(ms.is_some()), 0, ms.unwrap_or(0), 0];
        self.put(START, &option(start_ms)).put(FINISH, &option(finish_ms))
    }

    fn put(&mut self, offset: u32, words: &[u32]) -> &mut Self {
        self.words(CONFIG + offset, words);
        self
    }

    fn list<const N: usize>(&mut self, offset: u32, items: &[[u32; N]]) {
        let (at, words) = (self.free, items.as_flattened());
        self.free += size((words.len() * 4).next_multiple_of(8));
        self.words(at, words);
        self.words(CONFIG + offset, &[at, size(items.len())]);
    }

    /// Where a text lies, and how long it is.
    fn text(&mut self, text: &str) -> [u32; 2] {
        let at = self.free;
        let word = |bytes: &[u8]| {
            let mut word = [0; 4];
            word[..bytes.len()].copy_from_slice(bytes);
            u32::from_le_bytes(word)
        };
        let words: Vec<_> = text.as_bytes().chunks(4).map(word).collect();
        self.words(at, &words);
        // lists of numbers of eight bytes may follow
        self.free += size(text.len().next_multiple_of(8));
        [at, size(text.len())]
    }

    fn option(&mut self, text: Option<&str>) -> [u32; 3] {
        let [at, length] = text.map_or([0, 0], |text| self.text(text));
        [u32::from(text.is_some()), at, length]
    }

    fn words(&mut self, at: u32, words: &[u32]) {
        for (n, word) in (0..).zip(words) {
            let at = at + 4 * n;
            write!(self.code, "(i32.store (i32.const {at}) (i32.const {word}))").expect("a string grows");
        }
    }
}

fn size(n: usize) -> u32 {
    u32::try_from(n).expect("short")
}
