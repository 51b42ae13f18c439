//! `#[pawl::function]`.

mod arguments;
#[path = "../../src/span/text.rs"]
mod span;

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
/// | `event = "shop/order.placed"` | the event that starts it; `shop/*` takes all that begin so | one of these |
/// | `events = ["a", "b/*"]` | the same for several | |
/// | `name = "Ship an order"` | what people see | the id |
/// | `retries = 3` | tries after the first, for each step | 3 |
/// | `concurrency = 10` | how many runs may execute at once | no limit |
/// | `step_timeout = "2m"` | one try of a step | 5 minutes |
/// | `hosts = ["api.example.com"]` | where its steps wish to send requests: `name`, `name:port`, `name:*`, `{setting:NAME}` | none |
/// | `settings = ["SHOP_URL"]` | settings it wishes to read | none |
/// | `secrets = ["SHOP_TOKEN"]` | secrets it wishes to put into requests | none |
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
    let definition = arguments.definition();
    // A type may have the name of a function: that is how `plugin!` finds this one.
    quote! {
        #function

        #[doc(hidden)]
        #[allow(non_camel_case_types, reason = "it goes by the function's name")]
        #visibility enum #name {}

        impl ::pawl::__private::Function for #name {
            const DEFINITION: ::pawl::__private::Definition = #definition;

            fn handle(
                context: ::pawl::__private::Context,
            ) -> ::core::result::Result<::std::string::String, ::pawl::__private::Failure> {
                ::pawl::__private::call(context, #name)
            }
        }
    }
}
