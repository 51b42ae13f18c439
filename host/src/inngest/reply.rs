//! What an app answers: that its function is over, or steps (Inngest's SDK specification,
//! sections 4.3.3 and 5).

use super::{duration, infer, memo::wire_id};
use http::HeaderMap;
use pawl_engine::flow::Rival;
use pawl_engine::replay::{Fetch, Invocation, Op, RunOptions, StepCall, WaitFor};
use pawl_engine::{Failure, FunctionId, Payload, Retry, Span, Timestamp, limits, signal};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// An answer.
#[derive(Debug)]
pub enum Reply {
    /// The function returned.
    Returned(Payload),
    /// The function failed outside of its steps.
    Failed(Failure),
    /// Steps that were executed, or wait to be begun.
    Steps(Vec<Told>),
}

/// One step of an answer.
#[derive(Debug)]
pub struct Told {
    /// The step, by its whole key, and what it is.
    pub call: StepCall,
    /// Its id on the wire.
    pub id: String,
    /// How its code ended, when it was executed.
    pub result: Option<Result<Payload, Failure>>,
    /// The app wants to be called after each of the list's steps, not after all of them.
    pub is_race: bool,
}

/// The headers that say how an answer is meant.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    /// It comes from an app at all.
    pub is_app: bool,
    /// The version of the protocol.
    pub version: Option<i32>,
    /// No other try would change it.
    no_retry: Option<bool>,
    /// No other try before so long.
    retry_after: Option<Span>,
}

impl Headers {
    /// As they are, at this time.
    pub fn of(headers: &HeaderMap, now: Timestamp) -> Self {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
        Self {
            is_app: text("x-inngest-sdk").is_some(),
            version: text("x-inngest-req-version").and_then(|v| v.parse().ok()),
            no_retry: text("x-inngest-no-retry").map(|v| v == "true"),
            retry_after: text("retry-after").and_then(|v| retry_after(v, now)),
        }
    }

    fn retry(&self) -> Retry {
        match (self.no_retry, self.retry_after) {
            (Some(true), _) => Retry::Never,
            (_, Some(span)) => Retry::After(span),
            _ => Retry::ByPolicy,
        }
    }
}

/// An answer of this status. `Err`: it is none of an app, and worth another try.
pub fn read(status: u16, headers: &Headers, body: &[u8], now: Timestamp) -> Result<Reply, Failure> {
    if status == 201 && headers.is_app {
        return streamed(headers, body, now);
    }
    if !headers.is_app {
        return Err(not_an_app(status));
    }
    match status {
        200 => output(body).map_or_else(|e| Ok(Reply::Failed(e)), |o| Ok(Reply::Returned(o))),
        206 => steps(headers, body, now).map_err(|why| {
            Failure::new("BadAnswer", format!("the app's steps cannot be read: {why}")).for_good()
        }),
        401 => Err(Failure::new(
            "AppRefused",
            "the app refused this host's signature: check that INNGEST_SIGNING_KEY is the same on both sides, \
             and that the app is not in development mode (INNGEST_DEV) while this host is in production, or the reverse",
        )),
        _ => {
            let mut failure = failure_of(&serde_json::from_slice(body).unwrap_or(Value::Null));
            failure.retry = headers.retry();
            Ok(Reply::Failed(failure.bounded()))
        }
    }
}

/// An answer within an answer: its status was not known when it began.
fn streamed(headers: &Headers, body: &[u8], now: Timestamp) -> Result<Reply, Failure> {
    #[derive(Deserialize)]
    struct Inner {
        status: u16,
        #[serde(default)]
        headers: std::collections::BTreeMap<String, String>,
        #[serde(default)]
        body: Value,
    }
    let odd = |e: String| Failure::new("BadAnswer", format!("the app's stream cannot be read: {e}"));
    let inner: Inner = serde_json::from_slice(body).map_err(|e| odd(e.to_string()))?;
    if inner.status == 201 {
        return Err(odd("a stream within a stream".into()));
    }
    let mut map = HeaderMap::new();
    for (name, value) in &inner.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), value.parse::<http::HeaderValue>())
        {
            map.insert(name, value);
        }
    }
    let inside = Headers { is_app: true, version: headers.version, ..Headers::of(&map, now) };
    let text = match inner.body {
        Value::String(text) => text,
        other => other.to_string(),
    };
    read(inner.status, &inside, text.as_bytes(), now)
}

fn not_an_app(status: u16) -> Failure {
    Failure::new(
        "NotAnApp",
        format!(
            "the answer ({status}) is not from an Inngest app: is the URL that of its serve handler, \
             as http://localhost:3001/api/inngest?"
        ),
    )
}

fn output(body: &[u8]) -> Result<Payload, Failure> {
    let text =
        std::str::from_utf8(body).map_err(|_| Failure::new("InvalidOutput", "the output is no UTF-8"))?;
    let text = if text.trim().is_empty() { "null" } else { text };
    payload(text)
}

fn payload(text: &str) -> Result<Payload, Failure> {
    Payload::parse(text.to_owned(), limits::OUTPUT_BYTES)
        .map_err(|e| Failure::new("InvalidOutput", format!("the output is {e}")).for_good())
}

#[derive(Deserialize)]
struct Wire<'a> {
    id: String,
    op: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default, rename = "displayName")]
    display_name: Option<String>,
    #[serde(borrow, default)]
    opts: Option<&'a RawValue>,
    #[serde(default)]
    userland: Option<Userland>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Userland {
    id: Option<String>,
    #[serde(default)]
    index: Option<u32>,
}

/// Steps that an app reports in the middle of a call: the body of `/v1/checkpoint/{run}/async`.
/// Of which call, and those that were executed; an error says what cannot be read.
pub fn checkpoint(body: &[u8], now: Timestamp) -> Result<(String, Vec<Told>), String> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(default)]
        request_id: String,
        #[serde(borrow)]
        steps: Vec<Wire<'a>>,
    }
    let body: Body<'_> = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    let mut told = Vec::with_capacity(body.steps.len());
    for op in body.steps {
        // that the run is over comes with the answer, too
        if op.op != "RunComplete" {
            told.extend(step(op, &Headers::default(), now)?);
        }
    }
    Ok((body.request_id, told.into_iter().filter(|told| told.result.is_some()).collect()))
}

fn steps(headers: &Headers, body: &[u8], now: Timestamp) -> Result<Reply, String> {
    let text = std::str::from_utf8(body).map_err(|e| e.to_string())?.trim();
    let ops: Vec<Wire<'_>> = match text.starts_with('[') {
        true => serde_json::from_str(text).map_err(|e| e.to_string())?,
        false => vec![serde_json::from_str(text).map_err(|e| e.to_string())?],
    };
    let mut told = Vec::with_capacity(ops.len());
    for op in ops {
        // steps before it are recorded first; asked again, the app comes to its end at once
        if matches!(op.op.as_str(), "RunComplete" | "SyncRunComplete") && told.is_empty() {
            return Ok(
                payload(op.data.map_or("null", RawValue::get)).map_or_else(Reply::Failed, Reply::Returned)
            );
        }
        if !op.op.ends_with("RunComplete") {
            told.extend(step(op, headers, now)?);
        }
    }
    Ok(Reply::Steps(told))
}

/// A step; none where the app only wants to be called again.
fn step(op: Wire<'_>, headers: &Headers, now: Timestamp) -> Result<Option<Told>, String> {
    let key = key(&op);
    let wrong = |why: &str| format!("step `{key}` ({}): {why}", op.op);
    let written = op.opts.map_or("null", RawValue::get);
    let opts: Value = serde_json::from_str(written).map_err(|e| wrong(&e.to_string()))?;
    let text = |name: &str| opts.get(name).and_then(Value::as_str);
    let run = || Op::Run(RunOptions::default());
    let (what, result) = match op.op.as_str() {
        "None" | "DiscoveryRequest" => return Ok(None),
        "StepRun" | "Step" => (run(), Some(payload(op.data.map_or("null", RawValue::get)))),
        "StepError" | "StepFailed" => {
            let mut failure = failure_of(op.error.as_ref().unwrap_or(&Value::Null));
            failure.retry = if op.op == "StepFailed" { Retry::Never } else { headers.retry() };
            (run(), Some(Err(failure.bounded())))
        }
        "StepPlanned" => (run(), None),
        "Sleep" => {
            let until = text("duration").or(op.name.as_deref()).ok_or_else(|| wrong("no duration"))?;
            (sleep(until, now).ok_or_else(|| wrong("its duration is neither a time nor a span"))?, None)
        }
        "WaitForEvent" => {
            let event = text("event").or(op.name.as_deref()).ok_or_else(|| wrong("no event"))?;
            let timeout = timeout(&opts, now).map_err(wrong)?;
            let filter = text("if").map(str::to_owned);
            (Op::Wait(WaitFor { event: event.to_owned(), filter, timeout, only: None }), None)
        }
        "WaitForSignal" => {
            let name = text("signal").or(op.name.as_deref()).ok_or_else(|| wrong("no signal"))?;
            let rival = if text("conflict") == Some("replace") { Rival::Replace } else { Rival::Fail };
            (Op::Wait(signal::wait(name, timeout(&opts, now).map_err(wrong)?, rival)), None)
        }
        "InvokeFunction" => (invoke(&opts, now).map_err(wrong)?, None),
        "Gateway" => (fetch(&opts).map_err(wrong)?, None),
        "AIGateway" => match infer::request(written) {
            Ok(request) => (Op::Fetch(request), None),
            Err(why) => (run(), Some(Err(Failure::new("HttpInvalid", why).for_good()))),
        },
        _ => {
            let why = format!("this host does not know the step `{}` of the app", op.op);
            (run(), Some(Err(Failure::new("UnknownStep", why).for_good())))
        }
    };
    let is_race = text("parallelMode") == Some("race");
    Ok(Some(Told { call: StepCall { id: key, op: what }, id: op.id, result, is_race }))
}

/// The step's whole key: its author's id and its repeat where they are told, else its id on
/// the wire.
fn key(op: &Wire<'_>) -> String {
    let userland = op.userland.as_ref().and_then(|u| {
        let id = u.id.as_ref()?;
        Some(u.index.filter(|n| *n > 0).map_or_else(|| id.clone(), |n| format!("{id}:{n}")))
    });
    let named = userland.into_iter().chain(op.display_name.clone()).chain(op.name.clone());
    // as a key it has to come to the same id again: `item:0` and ids that look like hashes do not
    let fits = |key: &String| {
        key.len() <= limits::STEP_ID_BYTES && wire_id(&pawl_engine::StepKey::parse(key)) == op.id
    };
    named.into_iter().find(fits).unwrap_or_else(|| op.id.clone())
}

fn sleep(text: &str, now: Timestamp) -> Option<Op> {
    match moment(text) {
        Some(at) => Some(Op::SleepUntil(at.max(now))),
        None => length(text).map(Op::Sleep),
    }
}

/// A span, or the time until a moment.
fn span(text: &str, now: Timestamp) -> Option<Span> {
    moment(text).map_or_else(|| length(text), |at| Some(at.max(now) - now))
}

/// A span as SDKs write it: one of nothing, or of less, is an empty text.
fn length(text: &str) -> Option<Span> {
    if text.trim().is_empty() { Some(Span::ZERO) } else { duration(text) }
}

/// How long a step waits at most.
fn timeout(opts: &Value, now: Timestamp) -> Result<Span, &'static str> {
    let text = opts.get("timeout").and_then(Value::as_str).ok_or("no timeout")?;
    span(text, now).ok_or("its timeout is neither a time nor a span")
}

/// Dates have at least ten characters, spans fewer.
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let date = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let date = text.parse::<jiff::civil::DateTime>().ok()?;
        date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| z.timestamp())
    });
    date.map(|t| Timestamp::from_millis(t.as_millisecond()))
}

fn invoke(opts: &Value, now: Timestamp) -> Result<Op, &'static str> {
    let function = opts.get("function_id").and_then(Value::as_str).ok_or("no function_id")?;
    let payload = opts.get("payload").unwrap_or(&Value::Null);
    let object = |name: &str| payload.get(name).filter(|v| v.is_object());
    let data =
        object("data").map_or_else(|| Payload::from_value(&serde_json::json!({})), Payload::from_value);
    let timeout = match opts.get("timeout").and_then(Value::as_str) {
        Some(text) => Some(span(text, now).ok_or("its timeout is neither a time nor a span")?),
        None => None,
    };
    let user =
        object("user").filter(|u| u.as_object().is_some_and(|u| !u.is_empty())).map(Payload::from_value);
    Ok(Op::Invoke(Invocation { function: FunctionId::new(function), data, user, timeout }))
}

fn fetch(opts: &Value) -> Result<Op, &'static str> {
    let text = |name: &str| opts.get(name).and_then(Value::as_str);
    let url = text("url").ok_or("no url")?.to_owned();
    let headers = opts.get("headers").and_then(Value::as_object).into_iter().flatten();
    let headers = headers.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    Ok(Op::Fetch(Fetch {
        method: text("method").unwrap_or("GET").to_uppercase(),
        url,
        headers: headers.collect(),
        body: text("body").filter(|body| !body.is_empty()).map(str::to_owned),
        options: RunOptions::default(),
        infer: None,
    }))
}

/// An app's error in our terms.
fn failure_of(error: &Value) -> Failure {
    let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
    let message = text("message").or_else(|| text("error")).or_else(|| error.as_str().map(str::to_owned));
    let name = text("name").unwrap_or_else(|| "Error".into());
    let mut failure = Failure::new(&name, message.unwrap_or_else(|| "the app gave no message".into()));
    failure.stack = text("stack").filter(|s| !s.is_empty());
    let more = ["cause", "data", "code"].into_iter().filter_map(|n| Some((n, error.get(n)?)));
    let more: serde_json::Map<_, _> =
        more.filter(|(_, v)| !v.is_null()).map(|(n, v)| (n.to_owned(), v.clone())).collect();
    failure.data = (!more.is_empty()).then(|| Payload::from_value(&Value::Object(more)));
    failure
}

/// `Retry-After`: seconds, or a date as HTTP or RFC 3339 writes it.
pub(super) fn retry_after(text: &str, now: Timestamp) -> Option<Span> {
    if text.len() <= 7 {
        return text.parse().ok().map(Span::from_secs);
    }
    let http = || {
        let since = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Timestamp::from_millis(i64::try_from(since.as_millis()).ok()?))
    };
    moment(text).or_else(http).map(|at| at.max(now) - now)
}

#[cfg(test)]
mod tests;
