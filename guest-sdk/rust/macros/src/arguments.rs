//! What stands in the attribute's brackets, checked.

use crate::span;
use proc_macro2::TokenStream;
use quote::quote;
use std::collections::BTreeSet;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprArray, ExprLit, Ident, Lit, LitStr, Token};

/// The host's limits, so that what it would refuse does not compile.
const ID_CHARS: usize = 128;
const RETRIES: u32 = 20;
const TRIGGERS: usize = 10;

/// A function's attribute.
#[derive(Default)]
pub(crate) struct Arguments {
    id: String,
    name: Option<String>,
    events: Vec<String>,
    retries: Option<u32>,
    concurrency: Option<u32>,
    step_timeout: Option<u64>,
    hosts: Vec<String>,
    settings: Vec<String>,
    secrets: Vec<String>,
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
        if arguments.id.is_empty() {
            return Err(syn::Error::new(place, "a Pawl function has an id: `id = \"ship-order\"`"));
        }
        if arguments.events.is_empty() {
            let why = "a Pawl function is started by an event: `event = \"shop/order.placed\"`";
            return Err(syn::Error::new(place, why));
        }
        Ok(arguments)
    }
}

struct Pair {
    key: Ident,
    value: Expr,
}

impl Parse for Pair {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = input.parse()?;
        input.parse::<Token![=]>()?;
        Ok(Self { key, value: input.parse()? })
    }
}

impl Arguments {
    fn take(&mut self, key: &Ident, value: &Expr) -> syn::Result<()> {
        match key.to_string().as_str() {
            "id" => self.id = id(&text(value)?)?,
            "name" => self.name = Some(filled(&text(value)?)?),
            "event" => self.add_events(value, &[text(value)?])?,
            "events" => self.add_events(value, &texts(value)?)?,
            "retries" => self.retries = Some(number(value, 0, RETRIES)?),
            "concurrency" => self.concurrency = Some(number(value, 1, u32::MAX)?),
            "step_timeout" => self.step_timeout = Some(timeout(&text(value)?)?),
            "hosts" => self.hosts = list(value)?,
            "settings" => self.settings = list(value)?,
            "secrets" => self.secrets = list(value)?,
            _ => {
                let why = format!(
                    "`{key}` is no argument: there are id, event, events, name, retries, concurrency, \
                     step_timeout, hosts, settings, secrets"
                );
                return Err(syn::Error::new(key.span(), why));
            }
        }
        Ok(())
    }

    fn add_events(&mut self, place: &Expr, names: &[LitStr]) -> syn::Result<()> {
        for name in names {
            let event = filled(name)?;
            if event.trim_end_matches('*').contains('*') || event.ends_with("**") {
                return Err(syn::Error::new(
                    name.span(),
                    "a `*` may only stand at the end of an event's name",
                ));
            }
            if self.events.contains(&event) {
                return Err(syn::Error::new(name.span(), "the same event twice"));
            }
            self.events.push(event);
        }
        if self.events.len() > TRIGGERS {
            return Err(syn::Error::new_spanned(place, format!("at most {TRIGGERS} events")));
        }
        Ok(())
    }

    /// The constant that says all this to the SDK.
    pub(crate) fn definition(&self) -> TokenStream {
        let Self { id, events, hosts, settings, secrets, .. } = self;
        let name = option(self.name.as_ref());
        let retries = option(self.retries);
        let concurrency = option(self.concurrency);
        let step_timeout = option(self.step_timeout);
        quote! {
            ::pawl::__private::Definition {
                id: #id,
                name: #name,
                events: &[#(#events),*],
                retries: #retries,
                concurrency: #concurrency,
                step_timeout_millis: #step_timeout,
                hosts: &[#(#hosts),*],
                settings: &[#(#settings),*],
                secrets: &[#(#secrets),*],
            }
        }
    }
}

fn option(value: Option<impl quote::ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

fn text(value: &Expr) -> syn::Result<LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.clone()),
        _ => Err(syn::Error::new_spanned(value, "a text in quotes is wanted here")),
    }
}

fn texts(value: &Expr) -> syn::Result<Vec<LitStr>> {
    match value {
        Expr::Array(ExprArray { elems, .. }) => elems.iter().map(text).collect(),
        _ => Err(syn::Error::new_spanned(value, "a list of texts is wanted here: [\"a\", \"b\"]")),
    }
}

fn list(value: &Expr) -> syn::Result<Vec<String>> {
    texts(value)?.iter().map(filled).collect()
}

fn filled(text: &LitStr) -> syn::Result<String> {
    match text.value() {
        value if value.trim().is_empty() => {
            Err(syn::Error::new(text.span(), "an empty text means nothing here"))
        }
        value => Ok(value),
    }
}

fn id(text: &LitStr) -> syn::Result<String> {
    let value = filled(text)?;
    let is_lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if value.len() > ID_CHARS || !value.chars().all(is_lawful) {
        let why = format!("an id has at most {ID_CHARS} letters, digits, `-`, `_` and `.`");
        return Err(syn::Error::new(text.span(), why));
    }
    Ok(value)
}

fn number(value: &Expr, least: u32, most: u32) -> syn::Result<u32> {
    let Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) = value else {
        return Err(syn::Error::new_spanned(value, "a whole number is wanted here"));
    };
    match number.base10_parse::<u32>() {
        Ok(n) if (least..=most).contains(&n) => Ok(n),
        _ => Err(syn::Error::new_spanned(value, format!("a number from {least} to {most} is wanted here"))),
    }
}

fn timeout(text: &LitStr) -> syn::Result<u64> {
    match span::parse(&text.value()) {
        Ok(0) => Err(syn::Error::new(text.span(), "no step can end in no time")),
        Ok(millis) => Ok(millis),
        Err(why) => Err(syn::Error::new(text.span(), why)),
    }
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
               concurrency = 10, step_timeout = "2m", hosts = ["a", "{setting:B}"], settings = ["B"], secrets = ["C"],"#,
        )
        .expect("valid");
        assert_eq!((a.id.as_str(), a.name.as_deref(), a.events.len()), ("ship-order", Some("Ship"), 2));
        assert_eq!((a.retries, a.concurrency, a.step_timeout), (Some(0), Some(10), Some(120_000)));
        assert_eq!((a.hosts.len(), a.settings.len(), a.secrets.len()), (2, 1, 1));
    }

    #[test]
    fn what_the_host_would_refuse_does_not_compile() {
        let cases = [
            ("", "has an id"),
            (r#"id = "a""#, "started by an event"),
            (r#"id = "a b", event = "e""#, "letters, digits"),
            (r#"id = "a", event = """#, "an empty text"),
            (r#"id = "a", event = "e/*.x""#, "at the end"),
            (r#"id = "a", events = ["e", "e"]"#, "the same event twice"),
            (r#"id = "a", event = "e", id = "b""#, "`id` is given twice"),
            (r#"id = "a", event = "e", retry = 3"#, "`retry` is no argument: there are id, event"),
            (r#"id = "a", event = "e", retries = 21"#, "from 0 to 20"),
            (r#"id = "a", event = "e", retries = "3""#, "a whole number"),
            (r#"id = "a", event = "e", concurrency = 0"#, "from 1 to"),
            (r#"id = "a", event = "e", step_timeout = "2 minutes""#, "is no duration"),
            (r#"id = "a", event = "e", step_timeout = "0s""#, "no step can end in no time"),
            (r#"id = "a", event = "e", hosts = "x""#, "a list of texts"),
        ];
        for (text, why) in cases {
            let message = parse(text).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(message.contains(why), "{text}: {message}");
        }
    }
}
