//! What stands in the attribute's brackets, checked.

use crate::flow::Flow;
use crate::value::{Bounds, Pair, SOME_TIME, Value};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use std::collections::BTreeSet;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, Path, Token};

/// The host's limits, so that what it would refuse does not compile.
const ID_CHARS: usize = 128;
const RETRIES: u32 = 20;
const TRIGGERS: usize = 10;
const EVENT_CHARS: usize = 255;
const JITTER: Bounds = Bounds(1_000, 300_000, "from 1s to 5m");

/// What is behind the id of the function that takes another's failures.
const FAILURE: &str = "-failure";

/// What starts a function.
#[derive(PartialEq)]
enum Trigger {
    Event { name: String, filter: Option<String> },
    Cron { schedule: String, jitter: Option<u64> },
}

/// A function's attribute.
#[derive(Default)]
pub(crate) struct Arguments {
    id: String,
    name: Option<String>,
    app: Option<String>,
    triggers: Vec<Trigger>,
    retries: Option<u32>,
    flow: Flow,
    step_timeout: Option<u64>,
    hosts: Vec<String>,
    settings: Vec<String>,
    secrets: Vec<String>,
    on_failure: Option<Path>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let place = input.span();
        let pairs = Punctuated::<Pair, Token![,]>::parse_terminated(input)?;
        let mut arguments = Self::default();
        let mut seen = BTreeSet::new();
        for Pair { key, value } in pairs {
            if !seen.insert(key.to_string()) {
                return Err(syn::Error::new(key.span(), format!("`{key}` is given twice")));
            }
            arguments.take(&key, &value)?;
        }
        arguments.check(place)?;
        Ok(arguments)
    }
}

impl Arguments {
    fn take(&mut self, key: &Ident, value: &Value) -> syn::Result<()> {
        match key.to_string().as_str() {
            "id" => self.id = id(value)?,
            "name" => self.name = Some(value.filled()?),
            "app" => self.app = Some(id(value)?),
            "event" => self.add(value, event(value.text().map(|_| value)?)?)?,
            "cron" => self.add(value, cron(value)?)?,
            "events" => {
                value.texts()?;
                value.each().iter().try_for_each(|name| self.add(name, event(name)?))?;
            }
            "triggers" => value.each().iter().try_for_each(|one| self.add(one, trigger(one)?))?,
            "retries" => self.retries = Some(value.number(0, RETRIES)?),
            "step_timeout" => self.step_timeout = Some(value.within(SOME_TIME)?),
            "hosts" => self.hosts = value.texts()?,
            "settings" => self.settings = value.texts()?,
            "secrets" => self.secrets = value.texts()?,
            "on_failure" => self.on_failure = Some(value.path()?.clone()),
            _ if self.flow.take(key, value)? => {}
            _ => {
                let why = format!(
                    "`{key}` is no argument: there are id, event, events, cron, triggers, name, app, retries, {}, \
                     step_timeout, on_failure, hosts, settings, secrets",
                    Flow::NAMES
                );
                return Err(syn::Error::new(key.span(), why));
            }
        }
        Ok(())
    }

    fn add(&mut self, place: &Value, trigger: Trigger) -> syn::Result<()> {
        if self.triggers.contains(&trigger) {
            return Err(place.error("the same trigger twice"));
        }
        self.triggers.push(trigger);
        match self.triggers.len() {
            n if n > TRIGGERS => Err(place.error(format!("at most {TRIGGERS} triggers"))),
            _ => Ok(()),
        }
    }

    /// What the arguments are together.
    fn check(&self, place: Span) -> syn::Result<()> {
        let wrong = |why: String| Err(syn::Error::new(place, why));
        if self.id.is_empty() {
            return wrong("a Pawl function has an id: `id = \"ship-order\"`".to_owned());
        }
        if self.on_failure.is_some() && self.id.len() + FAILURE.len() > ID_CHARS {
            let most = ID_CHARS - FAILURE.len();
            return wrong(format!("an id has at most {most} characters where there is an `on_failure`"));
        }
        match self.flow.conflict() {
            Some((one, other)) => wrong(format!("`{one}` and `{other}` do not go together")),
            None => Ok(()),
        }
    }

    /// The function of the SDK that calls the author's.
    pub(crate) fn caller(&self) -> TokenStream {
        match self.flow.is_batched() {
            true => quote!(::pawl::__private::call_with_all),
            false => quote!(::pawl::__private::call),
        }
    }

    /// The function that takes failures, and the constant that describes it.
    pub(crate) fn failure(&self) -> Option<(&Path, TokenStream)> {
        let handler = self.on_failure.as_ref()?;
        let id = format!("{}{FAILURE}", self.id);
        let name = option(Some(format!("{} (failure)", self.name.as_ref().unwrap_or(&self.id))));
        let filter = format!("event.data.function_id == '{}'", self.id);
        let trigger = Trigger::Event { name: "inngest/function.failed".to_owned(), filter: Some(filter) };
        let (trigger, flow) = (trigger.constant(), Flow::default().constant());
        let retries = option(Some(1u32));
        Some((handler, self.constant(&id, &name, &[trigger], &retries, &flow)))
    }

    /// The constant that says all this to the SDK.
    pub(crate) fn definition(&self) -> TokenStream {
        let triggers: Vec<_> = self.triggers.iter().map(Trigger::constant).collect();
        let (name, retries) = (option(self.name.as_ref()), option(self.retries));
        self.constant(&self.id, &name, &triggers, &retries, &self.flow.constant())
    }

    fn constant(
        &self,
        id: &str,
        name: &TokenStream,
        triggers: &[TokenStream],
        retries: &TokenStream,
        flow: &TokenStream,
    ) -> TokenStream {
        let Self { hosts, settings, secrets, .. } = self;
        let (app, step_timeout) = (option(self.app.as_ref()), option(self.step_timeout));
        quote! {
            ::pawl::__private::Definition {
                id: #id,
                name: #name,
                app: #app,
                triggers: &[#(#triggers),*],
                retries: #retries,
                flow: #flow,
                step_timeout_millis: #step_timeout,
                hosts: &[#(#hosts),*],
                settings: &[#(#settings),*],
                secrets: &[#(#secrets),*],
            }
        }
    }
}

impl Trigger {
    fn constant(&self) -> TokenStream {
        match self {
            Self::Event { name, filter } => {
                let filter = option(filter.as_ref());
                quote!(::pawl::__private::Trigger::Event { name: #name, filter: #filter })
            }
            Self::Cron { schedule, jitter } => {
                let jitter = option(*jitter);
                quote!(::pawl::__private::Trigger::Cron { schedule: #schedule, jitter: #jitter })
            }
        }
    }
}

fn trigger(value: &Value) -> syn::Result<Trigger> {
    match value {
        Value::Text(_) => event(value),
        Value::Call(call) if call.name == "event" => event(value),
        Value::Call(call) if call.name == "cron" => cron(value),
        _ => Err(value.error("a trigger is `event(\"shop/order.placed\")` or `cron(\"0 9 * * *\")`")),
    }
}

fn event(value: &Value) -> syn::Result<Trigger> {
    let Value::Call(call) = value else {
        return Ok(Trigger::Event { name: event_name(value)?, filter: None });
    };
    let [name] = call.plain(&["if"], "event(\"shop/order.placed\", if = \"event.data.total > 5\")")?;
    Ok(Trigger::Event { name: event_name(name)?, filter: call.text("if")? })
}

fn cron(value: &Value) -> syn::Result<Trigger> {
    let Value::Call(call) = value else {
        return Ok(Trigger::Cron { schedule: value.filled()?, jitter: None });
    };
    let form = "cron(\"TZ=Europe/Paris 0 9 * * 1-5\", jitter = \"30s\")";
    if call.name != "cron" {
        return Err(value.error(format!("write it like `{form}`")));
    }
    let [schedule] = call.plain(&["jitter"], form)?;
    Ok(Trigger::Cron { schedule: schedule.filled()?, jitter: call.span("jitter", JITTER)? })
}

/// An event's name, or all that begin so.
pub(crate) fn event_name(value: &Value) -> syn::Result<String> {
    let name = value.filled()?;
    if name.trim_end_matches('*').contains('*') || name.ends_with("**") {
        return Err(value.error("a `*` may only stand at the end of an event's name"));
    }
    if name.chars().count() > EVENT_CHARS || name.chars().any(char::is_control) {
        return Err(value.error(format!("an event's name has at most {EVENT_CHARS} printable characters")));
    }
    Ok(name)
}

pub(crate) fn option(value: Option<impl quote::ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

fn id(value: &Value) -> syn::Result<String> {
    let id = value.filled()?;
    let is_lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.len() > ID_CHARS || !id.chars().all(is_lawful) {
        return Err(value.error(format!("an id has at most {ID_CHARS} letters, digits, `-`, `_` and `.`")));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> syn::Result<Arguments> {
        syn::parse_str(text)
    }

    #[test]
    fn all_arguments_are_read() {
        let a = parse(
            r#"id = "ship-order", events = ["shop/order.placed", "shop/order.paid.*"], name = "Ship", retries = 0,
               concurrency = 10, step_timeout = "2m", hosts = ["a", "{setting:B}"], settings = ["B"], secrets = ["C"],
               cron = "@daily", triggers = ["x", event("y", if = "event.data.n > 1"), cron("@every 1m", jitter = "5s")],
               app = "shop", on_failure = handlers::not_shipped,"#,
        )
        .expect("valid");
        assert_eq!((a.id.as_str(), a.name.as_deref(), a.triggers.len()), ("ship-order", Some("Ship"), 6));
        assert_eq!((a.retries, a.step_timeout, a.app.as_deref()), (Some(0), Some(120_000), Some("shop")));
        assert_eq!((a.hosts.len(), a.settings.len(), a.secrets.len()), (2, 1, 1));
        assert!(
            a.triggers[4] == Trigger::Event { name: "y".into(), filter: Some("event.data.n > 1".into()) }
        );
        assert!(a.triggers[5] == Trigger::Cron { schedule: "@every 1m".into(), jitter: Some(5_000) });
        assert!(a.failure().is_some_and(|(handler, _)| handler.segments.len() == 2));
    }

    #[test]
    fn every_way_to_control_flow_is_read() {
        for text in [
            "",
            "concurrency = limit(5)",
            r#"concurrency = [5, limit(1, key = "event.data.user", scope = account)]"#,
            r#"throttle = rate(10, "1m", burst = 2, key = "event.data.user")"#,
            r#"rate_limit = rate(10, "24h")"#,
            r#"debounce = "5s""#,
            r#"debounce = wait("5s", key = "event.data.user", timeout = "1m")"#,
            r#"batch = up_to(100, "60s", key = "event.data.user", if = "event.data.n > 1")"#,
            r#"priority = "event.data.p", idempotency = "event.data.id""#,
            r#"cancel_on = "shop/order.cancelled""#,
            r#"cancel_on = ["a", event("b", match = "data.id", if = "async.data.sure", timeout = "1h")]"#,
            "singleton = skip",
            r#"singleton = cancel(key = "event.data.user")"#,
            r#"start_timeout = "1m", finish_timeout = "1h""#,
        ] {
            let arguments = parse(&format!("id = \"a\", {text}"));
            assert!(arguments.is_ok(), "{text}: {:?}", arguments.err());
        }
    }

    #[test]
    fn what_the_host_would_refuse_does_not_compile() {
        let cases = [
            ("", "has an id"),
            (r#"id = "a b", event = "e""#, "letters, digits"),
            (r#"id = "a", event = """#, "an empty text"),
            (r#"id = "a", event = "e/*.x""#, "at the end"),
            (r#"id = "a", event = event("e")"#, "a text in quotes"),
            (r#"id = "a", events = ["e", "e"]"#, "the same trigger twice"),
            (r#"id = "a", cron = "@daily", triggers = cron("@daily")"#, "the same trigger twice"),
            (r#"id = "a", events = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]"#, "at most 10"),
            (r#"id = "a", triggers = [every("1m")]"#, "a trigger is"),
            (r#"id = "a", triggers = [event("e", when = "x")]"#, "`event` takes no `when`: write it like"),
            (r#"id = "a", triggers = [cron("@daily", jitter = "6m")]"#, "from 1s to 5m"),
            ("id = \"a\", event = \"a\\nb\"", "printable"),
            (r#"id = "a", event = "e", id = "b""#, "`id` is given twice"),
            (r#"id = "a", event = "e", retry = 3"#, "`retry` is no argument: there are id, event"),
            (r#"id = "a", event = "e", retries = 21"#, "from 0 to 20"),
            (r#"id = "a", event = "e", retries = "3""#, "a whole number"),
            (r#"id = "a", event = "e", step_timeout = "2 minutes""#, "is no duration"),
            (r#"id = "a", event = "e", step_timeout = "0s""#, "of some length"),
            (r#"id = "a", event = "e", hosts = "x""#, "a list of texts"),
            (r#"id = "a", app = "my shop""#, "letters, digits"),
            (r#"id = "a", on_failure = "handler""#, "without quotes"),
        ];
        for (text, why) in cases {
            let message = parse(text).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(message.contains(why), "{text}: {message}");
        }
        let id = "x".repeat(121);
        let long = parse(&format!("id = \"{id}\", on_failure = f")).err().map(|e| e.to_string());
        assert!(long.is_some_and(|why| why.contains("at most 120 characters")));
    }

    #[test]
    fn limits_that_the_host_would_refuse_do_not_compile() {
        let cases = [
            ("concurrency = 0", "from 1 on"),
            ("concurrency = []", "leaving `concurrency` out"),
            ("concurrency = [1, 2, 3]", "at most 2 limits"),
            ("concurrency = limit(5, scope = app)", "says by a key"),
            (r#"concurrency = limit(5, key = "k", scope = world)"#, "function, app, account"),
            ("concurrency = [5, 6]", "the same scope and key twice"),
            (r#"concurrency = limit(5, key = "")"#, "an empty text"),
            (r#"throttle = 5"#, "write it like `throttle = rate("),
            (r#"throttle = rate(0, "1m")"#, "from 1 on"),
            (r#"throttle = rate(1, "8d")"#, "from 1s to 7d"),
            (r#"throttle = rate(1)"#, "takes 2 of what has no name"),
            (r#"rate_limit = rate(1, "25h")"#, "from 1s to 24h"),
            (r#"rate_limit = rate(1, "1h", burst = 1)"#, "`rate` takes no `burst`"),
            (r#"debounce = "500ms""#, "from 1s to 7d"),
            (r#"debounce = wait("5s", timeout = "4s")"#, "no shorter than the period"),
            (r#"rate_limit = rate(1, "1h"), idempotency = "x""#, "`idempotency` and `rate_limit` do not"),
            (r#"batch = up_to(2, "5s"), idempotency = "x""#, "`batch` and `idempotency`"),
            (r#"batch = up_to(1, "5s")"#, "from 2 to 100"),
            (r#"batch = up_to(2, "61s")"#, "from 1s to 60s"),
            (r#"batch = up_to(2, "5s"), singleton = skip"#, "`batch` and `singleton` do not go together"),
            (r#"batch = up_to(2, "5s"), debounce = "5s""#, "`batch` and `debounce`"),
            (r#"batch = up_to(2, "5s"), cancel_on = "e""#, "`batch` and `cancel_on`"),
            (r#"priority = 5"#, "a text in quotes"),
            (r#"cancel_on = ["1", "2", "3", "4", "5", "6"]"#, "at most 5 events"),
            (r#"cancel_on = event("e", timeout = "0s")"#, "of some length"),
            (r#"singleton = first"#, "either `skip` or `cancel`"),
            (r#"finish_timeout = "0s""#, "of some length"),
        ];
        for (text, why) in cases {
            let message =
                parse(&format!("id = \"a\", {text}")).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(message.contains(why), "{text}: {message}");
        }
    }
}
