//! Functions in `cargo test`, without a host and without waiting.
//!
//! ```
//! # extern crate pawl_sdk as pawl;
//! use pawl::{Event, On, Result, Step, Value, json};
//!
//! #[pawl::function(id = "ship-order", event = "shop/order.placed")]
//! fn ship_order(event: Event, step: Step) -> Result<String> {
//!     let charge: Value = step.run("charge", || {
//!         pawl::http::post("https://api.example.com/charges").json(&event.data).send()?.json()
//!     })?;
//!     step.sleep("cool off", "1d")?;
//!     match step.wait_for_event::<Value>("approval", On::event("shop/order.approved").timeout("7d"))? {
//!         Some(approval) => Ok(format!("{} by {}", charge["id"], approval.data["by"])),
//!         None => Ok("nobody approved".to_owned()),
//!     }
//! }
//!
//! // in a `#[test]`
//! let run = pawl::test::run(ship_order)
//!     .event("shop/order.placed", json!({ "order": "o1" }))
//!     .step("charge", json!({ "id": 7 }))
//!     .event_for("approval", json!({ "by": "ann" }))
//!     .go();
//! assert_eq!(run.output::<String>().unwrap(), r#"7 by "ann""#);
//! assert_eq!(run.slept(), std::time::Duration::from_secs(86_400));
//! ```
//!
//! Code of steps is run, unless the test says what a step gives. Time is virtual: sleeps, waits
//! and the time between two tries pass at once. As a host does, the function is called again
//! from its start after each wait and each failed try, and finished steps answer from what they
//! gave. A function that then comes to other steps than before panics with a sentence that says
//! which; so does one that asks for something that the test says nothing about.
//!
//! A function is left in the middle, while it waits, by a panic without a message: it must not
//! hold `std::panic::catch_unwind` around its steps. A panic of its own is the test's. Not
//! simulated are time limits of steps, limits of runs, and conditions of triggers and waits.

mod ask;
mod http;
mod mock;
mod outside;
mod play;
mod report;
pub(crate) mod stage;
mod tries;
mod wishes;
mod world;

pub use http::{Answer, Request};
pub use mock::IntoFailure;
pub use report::{Kind, Line, Run, StepRun};

use crate::event::Input;
use crate::function::call;
use crate::{Event, Result, Step, Timestamp};
use mock::{Mock, text};
use serde::Serialize;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use world::Function;

/// When a run under test is started, unless [`Test::at`] says otherwise: 2026-01-01.
const STARTED: Timestamp = Timestamp::from_secs(1_767_225_600);

/// A run of a function to be; see [the module](self). Takes a `#[pawl::function]`, whose
/// attribute then holds (retries, hosts, settings), or any other function or closure of the
/// same form, such as the one of `on_failure`.
pub fn run<F, I, R>(function: F) -> Test
where
    F: Fn(I, Step) -> Result<R> + 'static,
    I: Input + 'static,
    R: Serialize + 'static,
{
    Test {
        function: Box::new(move |context| call(context, &function)),
        events: Vec::new(),
        mocks: BTreeMap::new(),
        functions: BTreeMap::new(),
        http: None,
        settings: BTreeMap::new(),
        keys: BTreeMap::new(),
        started: STARTED,
    }
}

/// What a run is to meet; made by [`run`].
#[must_use = "nothing runs before `go`"]
pub struct Test {
    function: Function,
    events: Vec<Event>,
    mocks: BTreeMap<String, Mock>,
    functions: BTreeMap<String, Rc<Test>>,
    http: Option<Rc<http::Answerer>>,
    settings: BTreeMap<String, String>,
    keys: BTreeMap<String, Vec<u8>>,
    started: Timestamp,
}

impl Test {
    /// The event that starts the run. Called several times: a batch, in that order. Without any
    /// the function is started as if it were invoked, with `{}`.
    ///
    /// # Panics
    ///
    /// When the data cannot be JSON, as all that take a value here.
    #[track_caller]
    pub fn event(self, name: &str, data: impl Serialize) -> Self {
        let id = format!("event-{}", self.events.len() + 1);
        let (data, timestamp) = (mock::value(&data), self.started);
        self.whole_event(Event { id, name: name.to_owned(), data, user: None, timestamp, version: None })
    }

    /// The same with the whole event spelled out.
    pub fn whole_event(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }

    /// When the run is started: what [`Step::now`] gives. Before any [`Test::event`], as it is
    /// their time too.
    pub fn at(mut self, started: Timestamp) -> Self {
        self.started = started;
        self
    }

    /// The step gives this; its code is not run. For `run`, `invoke` and `send_event` steps. An
    /// id that repeats is meant with all its repeats; `id:1` is the first repeat alone.
    #[track_caller]
    pub fn step(mut self, id: &str, output: impl Serialize) -> Self {
        self.mock(id).gives(text(&output));
        self
    }

    /// The same by code, which gets the number of the try, from 0. Its error is another try's
    /// chance, as that of the step's own code would be.
    pub fn step_with<T: Serialize>(
        mut self,
        id: &str,
        mut code: impl FnMut(u32) -> Result<T> + 'static,
    ) -> Self {
        self.mock(id).does(move |number| code(number).map(|output| text(&output)));
        self
    }

    /// Every try of the step fails with this: a text, or an [`Error`](crate::Error) that says
    /// more, as whether it is tried again.
    #[track_caller]
    pub fn fails(self, id: &str, error: impl IntoFailure) -> Self {
        self.fails_first(id, u32::MAX, error)
    }

    /// The first so many tries of the step fail with this. Those after it run its code, or give
    /// what the test says otherwise.
    #[track_caller]
    pub fn fails_first(mut self, id: &str, tries: u32, error: impl IntoFailure) -> Self {
        self.mock(id).fails(tries, error.into_failure());
        self
    }

    /// An event with this data comes in as soon as the step waits for it. A wait that no event
    /// is given for comes to its timeout.
    #[track_caller]
    pub fn event_for(mut self, id: &str, data: impl Serialize) -> Self {
        self.mock(id).hears(mock::value(&data));
        self
    }

    /// What steps call by `invoke` under this id: `.function("label", pawl::test::run(label))`.
    /// Its event is the call's; its steps are its own, and so is all else that its test says.
    pub fn function(mut self, id: &str, test: Self) -> Self {
        self.functions.insert(id.to_owned(), Rc::new(test));
        self
    }

    /// Answers the requests of steps, those by [`Step::fetch`](crate::Step::fetch) included. One
    /// to a host that the function's attribute does not name is refused before.
    pub fn http<A: Into<Answer>>(mut self, mut answer: impl FnMut(&Request) -> A + 'static) -> Self {
        self.http = Some(Rc::new(RefCell::new(move |request: &Request| answer(request).into())));
        self
    }

    /// A setting's value. One that is not given is not set.
    pub fn setting(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    /// What the key-value bucket holds at first under this key, as
    /// [`Bucket::set_json`](crate::kv::Bucket::set_json) keeps it.
    #[track_caller]
    pub fn key(mut self, key: &str, value: impl Serialize) -> Self {
        self.keys.insert(key.to_owned(), text(&value).into_bytes());
        self
    }

    /// Runs the function to its end.
    ///
    /// # Panics
    ///
    /// When the function does, when it comes to other steps than in an earlier pass, and when it
    /// asks for something that the test says nothing about.
    pub fn go(self) -> Run {
        let events = self.events.clone();
        let started = self.started.as_millis();
        play::play(&Rc::new(self), events, started)
    }

    fn mock(&mut self, id: &str) -> &mut Mock {
        self.mocks.entry(id.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests;
