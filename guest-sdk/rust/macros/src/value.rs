//! What can stand behind a `=`: texts, numbers, lists, words, and words with brackets.

use crate::span;
use proc_macro2::Span;
use std::collections::BTreeMap;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, LitInt, LitStr, Path, Token, bracketed, parenthesized, token};

/// One value.
pub(crate) enum Value {
    Text(LitStr),
    Number(LitInt),
    List(Vec<Value>, Span),
    /// `skip`, or a function's path
    Word(Path),
    /// `rate(10, "1m", burst = 2)`
    Call(Call),
}

/// A word with brackets.
pub(crate) struct Call {
    pub(crate) name: Ident,
    plain: Vec<Value>,
    named: BTreeMap<String, (Ident, Value)>,
}

/// `key = value`; a key may be one of Rust's own words: `if`, `match`.
pub(crate) struct Pair {
    pub(crate) key: Ident,
    pub(crate) value: Value,
}

impl Parse for Pair {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>()?;
        Ok(Self { key, value: input.parse()? })
    }
}

impl Parse for Value {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(LitStr) {
            return input.parse().map(Self::Text);
        }
        if input.peek(LitInt) {
            return input.parse().map(Self::Number);
        }
        if input.peek(token::Bracket) {
            let (span, inside);
            span = input.span();
            bracketed!(inside in input);
            let values = Punctuated::<Value, Token![,]>::parse_terminated(&inside)?;
            return Ok(Self::List(values.into_iter().collect(), span));
        }
        let Ok(path) = input.call(Path::parse_mod_style) else {
            return Err(input.error("a text in quotes, a whole number, a list or a name is wanted here"));
        };
        match path.get_ident() {
            Some(name) if input.peek(token::Paren) => Call::parse(name.clone(), input).map(Self::Call),
            _ => Ok(Self::Word(path)),
        }
    }
}

impl Call {
    fn parse(name: Ident, input: ParseStream<'_>) -> syn::Result<Self> {
        let inside;
        parenthesized!(inside in input);
        let mut call = Self { name, plain: Vec::new(), named: BTreeMap::new() };
        while !inside.is_empty() {
            if inside.peek(Ident::peek_any) && inside.peek2(Token![=]) {
                let Pair { key, value } = inside.parse()?;
                if call.named.contains_key(&key.to_string()) {
                    return Err(syn::Error::new(key.span(), format!("`{key}` is given twice")));
                }
                call.named.insert(key.to_string(), (key, value));
            } else {
                call.plain.push(inside.parse()?);
            }
            if !inside.is_empty() {
                inside.parse::<Token![,]>()?;
            }
        }
        Ok(call)
    }

    /// The values without a name, if there are so many and no names but these; `form`
    /// is how it is written.
    pub(crate) fn plain<const N: usize>(&self, names: &[&str], form: &str) -> syn::Result<[&Value; N]> {
        let wrong = |span, why: &str| syn::Error::new(span, format!("{why}: write it like `{form}`"));
        if let Some((key, _)) =
            self.named.values().find(|(key, _)| !names.contains(&key.to_string().as_str()))
        {
            return Err(wrong(key.span(), &format!("`{}` takes no `{key}`", self.name)));
        }
        let plain = self.plain.iter().collect::<Vec<_>>();
        let why = format!("`{}` takes {N} of what has no name", self.name);
        plain.try_into().map_err(|_| wrong(self.name.span(), &why))
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.named.get(name).map(|(_, value)| value)
    }

    /// A named text.
    pub(crate) fn text(&self, name: &str) -> syn::Result<Option<String>> {
        self.get(name).map(Value::filled).transpose()
    }

    /// A named number.
    pub(crate) fn number(&self, name: &str, least: u32, most: u32) -> syn::Result<Option<u32>> {
        self.get(name).map(|value| value.number(least, most)).transpose()
    }

    /// A named duration.
    pub(crate) fn span(&self, name: &str, bounds: Bounds) -> syn::Result<Option<u64>> {
        self.get(name).map(|value| value.within(bounds)).transpose()
    }

    /// A named word.
    pub(crate) fn word(&self, name: &str) -> syn::Result<Option<Ident>> {
        let ident = |value: &Value| match value {
            Value::Word(path) if path.get_ident().is_some() => Ok(path.get_ident().cloned()),
            _ => Err(value.error("a word without quotes is wanted here")),
        };
        Ok(self.get(name).map(ident).transpose()?.flatten())
    }
}

/// How long a duration may be: from, to, and in words.
#[derive(Clone, Copy)]
pub(crate) struct Bounds(pub(crate) u64, pub(crate) u64, pub(crate) &'static str);

/// Any time that is some time.
pub(crate) const SOME_TIME: Bounds = Bounds(1, u64::MAX, "of some length");

impl Value {
    fn place(&self) -> Span {
        match self {
            Self::Text(text) => text.span(),
            Self::Number(number) => number.span(),
            Self::List(_, span) => *span,
            Self::Word(path) => path.segments.first().map_or_else(Span::call_site, |s| s.ident.span()),
            Self::Call(call) => call.name.span(),
        }
    }

    /// An error that points here.
    pub(crate) fn error(&self, why: impl std::fmt::Display) -> syn::Error {
        syn::Error::new(self.place(), why)
    }

    pub(crate) fn text(&self) -> syn::Result<&LitStr> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(self.error("a text in quotes is wanted here")),
        }
    }

    /// A text that says something.
    pub(crate) fn filled(&self) -> syn::Result<String> {
        match self.text()?.value() {
            value if value.trim().is_empty() => Err(self.error("an empty text means nothing here")),
            value => Ok(value),
        }
    }

    pub(crate) fn texts(&self) -> syn::Result<Vec<String>> {
        match self {
            Self::List(values, _) => values.iter().map(Self::filled).collect(),
            _ => Err(self.error("a list of texts is wanted here: [\"a\", \"b\"]")),
        }
    }

    /// The values of a list, or the one that stands for itself.
    pub(crate) fn each(&self) -> &[Self] {
        match self {
            Self::List(values, _) => values,
            one => std::slice::from_ref(one),
        }
    }

    pub(crate) fn number(&self, least: u32, most: u32) -> syn::Result<u32> {
        let Self::Number(number) = self else { return Err(self.error("a whole number is wanted here")) };
        match number.base10_parse::<u32>() {
            Ok(n) if (least..=most).contains(&n) => Ok(n),
            _ if most == u32::MAX => Err(self.error(format!("a number from {least} on is wanted here"))),
            _ => Err(self.error(format!("a number from {least} to {most} is wanted here"))),
        }
    }

    /// A duration.
    pub(crate) fn within(&self, Bounds(least, most, words): Bounds) -> syn::Result<u64> {
        match span::parse(&self.text()?.value()) {
            Ok(millis) if (least..=most).contains(&millis) => Ok(millis),
            Ok(_) => Err(self.error(format!("a duration {words} is wanted here"))),
            Err(why) => Err(self.error(why)),
        }
    }

    /// A function's path.
    pub(crate) fn path(&self) -> syn::Result<&Path> {
        match self {
            Self::Word(path) => Ok(path),
            _ => Err(self.error("a function's name without quotes is wanted here")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        syn::parse_str(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn every_kind_of_value_is_read() {
        assert!(value("\"a\"").filled().is_ok_and(|text| text == "a"));
        assert!(value("7").number(1, 9).is_ok_and(|n| n == 7));
        assert!(value("[\"a\", \"b\",]").texts().is_ok_and(|texts| texts == ["a", "b"]));
        assert!(value("handlers::gone").path().is_ok_and(|path| path.segments.len() == 2));
        let Value::Call(call) = value(r#"event("a", if = "x", match = "y", scope = app, n = 3, t = "1s",)"#)
        else {
            panic!("a call")
        };
        let [name] = call.plain(&["if", "match", "scope", "n", "t"], "event(..)").expect("one");
        assert!(name.filled().is_ok_and(|name| name == "a"));
        assert!(call.text("if").is_ok_and(|text| text.as_deref() == Some("x")));
        assert!(call.word("scope").is_ok_and(|word| word.is_some_and(|word| word == "app")));
        assert!(call.number("n", 0, 5).is_ok_and(|n| n == Some(3)));
        assert!(call.span("t", SOME_TIME).is_ok_and(|millis| millis == Some(1_000)));
        assert!(call.text("key").is_ok_and(|text| text.is_none()));
    }

    #[test]
    fn what_is_no_value_is_refused_with_what_is_wanted() {
        let refusal = |text: &str| syn::parse_str::<Value>(text).err().map(|e| e.to_string());
        for text in ["", "+", "1.5", "{}"] {
            assert!(refusal(text).is_some_and(|why| why.contains("is wanted here")), "{text}");
        }
        assert!(refusal("rate(a = 1, a = 2)").is_some_and(|why| why == "`a` is given twice"));
        let Value::Call(call) = value("rate(1, x = 2)") else { panic!("a call") };
        let unknown = call.plain::<1>(&["key"], "rate(1)").err().map(|e| e.to_string());
        assert_eq!(unknown.as_deref(), Some("`rate` takes no `x`: write it like `rate(1)`"));
        let few = call.plain::<2>(&["x"], "rate(1, 2)").err().map(|e| e.to_string());
        assert_eq!(few.as_deref(), Some("`rate` takes 2 of what has no name: write it like `rate(1, 2)`"));
    }
}
