//! `step.ai.infer`: a request to a model that this host makes for an app, and what becomes of
//! the answer.

use super::reply::retry_after;
use pawl_engine::replay::{Fetch, Infer, RunOptions};
use pawl_engine::{Failure, Payload, Retry, Timestamp, limits};
use reqwest::Url;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// From how many bytes on a key is taken out of answers. Shorter ones are what servers of one's
/// own are given for want of a key (`ollama`), and may be words of an answer.
const KEY_BYTES: usize = 16;

/// Characters of an answer that says what is wrong in no form that is known.
const SHOWN_CHARS: usize = 300;

/// The request that an `AIGateway` with these options (JSON) is: its key by the header that the
/// model's `format` wants, and nowhere else; its body as it was written. `Err` says what is wrong.
pub fn request(opts: &str) -> Result<Fetch, &'static str> {
    #[derive(Deserialize)]
    struct Written<'a> {
        #[serde(borrow)]
        body: &'a RawValue,
    }
    let body = serde_json::from_str(opts).ok().map(|Written { body }| body.get());
    // models follow the order of a schema's properties
    let body = body.filter(|body| body.starts_with('{')).ok_or("the request to the model has no body")?;
    let opts: Value = serde_json::from_str(opts).unwrap_or_default();
    let text = |name: &str| opts.get(name).and_then(Value::as_str);
    let format = text("format").unwrap_or_default();
    // of one that cannot be read nothing is said: it may hold the key
    let no_url = "the request to the model has no URL that can be read";
    let url = text("url").and_then(|url| Url::parse(url).ok()).ok_or(no_url)?;
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
        .chain((!key.is_empty()).then(|| auth(format, &place)))
        .chain((format == "anthropic").then(|| ("anthropic-version", "2023-06-01".to_owned())));
    for (name, value) in wanted {
        // what the app says itself holds
        if !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
            headers.push((name.to_owned(), value));
        }
    }
    Ok(Fetch {
        method: "POST".into(),
        url: if format == "gemini" { without_key(url) } else { url }.into(),
        headers,
        body: Some(body.to_owned()),
        options: RunOptions::default(),
        infer: Some(Infer { key: if is_secret { key.to_owned() } else { String::new() } }),
    })
}

/// The header that holds the key.
fn auth(format: &str, key: &str) -> (&'static str, String) {
    match format {
        "anthropic" => ("x-api-key", key.to_owned()),
        "gemini" => ("x-goog-api-key", key.to_owned()),
        "azure-openai" => ("api-key", key.to_owned()),
        _ => ("authorization", format!("Bearer {key}")),
    }
}

/// SDKs write Gemini's key into its URL, which people see and a journal keeps.
fn without_key(mut url: Url) -> Url {
    let kept: Vec<(String, String)> =
        url.query_pairs().into_owned().filter(|(name, _)| name != "key").collect();
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    url
}

/// What the step gives, by the model's answer: its body, or how the model refused. What another
/// try cannot change is not tried again.
pub fn result(
    status: u16,
    headers: &[(String, String)],
    body: Vec<u8>,
    now: Timestamp,
) -> Result<Payload, Failure> {
    if (200..300).contains(&status) {
        let odd = |why: String| {
            let why = format!("the model's answer is {why}; a streamed one (`stream`) no step can keep");
            Failure::new("BadAnswer", why).for_good()
        };
        let body = String::from_utf8(body).map_err(|_| odd("no UTF-8".into()))?;
        return Payload::parse(body, limits::OUTPUT_BYTES).map_err(|e| odd(e.to_string()));
    }
    let said = message(&String::from_utf8_lossy(&body));
    let mut failure = Failure::new("ModelError", format!("the model answered {status}: {said}"));
    failure.data = Some(Payload::from_value(&json!({"status": status})));
    let is_passing = matches!(status, 408 | 409 | 429) || status >= 500;
    let after = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    let after = after.and_then(|(_, text)| retry_after(text.trim(), now));
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
        request(&opts.to_string()).expect("a request")
    }

    fn header<'a>(fetch: &'a Fetch, name: &str) -> Option<&'a str> {
        fetch.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    fn answered(status: u16, headers: &[(&str, &str)], body: &str) -> Result<Payload, Failure> {
        let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        result(status, &headers, body.into(), Timestamp::from_millis(0))
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
    }

    #[test]
    fn a_body_goes_out_to_the_letter() {
        let body = r#"{"z": {"b":1, "a":[123456789012345678901234567890, 1.50]},"model":"m"}"#;
        let fetch = request(&format!(r#"{{"url":"http://a","format":"grok","body": {body} }}"#));
        assert_eq!(fetch.expect("a request").body.as_deref(), Some(body));
    }

    #[test]
    fn what_is_no_request_says_so_and_tells_nothing_of_its_url() {
        for odd in
            ["null", "[]", r#"{"url":"http://a"}"#, r#"{"url":"http://a","body":[]}"#, r#"{"body":{}}"#]
        {
            assert!(request(odd).is_err(), "{odd}");
        }
        for url in ["/v1?key=sk-1", "http://a:port/m?key=sk-1", "http://[/?key=sk-1", ""] {
            for format in ["gemini", "grok"] {
                let why = request(&json!({"url": url, "format": format, "body": {}}).to_string());
                assert_eq!(why, Err("the request to the model has no URL that can be read"), "{url}");
            }
        }
    }

    #[test]
    fn an_answer_is_the_output_and_a_refusal_says_what_the_vendor_says() {
        assert_eq!(answered(201, &[], r#"{"n": 1.50}"#).expect("an output").as_str(), r#"{"n": 1.50}"#);
        let odd = answered(200, &[], "data: {}").expect_err("no JSON");
        assert!(odd.message.contains("stream") && odd.retry == Retry::Never);
        let odd = result(200, &[], vec![0xff], Timestamp::from_millis(0)).expect_err("no text");
        assert!(odd.message.contains("UTF-8") && odd.retry == Retry::Never);
        for (body, said) in [
            (r#"{"error":{"message":"quota","code":1}}"#, "quota"),
            (r#"[{"error":{"message":"quota"}}]"#, "quota"),
            (r#"{"error":"quota"}"#, "quota"),
            (r#"{"message":"quota"}"#, "quota"),
            (" <html>", "<html>"),
            ("", "it said nothing"),
        ] {
            let failure = answered(503, &[], body).expect_err("refused");
            assert_eq!(failure.message, format!("the model answered 503: {said}"));
            assert_eq!(failure.retry, Retry::ByPolicy);
        }
        let retry = |status, headers: &[_]| answered(status, headers, "").expect_err("refused").retry;
        assert_eq!(retry(429, &[("retry-after", "7")]), Retry::After(Span::from_secs(7)));
        assert_eq!(retry(400, &[("retry-after", "7")]), Retry::Never);
        for (status, again) in
            [(408, true), (409, true), (429, true), (500, true), (401, false), (302, false)]
        {
            assert_eq!(retry(status, &[]) == Retry::ByPolicy, again, "{status}");
        }
    }

    #[test]
    fn the_limit_of_an_answer_is_its_own() {
        // quotes that a text within a text would have doubled
        let long = format!("[{}\"\"]", "\"\",".repeat(limits::OUTPUT_BYTES / 3 - 1));
        assert_eq!(answered(200, &[], &long).expect("an output").as_str(), long);
        assert_eq!(
            answered(200, &[], &"1".repeat(limits::OUTPUT_BYTES + 1)).expect_err("long").retry,
            Retry::Never
        );
        let page = "\"".repeat(limits::OUTPUT_BYTES + 1);
        assert_eq!(answered(503, &[], &page).expect_err("refused").retry, Retry::ByPolicy);
    }

    proptest! {
        #[test]
        fn nothing_that_is_answered_makes_it_panic(status in 0u16..=999, body in "\\PC{0,400}|(\\{\"error\":[a-z0-9\"\\[\\]{}:]{0,9}\\})") {
            let _result = answered(status, &[], &body);
        }
    }
}
