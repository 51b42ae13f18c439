//! From the attribute's words to what the host calls.

use crate::bindings::exports::pawl::workflow::functions as wit;
use crate::bindings::pawl::workflow::types::Failure;
use crate::event::Input;
use crate::flow::{Flow, Trigger};
use crate::{Error, Event, Events, Failed, Result, Step};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What `#[pawl::function]` makes of a function, and `plugin!` puts together.
pub trait Function {
    /// The function, and beside it the one that takes its failures, if it has one.
    const ENTRIES: &'static [Entry];
}

/// A function's description; the fields are those of the attribute.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "see the attribute's documentation")]
pub struct Definition {
    pub id: &'static str,
    pub name: Option<&'static str>,
    pub app: Option<&'static str>,
    pub triggers: &'static [Trigger],
    pub retries: Option<u32>,
    pub flow: Flow,
    pub step_timeout_millis: Option<u64>,
    pub hosts: &'static [&'static str],
    pub settings: &'static [&'static str],
    pub secrets: &'static [&'static str],
}

impl Definition {
    /// The same in the host's terms.
    pub fn describe(&self) -> wit::Config {
        let list = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<String>>();
        wit::Config {
            id: self.id.to_owned(),
            name: self.name.map(str::to_owned),
            app: self.app.map(str::to_owned),
            triggers: self.triggers.iter().map(Trigger::describe).collect(),
            retries: self.retries,
            flow: self.flow.describe(),
            step_timeout: self.step_timeout_millis,
            capabilities: wit::Capabilities {
                hosts: list(self.hosts),
                settings: list(self.settings),
                secrets: list(self.secrets),
            },
        }
    }
}

/// A function of a plugin, without its type.
pub type Entry = (Definition, fn(wit::Context) -> std::result::Result<String, Failure>);

/// Calls the function that the host means.
pub fn dispatch(functions: &[&[Entry]], context: wit::Context) -> std::result::Result<String, Failure> {
    crate::log::log_panics();
    let mut entries = functions.iter().copied().flatten();
    match entries.find(|(definition, _)| definition.id == context.function_id) {
        Some((_, handle)) => handle(context),
        None => {
            let why = format!("this plugin has no function `{}`", context.function_id);
            Err(Error::no_retry(why).with_name("NoSuchFunction").into_failure())
        }
    }
}

/// Calls the author's function with what started the run.
pub fn call<I, R>(
    context: wit::Context,
    function: impl FnOnce(I, Step) -> Result<R>,
) -> std::result::Result<String, Failure>
where
    I: Input,
    R: Serialize,
{
    let step = Step::new(&context);
    let output = I::read_all(context.events).and_then(|input| function(input, step)).and_then(|output| {
        let no_json = |e| Error::no_retry(format!("the function's output cannot be JSON: {e}"));
        serde_json::to_string(&output).map_err(|e| no_json(e).with_name("InvalidOutput"))
    });
    output.map_err(Error::into_failure)
}

/// The same for a function with `batch`: one that took a single event would lose the rest.
pub fn call_with_all<T, R>(
    context: wit::Context,
    function: impl FnOnce(Events<T>, Step) -> Result<R>,
) -> std::result::Result<String, Failure>
where
    T: DeserializeOwned,
    R: Serialize,
{
    call(context, function)
}

/// The same for a function's `on_failure`.
pub fn call_failed<T, R>(
    context: wit::Context,
    function: impl FnOnce(Event<Failed<T>>, Step) -> Result<R>,
) -> std::result::Result<String, Failure>
where
    T: DeserializeOwned,
    R: Serialize,
{
    call(context, function)
}

/// Makes a plugin of one or more functions, `pawl::plugin!(ship_order, cancel_order)`:
/// what the host loads. Once in a crate, outside of any function.
#[macro_export]
macro_rules! plugin {
    ($($function:ty),+ $(,)?) => {
        #[doc(hidden)]
        pub struct PawlPlugin;

        impl PawlPlugin {
            #[doc(hidden)]
            pub const FUNCTIONS: &'static [&'static [$crate::__private::Entry]] =
                &[$(<$function as $crate::__private::Function>::ENTRIES),+];
        }

        // Elsewhere there is no host to export to, and tests run.
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::__private::bindings::exports::pawl::workflow::functions as wit;

            impl wit::Guest for PawlPlugin {
                fn describe() -> ::std::vec::Vec<wit::Config> {
                    let entries = PawlPlugin::FUNCTIONS.iter().copied().flatten();
                    entries.map(|(definition, _)| definition.describe()).collect()
                }

                fn handle(
                    context: wit::Context,
                ) -> ::core::result::Result<::std::string::String, $crate::__private::Failure> {
                    $crate::__private::dispatch(PawlPlugin::FUNCTIONS, context)
                }
            }

            $crate::__private::bindings::export_plugin!(PawlPlugin with_types_in $crate::__private::bindings);
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[crate::function(
        id = "all-of-it",
        name = "All of it",
        app = "shop",
        triggers = [event("a/b", if = "event.data.n > 1"), cron("TZ=Europe/Paris 0 9 * * 1-5", jitter = "30s")],
        concurrency = [limit(5), limit(1, key = "event.data.user", scope = account)],
        cancel_on = event("a/gone", match = "data.id", timeout = "1h"),
        hosts = ["a"],
        on_failure = handlers::gone
    )]
    fn all_of_it(event: Event<u8>, _: Step) -> Result<u8> {
        Ok(event.data)
    }

    mod handlers {
        use super::*;

        pub(super) fn gone(event: Event<Failed>, _: Step) -> Result<String> {
            Ok(event.data.error.message)
        }
    }

    #[crate::function(id = "sum", event = "a/n", batch = up_to(10, "5s", key = "event.data.k"))]
    fn sum(events: Events<u64>, _: Step) -> Result<u64> {
        Ok(events.iter().map(|event| event.data).sum())
    }

    #[crate::function(id = "called")]
    fn called(_: Event<Value>, _: Step) -> Result<()> {
        Ok(())
    }

    #[expect(unreachable_pub, reason = "it is public where a crate calls it at its root")]
    mod plugin {
        use super::{all_of_it, called, sum};
        crate::plugin!(all_of_it, sum, called);
    }
    use plugin::PawlPlugin;

    fn run(id: &str, data: &[&str]) -> std::result::Result<String, String> {
        let event = |data: &&str| wit::Event {
            id: "e".into(),
            name: "a/b".into(),
            data: (*data).into(),
            user: None,
            timestamp: 0,
            version: None,
        };
        let (function_id, run_id, events) = (id.into(), "r".into(), data.iter().map(event).collect());
        let context = wit::Context { function_id, run_id, attempt: 0, events, now: 0 };
        PawlPlugin::FUNCTIONS
            .iter()
            .copied()
            .flatten()
            .find(|(definition, _)| definition.id == id)
            .map_or(Err("no such function".to_owned()), |(_, handle)| handle(context).map_err(|e| e.name))
    }

    fn config(id: &str) -> wit::Config {
        let mut all = PawlPlugin::FUNCTIONS.iter().copied().flatten();
        all.find(|(definition, _)| definition.id == id).expect("a function").0.describe()
    }

    #[test]
    fn the_attribute_comes_to_what_the_host_reads() {
        let config = config("all-of-it");
        assert_eq!((config.name.as_deref(), config.app.as_deref()), (Some("All of it"), Some("shop")));
        let [wit::Trigger::Event(event), wit::Trigger::Cron(cron)] = &config.triggers[..] else {
            panic!("two triggers")
        };
        assert_eq!((event.name.as_str(), event.filter.as_deref()), ("a/b", Some("event.data.n > 1")));
        assert_eq!((cron.schedule.as_str(), cron.jitter), ("TZ=Europe/Paris 0 9 * * 1-5", Some(30_000)));
        let [own, shared] = &config.flow.concurrency[..] else { panic!("two limits") };
        assert_eq!((own.limit, own.key.as_deref(), own.scope), (5, None, wit::Scope::Function));
        assert_eq!((shared.limit, shared.scope), (1, wit::Scope::Account));
        let [cancel] = &config.flow.cancel_on[..] else { panic!("one") };
        assert_eq!(cancel.filter.as_deref(), Some("event.data.id == async.data.id"));
        assert_eq!(cancel.timeout, Some(3_600_000));
    }

    #[test]
    fn a_failures_handler_is_a_function_beside_its_own() {
        let config = config("all-of-it-failure");
        assert_eq!((config.retries, config.app.as_deref()), (Some(1), Some("shop")));
        assert_eq!(config.name.as_deref(), Some("All of it (failure)"));
        assert_eq!(config.capabilities.hosts, ["a"]);
        assert!(config.flow.concurrency.is_empty());
        let [wit::Trigger::Event(event)] = &config.triggers[..] else { panic!("an event") };
        assert_eq!(event.name, "inngest/function.failed");
        assert_eq!(event.filter.as_deref(), Some("event.data.function_id == 'all-of-it'"));
        let own = r#"{"id":"e","name":"a/b","data":{},"user":null,"ts":5,"v":null}"#;
        let data = format!(
            r#"{{"function_id":"all-of-it","run_id":"r","event":{own},"events":[{own}],"error":{{"name":"E","message":"m"}}}}"#
        );
        assert_eq!(run("all-of-it-failure", &[&data]).as_deref(), Ok(r#""m""#));
    }

    #[test]
    fn a_function_gets_what_it_takes() {
        assert_eq!(run("all-of-it", &["7"]).as_deref(), Ok("7"));
        assert_eq!(run("sum", &["1", "2", "3"]).as_deref(), Ok("6"));
        assert_eq!(run("sum", &["1", "x"]), Err("InvalidEventData".into()));
        assert_eq!(run("called", &["{}"]).as_deref(), Ok("null"));
        assert!(config("called").triggers.is_empty());
        let batch = config("sum").flow.batch.expect("a batch");
        assert_eq!((batch.max_size, batch.timeout, batch.key.as_deref()), (10, 5_000, Some("event.data.k")));
    }
}
