//! The arguments that say how many runs there are, and when.

use crate::arguments::{event_name, option};
use crate::value::{Bounds, Call, SOME_TIME, Value};
use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

/// The host's limits.
const LIMITS: usize = 2;
const CANCEL_ON: usize = 5;
const BATCH: (u32, u32) = (2, 100);

const SECOND: u64 = 1_000;
const DAY: u64 = 86_400 * SECOND;
const TO_A_MINUTE: Bounds = Bounds(SECOND, 60 * SECOND, "from 1s to 60s");
const TO_A_DAY: Bounds = Bounds(SECOND, DAY, "from 1s to 24h");
const TO_A_YEAR: Bounds = Bounds(1, 366 * DAY, "of some length, and at most 366 days,");
const TO_A_WEEK: Bounds = Bounds(SECOND, 7 * DAY, "from 1s to 7d");

/// What was said, as the constants that say it to the SDK.
#[derive(Default)]
pub(crate) struct Flow {
    concurrency: Vec<TokenStream>,
    throttle: Option<TokenStream>,
    rate_limit: Option<TokenStream>,
    debounce: Option<TokenStream>,
    batch: Option<TokenStream>,
    priority: Option<String>,
    idempotency: Option<String>,
    cancel_on: Vec<TokenStream>,
    singleton: Option<TokenStream>,
    start_timeout: Option<u64>,
    finish_timeout: Option<u64>,
}

impl Flow {
    /// The names of these arguments, for those who mistype one.
    pub(crate) const NAMES: &str = "concurrency, throttle, rate_limit, debounce, batch, priority, idempotency, \
                                    cancel_on, singleton, start_timeout, finish_timeout";

    /// Whether the argument is one of these.
    pub(crate) fn take(&mut self, key: &Ident, value: &Value) -> syn::Result<bool> {
        match key.to_string().as_str() {
            "concurrency" => self.concurrency = concurrency(value)?,
            "throttle" => self.throttle = Some(throttle(value)?),
            "rate_limit" => self.rate_limit = Some(rate_limit(value)?),
            "debounce" => self.debounce = Some(debounce(value)?),
            "batch" => self.batch = Some(batch(value)?),
            "priority" => self.priority = Some(value.filled()?),
            "idempotency" => self.idempotency = Some(value.filled()?),
            "cancel_on" => self.cancel_on = cancel_on(value)?,
            "singleton" => self.singleton = Some(singleton(value)?),
            "start_timeout" => self.start_timeout = Some(value.within(SOME_TIME)?),
            "finish_timeout" => self.finish_timeout = Some(value.within(SOME_TIME)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether runs get all events of a batch.
    pub(crate) fn is_batched(&self) -> bool {
        self.batch.is_some()
    }

    /// Two of them that do not go together.
    pub(crate) fn conflict(&self) -> Option<(&'static str, &'static str)> {
        if self.idempotency.is_some() && self.rate_limit.is_some() {
            return Some(("idempotency", "rate_limit"));
        }
        let excluded = [
            ("debounce", self.debounce.is_some()),
            ("idempotency", self.idempotency.is_some()),
            ("rate_limit", self.rate_limit.is_some()),
            ("priority", self.priority.is_some()),
            ("cancel_on", !self.cancel_on.is_empty()),
            ("singleton", self.singleton.is_some()),
        ];
        excluded.iter().find(|(_, is_there)| *is_there && self.is_batched()).map(|(name, _)| ("batch", *name))
    }

    /// The constant that says all this to the SDK.
    pub(crate) fn constant(&self) -> TokenStream {
        let Self { concurrency, cancel_on, .. } = self;
        let (throttle, rate_limit) = (option(self.throttle.as_ref()), option(self.rate_limit.as_ref()));
        let (debounce, batch) = (option(self.debounce.as_ref()), option(self.batch.as_ref()));
        let (priority, idempotency) = (option(self.priority.as_ref()), option(self.idempotency.as_ref()));
        let singleton = option(self.singleton.as_ref());
        let (start, finish) = (option(self.start_timeout), option(self.finish_timeout));
        quote! {
            ::pawl::__private::Flow {
                concurrency: &[#(#concurrency),*],
                throttle: #throttle,
                rate_limit: #rate_limit,
                debounce: #debounce,
                batch: #batch,
                priority: #priority,
                idempotency: #idempotency,
                cancel_on: &[#(#cancel_on),*],
                singleton: #singleton,
                timeouts: ::pawl::__private::Timeouts { start: #start, finish: #finish },
            }
        }
    }
}

/// The call of this name; `form` is how it is written.
fn call<'v>(value: &'v Value, name: &str, form: &str) -> syn::Result<&'v Call> {
    match value {
        Value::Call(call) if call.name == name => Ok(call),
        _ => Err(value.error(format!("write it like `{form}`"))),
    }
}

fn concurrency(value: &Value) -> syn::Result<Vec<TokenStream>> {
    let limits = value.each().iter().map(concurrency_limit).collect::<syn::Result<Vec<_>>>()?;
    match &limits[..] {
        [] => Err(value.error("no limits are said by leaving `concurrency` out")),
        [(one, _), (other, _)] if one == other => {
            Err(value.error("the same scope and key twice: the smaller limit is enough"))
        }
        _ if limits.len() > LIMITS => Err(value.error(format!("at most {LIMITS} limits"))),
        _ => Ok(limits.into_iter().map(|(_, constant)| constant).collect()),
    }
}

/// What the limit counts, its scope and key, and its constant.
fn concurrency_limit(value: &Value) -> syn::Result<((String, Option<String>), TokenStream)> {
    const FORM: &str = "limit(1, key = \"event.data.user\", scope = account)";
    let (limit, key, scope) = match value {
        Value::Number(_) => (value.number(1, u32::MAX)?, None, None),
        _ => {
            let call = call(value, "limit", FORM)?;
            let [limit] = call.plain(&["key", "scope"], FORM)?;
            (limit.number(1, u32::MAX)?, call.text("key")?, call.word("scope")?)
        }
    };
    let name = scope.as_ref().map_or_else(|| "function".to_owned(), Ident::to_string);
    let word = match name.as_str() {
        "function" => quote!(Function),
        "app" => quote!(App),
        "account" => quote!(Account),
        _ => return Err(syn::Error::new_spanned(scope, "a scope is one of function, app, account")),
    };
    if key.is_none() && name != "function" {
        let why = "a limit of this scope says by a key what it counts: key = \"'the whole of it'\"";
        return Err(syn::Error::new_spanned(scope, why));
    }
    let of = option(key.as_ref());
    let constant = quote! {
        ::pawl::__private::Concurrency { limit: #limit, key: #of, scope: ::pawl::__private::Scope::#word }
    };
    Ok(((name, key), constant))
}

fn throttle(value: &Value) -> syn::Result<TokenStream> {
    const FORM: &str = "throttle = rate(10, \"1m\", burst = 2, key = \"event.data.user\")";
    let call = call(value, "rate", FORM)?;
    let [limit, period] = call.plain(&["burst", "key"], FORM)?;
    let (limit, period) = (limit.number(1, u32::MAX)?, period.within(TO_A_WEEK)?);
    let (burst, key) = (option(call.number("burst", 1, u32::MAX)?), option(call.text("key")?));
    Ok(quote!(::pawl::__private::Throttle { limit: #limit, period: #period, burst: #burst, key: #key }))
}

fn rate_limit(value: &Value) -> syn::Result<TokenStream> {
    const FORM: &str = "rate_limit = rate(10, \"1h\", key = \"event.data.user\")";
    let call = call(value, "rate", FORM)?;
    let [limit, period] = call.plain(&["key"], FORM)?;
    let (limit, period) = (limit.number(1, u32::MAX)?, period.within(TO_A_DAY)?);
    let key = option(call.text("key")?);
    Ok(quote!(::pawl::__private::RateLimit { limit: #limit, period: #period, key: #key }))
}

fn debounce(value: &Value) -> syn::Result<TokenStream> {
    const FORM: &str = "debounce = wait(\"5s\", key = \"event.data.user\", timeout = \"1m\")";
    let (period, timeout, key) = match value {
        Value::Text(_) => (value.within(TO_A_WEEK)?, None, None),
        _ => {
            let call = call(value, "wait", FORM)?;
            let [period] = call.plain(&["key", "timeout"], FORM)?;
            let period = period.within(TO_A_WEEK)?;
            let no_less = Bounds(period, u64::MAX, "no shorter than the period");
            (period, call.span("timeout", no_less)?, call.text("key")?)
        }
    };
    let (timeout, key) = (option(timeout), option(key));
    Ok(quote!(::pawl::__private::Debounce { period: #period, timeout: #timeout, key: #key }))
}

fn batch(value: &Value) -> syn::Result<TokenStream> {
    const FORM: &str = "batch = up_to(100, \"10s\", key = \"event.data.user\", if = \"event.data.n > 1\")";
    let call = call(value, "up_to", FORM)?;
    let [max_size, timeout] = call.plain(&["key", "if"], FORM)?;
    let (max_size, timeout) = (max_size.number(BATCH.0, BATCH.1)?, timeout.within(TO_A_MINUTE)?);
    let (key, filter) = (option(call.text("key")?), option(call.text("if")?));
    Ok(
        quote!(::pawl::__private::Batch { max_size: #max_size, timeout: #timeout, key: #key, filter: #filter }),
    )
}

fn cancel_on(value: &Value) -> syn::Result<Vec<TokenStream>> {
    let events = value.each().iter().map(cancel_event).collect::<syn::Result<Vec<_>>>()?;
    if events.len() > CANCEL_ON {
        return Err(value.error(format!("at most {CANCEL_ON} events")));
    }
    Ok(events)
}

fn cancel_event(value: &Value) -> syn::Result<TokenStream> {
    const FORM: &str =
        "event(\"shop/order.cancelled\", match = \"data.id\", if = \"async.data.sure\", timeout = \"1h\")";
    let (event, filter, timeout) = match value {
        Value::Text(_) => (event_name(value)?, None, None),
        _ => {
            let call = call(value, "event", FORM)?;
            let [name] = call.plain(&["match", "if", "timeout"], FORM)?;
            let same = call.text("match")?.map(|path| format!("event.{path} == async.{path}"));
            let filter = match (same, call.text("if")?) {
                (Some(same), Some(condition)) => Some(format!("({same}) && ({condition})")),
                (same, condition) => same.or(condition),
            };
            (event_name(name)?, filter, call.span("timeout", TO_A_YEAR)?)
        }
    };
    let (filter, timeout) = (option(filter), option(timeout));
    Ok(quote!(::pawl::__private::CancelOn { event: #event, filter: #filter, timeout: #timeout }))
}

fn singleton(value: &Value) -> syn::Result<TokenStream> {
    const FORM: &str = "singleton = skip(key = \"event.data.user\")";
    let (name, key) = match value {
        Value::Word(path) => (path.get_ident(), None),
        Value::Call(call) => {
            let [] = call.plain(&["key"], FORM)?;
            (Some(&call.name), call.text("key")?)
        }
        _ => (None, None),
    };
    let mode = match name.map(Ident::to_string).as_deref() {
        Some("skip") => quote!(Skip),
        Some("cancel") => quote!(Cancel),
        _ => return Err(value.error(format!("either `skip` or `cancel`: write it like `{FORM}`"))),
    };
    let key = option(key);
    Ok(quote!(::pawl::__private::Singleton { key: #key, mode: ::pawl::__private::SingletonMode::#mode }))
}
