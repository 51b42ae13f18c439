//! A webhook becomes an event as its operator says: templates of the event's parts.
//!
//! Compiled when the host starts, and rendered within bounds: what is in a webhook decides
//! how long a template's loops are.

use super::Rejected;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, context};
use pawl_engine::limits;
use serde_json::Value;
use std::io;

/// What one rendering may cost: about one for each instruction.
const FUEL: u64 = 200_000;

/// Bytes of a rendered name, id or answer to `skip`; the event's own limits are narrower.
const SHORT_BYTES: usize = 4 << 10;

/// Templates of an event's parts, as they are written.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// Its name.
    pub name: Option<String>,
    /// Its data: gives a JSON object, and writes values as JSON.
    pub data: Option<String>,
    /// Its sender's id.
    pub id: Option<String>,
    /// `true` when there is to be no event.
    pub skip: Option<String>,
}

/// The same, ready to be used.
#[derive(Debug, Clone)]
pub struct Templates {
    all: Environment<'static>,
}

/// What templates say of a webhook; what they do not say is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mapped {
    /// There is to be no event.
    pub is_skipped: bool,
    /// The event's name.
    pub name: Option<String>,
    /// Its data: a JSON text.
    pub data: Option<String>,
    /// Its sender's id; empty for an event that has none.
    pub id: Option<String>,
}

/// The template that writes values as JSON.
const DATA: &str = "data";

impl Templates {
    /// Compiles them, or says what is wrong with each.
    pub fn compile(written: Written) -> Result<Self, Vec<String>> {
        let mut all = Environment::empty();
        all.set_undefined_behavior(UndefinedBehavior::Strict);
        all.set_fuel(Some(FUEL));
        // what a sender wrote stays one JSON value, whatever is in it
        all.set_auto_escape_callback(|name| match name {
            DATA => AutoEscape::Json,
            _ => AutoEscape::None,
        });
        builtins(&mut all);
        let mut wrong = Vec::new();
        let parts =
            [("name", written.name), (DATA, written.data), ("id", written.id), ("skip", written.skip)];
        for (name, text) in parts {
            let Some(text) = text else { continue };
            if let Err(e) = all.add_template_owned(name, text) {
                let what = e.detail().map_or_else(|| e.kind().to_string(), str::to_owned);
                wrong.push(format!("{name}{}: {what}", line(&e)));
            }
        }
        if wrong.is_empty() { Ok(Self { all }) } else { Err(wrong) }
    }

    /// What they make of a webhook.
    pub fn map(&self, webhook: &str, body: &Value, headers: &Value) -> Result<Mapped, Rejected> {
        let values = context! { webhook => webhook, body => body, headers => headers };
        let render = |name, limit| self.render(name, &values, limit);
        if render("skip", SHORT_BYTES)?.is_some_and(|text| text.trim().eq_ignore_ascii_case("true")) {
            return Ok(Mapped { is_skipped: true, ..Mapped::default() });
        }
        let trimmed = |text: Option<String>| text.map(|text| text.trim().to_owned());
        Ok(Mapped {
            is_skipped: false,
            name: trimmed(render("name", SHORT_BYTES)?),
            data: trimmed(render(DATA, limits::EVENT_BYTES)?),
            id: trimmed(render("id", SHORT_BYTES)?),
        })
    }

    fn render(
        &self,
        name: &str,
        values: &minijinja::Value,
        limit: usize,
    ) -> Result<Option<String>, Rejected> {
        let Ok(template) = self.all.get_template(name) else { return Ok(None) };
        let mut out = Bounded { bytes: Vec::new(), limit };
        // the kind alone: a detail may repeat what is in the webhook
        template
            .render_captured_to(values, &mut out)
            .map_err(|e| Rejected::Mapping(format!("{name}{}: {}", line(&e), e.kind())))?;
        let not_text = |_| Rejected::Mapping(format!("{name}: it gives no text"));
        String::from_utf8(out.bytes).map(Some).map_err(not_text)
    }
}

/// What templates may call: values to values. What makes long texts of two short ones has a
/// bound of its own, since both may be the sender's.
fn builtins(all: &mut Environment<'static>) {
    use minijinja::{filters, tests};
    all.add_filter("default", filters::default);
    all.add_filter("d", filters::default);
    all.add_filter("lower", filters::lower);
    all.add_filter("upper", filters::upper);
    all.add_filter("trim", filters::trim);
    all.add_filter("replace", replace);
    all.add_filter("split", filters::split);
    all.add_filter("join", join);
    all.add_filter("first", filters::first);
    all.add_filter("last", filters::last);
    all.add_filter("length", filters::length);
    all.add_filter("round", filters::round);
    all.add_filter("int", filters::int);
    all.add_filter("float", filters::float);
    all.add_filter("string", filters::string);
    all.add_filter("items", filters::items);
    all.add_filter("map", filters::map);
    all.add_filter("select", filters::select);
    all.add_filter("selectattr", filters::selectattr);
    all.add_filter("tojson", filters::tojson);
    all.add_filter("safe", filters::safe);
    all.add_test("defined", tests::is_defined);
    all.add_test("undefined", tests::is_undefined);
    all.add_test("none", tests::is_none);
    all.add_test("string", tests::is_string);
    all.add_test("number", tests::is_number);
    all.add_test("startingwith", tests::is_startingwith);
    all.add_test("endingwith", tests::is_endingwith);
    all.add_test("eq", tests::is_eq);
    all.add_test("ne", tests::is_ne);
}

fn replace(text: String, from: String, to: String) -> Result<String, Error> {
    let grown = text.matches(&*from).count().saturating_mul(to.len()).saturating_add(text.len());
    if grown > limits::EVENT_BYTES {
        return Err(too_long());
    }
    Ok(text.replace(&*from, &to))
}

fn join(all: minijinja::Value, between: Option<String>) -> Result<String, Error> {
    let (mut joined, between) = (String::new(), between.unwrap_or_default());
    for (n, one) in all.try_iter()?.enumerate() {
        if n > 0 {
            joined.push_str(&between);
        }
        joined.push_str(&one.to_string());
        if joined.len() > limits::EVENT_BYTES {
            return Err(too_long());
        }
    }
    Ok(joined)
}

fn too_long() -> Error {
    Error::new(ErrorKind::InvalidOperation, "a text is longer than an event may be")
}

fn line(e: &Error) -> String {
    e.line().map_or_else(String::new, |n| format!(", line {n}"))
}

/// Takes so many bytes and no more.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(bytes.len()) > self.limit {
            return Err(io::Error::other("it gives more than an event may hold"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn written(name: &str, data: &str) -> Written {
        Written { name: Some(name.into()), data: Some(data.into()), ..Written::default() }
    }

    fn map(written: Written, body: &Value) -> Result<Mapped, Rejected> {
        let templates = Templates::compile(written).expect("compiles");
        templates.map("shop", body, &json!({ "x-topic": "orders" }))
    }

    #[test]
    fn values_are_written_as_json_into_data_and_as_text_elsewhere() {
        let body = json!({ "id": 7, "who": "a \"b\" </x>", "list": [1, { "n": null }] });
        let data = r#"{"id": {{ body.id }}, "who": {{ body.who }}, "list": {{ body.list }}}"#;
        let mapped = map(written("{{ webhook }}/{{ headers['x-topic'] }}", data), &body).expect("maps");
        assert_eq!(mapped.name.as_deref(), Some("shop/orders"));
        let data: Value = serde_json::from_str(&mapped.data.expect("data")).expect("JSON");
        assert_eq!(data, body);
        assert_eq!(mapped.id, None);
    }

    #[test]
    fn the_word_true_skips() {
        let skip = |text: &str| Written { skip: Some(text.into()), ..Written::default() };
        let is_skipped = |text, body: Value| map(skip(text), &body).expect("maps").is_skipped;
        assert!(is_skipped("{{ body.type != 'order' }}", json!({ "type": "x" })));
        assert!(!is_skipped("{{ body.type != 'order' }}", json!({ "type": "order" })));
        assert!(is_skipped(" {% if body.test is defined %}true{% endif %}\n", json!({ "test": 1 })));
        assert!(!is_skipped("{% if body.test is defined %}true{% endif %}", json!({})));
    }

    #[test]
    fn what_is_not_there_is_said_with_its_place_and_nothing_of_the_webhook() {
        let body = json!({ "secret": "hunter2" });
        let e = map(written("a", "{\n\"x\": {{ body.missing.deeper }} }"), &body).expect_err("refused");
        assert_eq!(e.code(), "mapping_failed");
        let said = e.to_string();
        assert!(said.contains("data, line 2") && said.contains("undefined value"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn no_loop_and_no_text_goes_beyond_its_bound() {
        let body = json!({ "list": vec![1; 10_000], "text": "x".repeat(5_000) });
        let inner = "{% for a in body.list %}{% for b in body.list %}{{ b }}{% endfor %}{% endfor %}";
        let e = map(written("a", inner), &body).expect_err("refused").to_string();
        assert!(e.contains("fuel"), "{e}");
        assert!(map(written("{{ body.text }}", "{}"), &body).is_err());
        for long in
            ["body.text | replace('x', body.text)", "body.list | join(body.text)", "body.text * 99999999"]
        {
            let e = map(written("a", &format!("{{{{ {long} }}}}")), &body).expect_err("refused");
            assert_eq!(e.code(), "mapping_failed", "{long}");
        }
        let data = "[{{ body.list | join('-') }}, {{ 'a.b' | replace('.', '/') }}]";
        let mapped = map(written("a", data), &json!({ "list": [1, "x"] })).expect("maps");
        assert_eq!(mapped.data.as_deref(), Some(r#"["1-x", "a/b"]"#));
    }

    #[test]
    fn a_template_that_does_not_compile_says_its_line() {
        let wrong = Written { id: Some("{{".into()), ..written("ok", "{\n  {{ body. }}\n}") };
        let wrong = Templates::compile(wrong).expect_err("wrong");
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].starts_with("data, line 2: ") && wrong[1].starts_with("id"), "{wrong:?}");
    }

    proptest! {
        #[test]
        fn no_text_makes_a_mapping_panic(text in any::<String>(), key in "[a-z]{0,3}") {
            let body = json!({ "a": text, key: [text.clone()] });
            let data = r#"{"a": {{ body.a }}, "all": {{ body }}}"#;
            let mapped = map(written("{{ body.a | lower }}", data), &body);
            if let Ok(Mapped { data: Some(data), .. }) = mapped {
                prop_assert!(serde_json::from_str::<Value>(&data).is_ok(), "{}", data);
            }
        }
    }
}
