//! `#[pawl::function]`.

mod arguments;
mod flow;
#[path = "../../src/span/text.rs"]
mod span;
mod value;

use arguments::Arguments;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{ItemFn, ReturnType, parse_macro_input};

/// Makes a Pawl function of a Rust function.
///
/// The function takes the event and the run, `(event: Event<T>, step: Step)`, and gives
/// a `Result` of anything that can be JSON. `pawl::plugin!` puts it into the component.
///
/// | argument | says | default |
/// |---|---|---|
/// | `id = "ship-order"` | the function's id: letters, digits, `-`, `_`, `.` | required |
/// | `event = "shop/order.placed"` | the event that starts it; `shop/*` takes all that begin so | none: it can only be invoked |
/// | `events = ["a", "b/*"]` | the same for several | |
/// | `cron = "0 9 * * 1-5"` | when it starts: five fields, `@daily`, `@every 30m`; `TZ=Europe/Paris ` may stand before | |
/// | `triggers = [event("a", if = "event.data.n > 1"), cron("@daily", jitter = "30s")]` | any of these, with all that can be said | |
/// | `name = "Ship an order"` | what people see | the id |
/// | `app = "shop"` | whose limits of scope `app` it shares | the component's first function |
/// | `retries = 3` | tries after the first, for each step | 3 |
/// | `step_timeout = "2m"` | one try of a step | 5 minutes |
/// | `on_failure = not_shipped` | a Rust function `(event: Event<Failed>, step: Step)` that is started when a run has failed for good: it becomes a function of its own, `<id>-failure` | none |
/// | `hosts = ["api.example.com"]` | where its steps wish to send requests: `name`, `name:port`, `name:*`, `{setting:NAME}` | none |
/// | `settings = ["SHOP_URL"]` | settings it wishes to read | none |
/// | `secrets = ["SHOP_TOKEN"]` | secrets it wishes to put into requests | none |
///
/// How many runs there are, and when. Keys and conditions are [CEL](https://cel.dev) over
/// `event`; each value of a key has a limit of its own.
///
/// | argument | says |
/// |---|---|
/// | `concurrency = 10` | how many runs may execute at once |
/// | `concurrency = [limit(10), limit(1, key = "event.data.user", scope = account)]` | up to two such limits; a scope is `function`, `app` or `account` |
/// | `throttle = rate(10, "1m", burst = 2, key = "event.data.user")` | how many may start in a period (1s to 7d); the others wait |
/// | `rate_limit = rate(10, "1h", key = "event.data.user")` | how many there may be in a period (1s to 24h); further events make none |
/// | `debounce = "5s"`, `debounce = wait("5s", key = "event.data.user", timeout = "1m")` | one run for events that follow each other that closely (1s to 7d), with the last one, at most `timeout` after the first |
/// | `batch = up_to(100, "10s", key = "event.data.user", if = "event.data.small")` | one run for so many events (2 to 100), at most so long after the first (1s to 60s): the function takes `Events<T>` |
/// | `priority = "event.data.paid ? 60 : 0"` | so many seconds ahead in the queue, -600 to 600 |
/// | `idempotency = "event.data.id"` | events with a value that was seen in the last 24 hours make no run |
/// | `cancel_on = "a"`, `cancel_on = [event("a", match = "data.id", if = "async.data.sure", timeout = "1h")]` | up to five events that cancel the run; `async` is the new event, and `match` says what it has in common with the first |
/// | `singleton = skip(key = "event.data.user")`, `singleton = cancel` | while a run is not over, another event makes none, or cancels it |
/// | `start_timeout = "1m"`, `finish_timeout = "1h"` | cancelled when it has not started that soon, or ended that long after |
///
/// `batch` goes together with `concurrency`, `throttle` and the timeouts alone, and
/// `idempotency` not with `rate_limit`, as it is one. What the host would refuse does not compile; conditions and schedules it reads
/// itself, when it loads the component.
#[proc_macro_attribute]
pub fn function(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let arguments = parse_macro_input!(arguments as Arguments);
    let function = parse_macro_input!(item as ItemFn);
    match check(&function) {
        Ok(()) => expand(&arguments, &function).into(),
        Err(e) => {
            let e = e.to_compile_error();
            // the function stays, so that its absence is not reported as well
            quote!(#function #e).into()
        }
    }
}

/// What cannot be a Pawl function is refused where it is written.
fn check(function: &ItemFn) -> syn::Result<()> {
    let signature = &function.sig;
    if let Some(token) = &signature.asyncness {
        return Err(syn::Error::new_spanned(token, "a Pawl function is not async: its steps block"));
    }
    if !signature.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(&signature.generics, "a Pawl function is not generic"));
    }
    if signature.inputs.len() != 2 {
        let why = "a Pawl function takes two arguments: `event: Event<T>, step: Step`";
        return Err(syn::Error::new_spanned(&signature.inputs, why));
    }
    if matches!(signature.output, ReturnType::Default) {
        return Err(syn::Error::new_spanned(&signature.ident, "a Pawl function returns a `pawl::Result<T>`"));
    }
    Ok(())
}

fn expand(arguments: &Arguments, function: &ItemFn) -> TokenStream {
    let (name, visibility) = (&function.sig.ident, &function.vis);
    let announced = announced(function);
    let (definition, caller) = (arguments.definition(), arguments.caller());
    let failure = arguments.failure().map(|(handler, definition)| {
        quote! {
            , (#definition, {
                fn failure(
                    context: ::pawl::__private::Context,
                ) -> ::core::result::Result<::std::string::String, ::pawl::__private::Failure> {
                    ::pawl::__private::call_failed(context, #handler)
                }
                failure
            })
        }
    });
    // A type may have the name of a function: that is how `plugin!` finds this one.
    quote! {
        #announced

        #[doc(hidden)]
        #[allow(non_camel_case_types, reason = "it goes by the function's name")]
        #visibility enum #name {}

        impl ::pawl::__private::Function for #name {
            const ENTRIES: &'static [::pawl::__private::Entry] = &[(#definition, {
                fn handle(
                    context: ::pawl::__private::Context,
                ) -> ::core::result::Result<::std::string::String, ::pawl::__private::Failure> {
                    #caller(context, #name)
                }
                handle
            }) #failure];
        }
    }
}

/// The author's function, which tells `pawl::test` of its attribute when it is called in a test:
/// a function that is given by its name cannot be asked for it.
fn announced(function: &ItemFn) -> ItemFn {
    let name = &function.sig.ident;
    let mut function = function.clone();
    let told: syn::Stmt = syn::parse_quote! {
        #[cfg(not(target_arch = "wasm32"))]
        ::pawl::__private::entered(&<#name as ::pawl::__private::Function>::ENTRIES[0].0);
    };
    function.block.stmts.insert(0, told);
    function
}
