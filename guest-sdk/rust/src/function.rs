//! From the attribute's words to what the host calls.

use crate::bindings::exports::pawl::workflow::functions as wit;
use crate::bindings::pawl::workflow::types::Failure;
use crate::{Error, Event, Result, Step};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What `#[pawl::function]` makes of a function, and `plugin!` puts together.
pub trait Function {
    /// What the attribute says.
    const DEFINITION: Definition;

    /// One pass of a run.
    fn handle(context: wit::Context) -> std::result::Result<String, Failure>;
}

/// A function's description; the fields are those of the attribute.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "see the attribute's documentation")]
pub struct Definition {
    pub id: &'static str,
    pub name: Option<&'static str>,
    pub events: &'static [&'static str],
    pub retries: Option<u32>,
    pub concurrency: Option<u32>,
    pub step_timeout_millis: Option<u64>,
    pub hosts: &'static [&'static str],
    pub settings: &'static [&'static str],
    pub secrets: &'static [&'static str],
}

impl Definition {
    /// The same in the host's terms.
    pub fn describe(&self) -> wit::Config {
        let list = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<String>>();
        let trigger =
            |name: &&str| wit::Trigger::Event(wit::EventTrigger { name: (*name).to_owned(), filter: None });
        wit::Config {
            id: self.id.to_owned(),
            name: self.name.map(str::to_owned),
            triggers: self.events.iter().map(trigger).collect(),
            retries: self.retries,
            concurrency: self
                .concurrency
                .map(|limit| wit::Concurrency { limit, key: None })
                .into_iter()
                .collect(),
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
pub fn dispatch(entries: &[Entry], context: wit::Context) -> std::result::Result<String, Failure> {
    crate::log::log_panics();
    match entries.iter().find(|(definition, _)| definition.id == context.function_id) {
        Some((_, handle)) => handle(context),
        None => {
            let why = format!("this plugin has no function `{}`", context.function_id);
            Err(Error::no_retry(why).with_name("NoSuchFunction").into_failure())
        }
    }
}

/// Calls the author's function with the event that started the run.
pub fn call<T, R>(
    mut context: wit::Context,
    function: impl FnOnce(Event<T>, Step) -> Result<R>,
) -> std::result::Result<String, Failure>
where
    T: DeserializeOwned,
    R: Serialize,
{
    let step = Step::new(&context);
    let event = match context.events.is_empty() {
        true => Err(Error::no_retry("the run has no event")),
        false => Event::read(context.events.remove(0)),
    };
    let output = event.and_then(|event| function(event, step)).and_then(|output| {
        let no_json = |e| Error::no_retry(format!("the function's output cannot be JSON: {e}"));
        serde_json::to_string(&output).map_err(|e| no_json(e).with_name("InvalidOutput"))
    });
    output.map_err(Error::into_failure)
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
            pub const FUNCTIONS: &'static [$crate::__private::Entry] = &[$((
                <$function as $crate::__private::Function>::DEFINITION,
                <$function as $crate::__private::Function>::handle,
            )),+];
        }

        // Elsewhere there is no host to export to, and tests run.
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::__private::bindings::exports::pawl::workflow::functions as wit;

            impl wit::Guest for PawlPlugin {
                fn describe() -> ::std::vec::Vec<wit::Config> {
                    PawlPlugin::FUNCTIONS.iter().map(|(definition, _)| definition.describe()).collect()
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
