//! `step.ai.infer`: a request to a model that this host makes for an app, and what becomes of
//! the answer.

use super::reply::retry_after;
use pawl_engine::replay::{Fetch, Infer, RunOptions};
use pawl_engine::{Failure, Payload, Retry, Timestamp, limits};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// From how many bytes on a key is taken out of answers. Shorter ones are what servers of one's
/// own are given for want of a key (`ollama`), and may be words of an answer.
const KEY_BYTES: usize = 16;

/// Characters of an answer that says what is wrong in no form that is known.
const SHOWN_CHARS: usize = 300;

/// The request that an `AIGateway` is: its key by the header that the model's `format` wants, and
/// nowhere else. `Err` says what is missing.
pub fn request(opts: &Value) -> Result<Fetch, &'static str> {
    let text = |name: &str| opts.get(name).and_then(Value::as_str);
    let format = text("format").unwrap_or_default();
    let url = text("url").ok_or("no url")?;
    let body = opts.get("body").filter(|body| body.is_object()).ok_or("no body")?;
    let key = text("auth_key").unwrap_or_default().trim();
    let is_secret = key.len() >= KEY_BYTES;
    let place = if is_secret { format!("{{secret:{}}}", Infer::SECRET) } else { key.to_owned() };
    let own = opts.get("headers").and_then(Value::as_object).into_iter().flatten();
    let mut headers: Vec<_> = own
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?)))
        // some SDKs write the key here, too
        .map(|(name, value)| (name, if is_secret { value.replace(key, &place) } else { value.to_owned() }))
        .collect();
    let wanted = [("content-type", "application/json".to_owned())]
        .into_iter()
        .chain(auth(format, &place).filter(|_| !key.is_empty()))
        .chain((format == "anthropic").then(|| ("anthropic-version", "2023-06-01".to_owned())));
    for (name, value) in wanted {
        // what the app says itself holds
        if !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
            headers.push((name.to_owned(), value));
        }
    }
    Ok(Fetch {
        method: "POST".into(),
        url: if format == "gemini" { without_key(url) } else { url.to_owned() },
        headers,
        body: Some(body.to_string()),
        options: RunOptions::default(),
        infer: Some(Infer { key: if is_secret { key.to_owned() } else { String::new() } }),
    })
}

/// The header that holds the key.
fn auth(format: &str, key: &str) -> impl Iterator<Item = (&'static str, String)> {
    std::iter::once(match format {
        "anthropic" => ("x-api-key", key.to_owned()),
        "gemini" => ("x-goog-api-key", key.to_owned()),
        "azure-openai" => ("api-key", key.to_owned()),
        // it is a whole signature
        "bedrock" => ("authorization", key.to_owned()),
        _ => ("authorization", format!("Bearer {key}")),
    })
}

/// SDKs write Gemini's key into its URL, which people see and a journal keeps.
fn without_key(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return url.to_owned() };
    let kept: Vec<(String, String)> =
        url.query_pairs().into_owned().filter(|(name, _)| name != "key").collect();
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    url.into()
}

/// What the step gives, by what the host's request gave: the answer's body, or how the model
/// refused. What another try cannot change is not tried again.
pub fn result(answer: &Payload, now: Timestamp) -> Result<Payload, Failure> {
    #[derive(Deserialize)]
    struct Answer {
        status_code: u16,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        #[serde(default)]
        body: String,
    }
    let odd = |why: String| Failure::new("BadAnswer", format!("the model's answer {why}")).for_good();
    let answer: Answer =
        serde_json::from_str(answer.as_str()).map_err(|e| odd(format!("cannot be read: {e}")))?;
    let status = answer.status_code;
    if (200..300).contains(&status) {
        return Payload::parse(answer.body, limits::OUTPUT_BYTES)
            .map_err(|e| odd(format!("is {e}; a streamed answer (`stream`) is none that a step can keep")));
    }
    let said = message(&answer.body);
    let mut failure = Failure::new("ModelError", format!("the model answered {status}: {said}"));
    failure.data = Some(Payload::from_value(&json!({"status": status})));
    let is_passing = matches!(status, 408 | 409 | 429) || status >= 500;
    let after = answer.headers.get("retry-after").and_then(|text| retry_after(text.trim(), now));
    failure.retry = match after {
        _ if !is_passing => Retry::Never,
        Some(span) => Retry::After(span),
        None => Retry::ByPolicy,
    };
    Err(failure.bounded())
}

/// What vendors say is wrong: `{"error":{"message"}}`, `{"error":"…"}`, `{"message"}`, also as the
/// first of a list; else how the answer begins.
fn message(body: &str) -> String {
    let value: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let value = value.get(0).unwrap_or(&value);
    let error = value.get("error").unwrap_or(value);
    let said = error.get("message").and_then(Value::as_str).or_else(|| error.as_str());
    let said = said.unwrap_or(body).trim();
    match said.char_indices().nth(SHOWN_CHARS) {
        _ if said.is_empty() => "it said nothing".into(),
        Some((at, _)) => format!("{}…", &said[..at]),
        None => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pawl_engine::Span;
    use proptest::prelude::*;

    const KEY: &str = "sk-0123456789abcdef";

    fn asked(format: &str, url: &str, key: &str, headers: Value) -> Fetch {
        let opts = json!({"type": "step.ai.infer", "url": url, "auth_key": key, "format": format,
            "headers": headers, "body": {"model": "m", "n": 1}});
        request(&opts).expect("a request")
    }

    fn header<'a>(fetch: &'a Fetch, name: &str) -> Option<&'a str> {
        fetch.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    fn answered(status: u16, headers: Value, body: &str) -> Result<Payload, Failure> {
        let answer = json!({"status_code": status, "headers": headers, "url": "http://a", "body": body});
        result(&Payload::from_value(&answer), Timestamp::from_millis(0))
    }

    #[test]
    fn each_vendor_gets_the_key_by_its_own_header_and_no_text_has_it() {
        let place = "{secret:auth_key}";
        for (format, name, value) in [
            ("openai-chat", "authorization", format!("Bearer {place}")),
            ("grok", "authorization", format!("Bearer {place}")),
            ("anthropic", "x-api-key", place.to_owned()),
            ("gemini", "x-goog-api-key", place.to_owned()),
            ("azure-openai", "api-key", place.to_owned()),
            ("bedrock", "authorization", place.to_owned()),
        ] {
            let own = json!({"api-key": KEY, "x-n": 1});
            let own = if format == "azure-openai" { own } else { Value::Null };
            let fetch = asked(format, &format!("http://a/m:generate?key={KEY}&alt=json"), KEY, own);
            assert_eq!(header(&fetch, name), Some(value.as_str()), "{format}");
            assert_eq!(header(&fetch, "content-type"), Some("application/json"));
            assert_eq!(header(&fetch, "anthropic-version").is_some(), format == "anthropic");
            assert_eq!(fetch.url == "http://a/m:generate?alt=json", format == "gemini", "{}", fetch.url);
            assert_eq!((&*fetch.method, fetch.body.as_deref()), ("POST", Some(r#"{"model":"m","n":1}"#)));
            let seen = format!("{:?}", Fetch { url: String::new(), ..fetch.clone() });
            assert!(!seen.contains(KEY), "{seen}");
            assert_eq!(fetch.infer.expect("it asks a model").key, KEY);
        }
    }

    #[test]
    fn what_the_app_says_itself_holds_and_a_word_is_no_secret() {
        let own = json!({"Anthropic-Version": "2024-01-01", "Authorization": "Basic x"});
        let fetch = asked("anthropic", "http://a", "", own.clone());
        assert_eq!(header(&fetch, "anthropic-version"), Some("2024-01-01"));
        assert_eq!(header(&fetch, "x-api-key"), None);
        assert_eq!(header(&asked("openai-chat", "http://a", KEY, own), "authorization"), Some("Basic x"));
        let local = asked("openai-chat", "http://a", "ollama", Value::Null);
        assert_eq!(header(&local, "authorization"), Some("Bearer ollama"));
        assert!(local.infer.expect("it asks a model").key.is_empty());
        assert!(request(&json!({"url": "http://a"})).is_err() && request(&Value::Null).is_err());
    }

    #[test]
    fn an_answer_is_the_output_and_a_refusal_says_what_the_vendor_says() {
        assert_eq!(answered(201, json!({}), r#"{"n": 1.50}"#).expect("an output").as_str(), r#"{"n": 1.50}"#);
        let odd = answered(200, json!({}), "data: {}").expect_err("no JSON");
        assert!(odd.message.contains("stream") && odd.retry == Retry::Never);
        for (body, said) in [
            (r#"{"error":{"message":"quota","code":1}}"#, "quota"),
            (r#"[{"error":{"message":"quota"}}]"#, "quota"),
            (r#"{"error":"quota"}"#, "quota"),
            (r#"{"message":"quota"}"#, "quota"),
            (" <html>", "<html>"),
            ("", "it said nothing"),
        ] {
            let failure = answered(503, json!({}), body).expect_err("refused");
            assert_eq!(failure.message, format!("the model answered 503: {said}"));
            assert_eq!(failure.retry, Retry::ByPolicy);
        }
        let retry = |status, headers| answered(status, headers, "").expect_err("refused").retry;
        assert_eq!(retry(429, json!({"retry-after": "7"})), Retry::After(Span::from_secs(7)));
        assert_eq!(retry(400, json!({"retry-after": "7"})), Retry::Never);
        for (status, again) in
            [(408, true), (409, true), (429, true), (500, true), (401, false), (302, false)]
        {
            assert_eq!(retry(status, json!({})) == Retry::ByPolicy, again, "{status}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_answered_makes_it_panic(status in 0u16..=999, body in "\\PC{0,400}|(\\{\"error\":[a-z0-9\"\\[\\]{}:]{0,9}\\})") {
            let _result = answered(status, json!({}), &body);
        }
    }
}
