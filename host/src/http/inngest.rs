//! `/api/inngest`: our functions as an app of an Inngest server. Who asks has signed the
//! request, but for `pawl dev`; what is answered is signed with the same key.

use super::error::{self, ApiError};
use super::{Http, auth, body};
use crate::clock;
use crate::config::Mode;
use crate::ingress;
use crate::inngest::{register, sign};
use crate::secret::Secret;
use crate::served::{Answer, Kind};
use crate::telemetry::one_line;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use pawl_engine::{Span, Timestamp};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Bytes of a call: 4 MiB and what is around it. A server has larger ones fetched.
const CALL_BYTES: usize = 5 << 20;

/// Bytes of a request that nobody has signed. What is in it is not looked at.
const UNSIGNED_BYTES: usize = 64 << 10;

const NO_RETRY: HeaderName = HeaderName::from_static("x-inngest-no-retry");
const SYNC_KIND: HeaderName = HeaderName::from_static("x-inngest-sync-kind");
const SERVER_KIND: HeaderName = HeaderName::from_static("x-inngest-server-kind");

/// What strangers have to pass: nothing of theirs may cost this host much. Clones are the same.
#[derive(Clone)]
pub(super) struct Gate {
    /// For bodies, until their signatures are known to hold.
    room: body::Room,
    /// For syncs that nobody has signed: each makes this host call its server.
    syncs: Arc<Semaphore>,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self { room: body::Room::new(), syncs: Arc::new(Semaphore::new(1)) }
    }
}

/// A request that was read.
struct Asked {
    query: HashMap<String, String>,
    headers: HeaderMap,
    body: bytes::Bytes,
    /// The key that has signed it.
    key: Option<Secret>,
}

/// An answer before it is signed.
struct Told {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: String,
}

/// The keys that requests may be signed with, newest first.
fn keys(http: &Http) -> Vec<Secret> {
    http.keys.signing()
}

/// Everything at `/api/inngest`.
pub(super) async fn serve(
    State(http): State<Http>,
    Extension(gate): Extension<Gate>,
    request: Request,
) -> Response {
    let received_at = clock::now();
    let method = request.method().clone();
    let (key, told) = match read(&http, &gate, request, received_at).await {
        Ok(asked) => {
            let told = tell(&http, &gate, &method, &asked).await;
            (asked.key, told)
        }
        Err(refused) => (None, Err(refused)),
    };
    let answer = match told {
        Ok(told) => told.into_response(),
        Err(refused) => {
            let (code, why) = (refused.code(), one_line(&refused.to_string()));
            tracing::warn!(%method, code, "a request of an Inngest server was refused: {why}");
            refused.into_response()
        }
    };
    signed(answer, key.as_ref()).await
}

/// Reads the request if its sender may ask.
async fn read(http: &Http, gate: &Gate, request: Request, received_at: Timestamp) -> Result<Asked, ApiError> {
    if http.mode == Mode::Dev {
        auth::own_machine(&request)?;
    }
    let (parts, body) = request.into_parts();
    let is_known = matches!(parts.method, Method::GET | Method::PUT | Method::POST);
    if !is_known {
        return Err(ApiError::AppMethod);
    }
    let given = parts.headers.get(sign::HEADER).map(|value| value.to_str().unwrap_or_default());
    let must_sign = http.mode == Mode::Serve && !is_open_sync(http, &parts.method, &parts.headers);
    if must_sign && given.is_none() {
        return Err(ApiError::AppSignature(sign::BadSignature::Missing));
    }
    if http.mode == Mode::Serve && given.is_some() {
        // nothing is read of who cannot have signed it
        sign::precheck(given, received_at)?;
    }
    let is_unsigned = http.mode == Mode::Serve && given.is_none();
    let limit = if is_unsigned { UNSIGNED_BYTES } else { CALL_BYTES };
    // given back when it is known who has sent it
    let (body, _place) = gate.room.read(&parts.headers, body, limit).await?;
    let key = match http.mode {
        // as Inngest's own clients: their server in development signs nothing
        Mode::Dev => None,
        Mode::Serve if is_unsigned => None,
        Mode::Serve => Some(sign::verify_request(&keys(http), given, &body, received_at)?.clone()),
    };
    let query = parts.uri.query().unwrap_or_default();
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Ok(Asked { query, headers: parts.headers, body, key })
}

/// A sync that anybody may ask for: what is told to our own server does not depend on who does.
fn is_open_sync(http: &Http, method: &Method, headers: &HeaderMap) -> bool {
    method == Method::PUT && !is_in_band(headers) && http.served.settings().serve_origin.is_some()
}

fn is_in_band(headers: &HeaderMap) -> bool {
    headers.get(SYNC_KIND).is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(b"in_band"))
}

async fn tell(http: &Http, gate: &Gate, method: &Method, asked: &Asked) -> Result<Told, ApiError> {
    if method == Method::GET {
        let url = url(http, &asked.headers, None)?;
        return Ok(Told::json(&http.served.introspection(&url, asked.key.is_some())));
    }
    if method == Method::PUT {
        return sync(http, gate, asked).await;
    }
    if let Some(probe) = asked.query.get("probe") {
        return match probe.as_str() {
            "trust" if asked.body.is_empty() => Err(ApiError::AppSignature(sign::BadSignature::Missing)),
            "trust" => Ok(Told { status: StatusCode::OK, headers: Vec::new(), body: String::new() }),
            _ => Err(ApiError::InvalidQuery("there is no such probe: `trust` is one".into())),
        };
    }
    let function = asked.query.get("fnId");
    let function = function
        .ok_or_else(|| ApiError::InvalidQuery("a call names its function: ?fnId=app-function".into()))?;
    let (step, trace) = (asked.query.get("stepId"), ingress::trace(&asked.headers));
    let answer = http.served.call(function, step.map(String::as_str), &asked.body, trace).await?;
    Ok(answer.into())
}

/// `PUT`: the functions are told to the server, by a request of our own or by the answer.
async fn sync(http: &Http, gate: &Gate, asked: &Asked) -> Result<Told, ApiError> {
    let given = in_band_url(&asked.body);
    if is_in_band(&asked.headers) {
        let given = given.ok_or(ApiError::AppSync)?;
        let url = url(http, &asked.headers, Some(&given))?;
        return Ok(Told::json(&http.served.in_band(&url)).with(SYNC_KIND, "in_band"));
    }
    if http.mode == Mode::Serve && asked.key.is_none() {
        // nothing that a stranger says is handed on, and one at a time has the server called
        let _one = gate.syncs.try_acquire().map_err(|_| ApiError::AppSyncing)?;
        let url = url(http, &asked.headers, None)?;
        return Ok(out_of_band(http, &url, None, None).await);
    }
    // where we are reached is believed from those alone who have signed it
    let given = given.filter(|_| asked.key.is_some());
    let url = url(http, &asked.headers, given.as_deref())?;
    let kind = asked.headers.get(SERVER_KIND).and_then(|kind| kind.to_str().ok());
    let kind = kind.filter(|kind| matches!(*kind, "cloud" | "dev"));
    let deploy_id = asked.query.get("deployId").map(String::as_str).filter(|id| id.len() <= 200);
    Ok(out_of_band(http, &url, deploy_id, kind).await)
}

/// Registers with the server, and tells what it said.
async fn out_of_band(http: &Http, url: &str, deploy_id: Option<&str>, kind: Option<&str>) -> Told {
    let told = match http.served.register(url, deploy_id, kind).await {
        Ok(modified) => Told::json(&json!({"message": "Successfully registered", "modified": modified})),
        Err(why) => {
            let message = format!("Failed to register; {why}");
            let body = json!({"message": message, "modified": false, "code": "not_registered"});
            Told { status: error::not_registered(), ..Told::json(&body) }
        }
    };
    told.with(SYNC_KIND, "out_of_band")
}

/// The URL of a body that holds one, and nothing else.
fn in_band_url(body: &[u8]) -> Option<String> {
    let body = serde_json::from_slice::<HashMap<String, Value>>(body).ok().filter(|body| body.len() == 1)?;
    let uri = body.get("url")?.as_str()?.parse::<Uri>().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let is_web = matches!(scheme, "http" | "https") && !authority.as_str().contains('@');
    is_web.then(|| format!("{scheme}://{authority}{}", uri.path()))
}

/// Where the server reaches us: as the settings say, as it has said itself, or as it just did.
fn url(http: &Http, headers: &HeaderMap, given: Option<&str>) -> Result<String, ApiError> {
    let settings = http.served.settings();
    if let Some(origin) = &settings.serve_origin {
        return Ok(format!("{origin}{}", settings.serve_path));
    }
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.filter(|host| host.parse::<axum::http::uri::Authority>().is_ok() && !host.contains('@'));
    let host = host.ok_or_else(|| ApiError::InvalidQuery("the request names no host".into()))?;
    let scheme = match headers.get("x-forwarded-proto").map(HeaderValue::as_bytes) {
        Some(b"https") => "https",
        _ => "http",
    };
    Ok(format!("{scheme}://{host}{}", settings.serve_path))
}

impl Told {
    fn json(body: &Value) -> Self {
        Self { status: StatusCode::OK, headers: Vec::new(), body: body.to_string() }
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }
}

impl From<Answer> for Told {
    fn from(answer: Answer) -> Self {
        let Answer { kind, body, retry_after } = answer;
        let told = Self { status: error::of_served(kind), headers: Vec::new(), body };
        let mut told = match kind {
            Kind::Returned | Kind::Steps => told,
            Kind::StepFailed { again: true } | Kind::Failed { again: true } | Kind::Missing => {
                told.with(NO_RETRY, "false")
            }
            Kind::StepFailed { again: false } | Kind::Failed { again: false } => told.with(NO_RETRY, "true"),
        };
        if let Some(span) = retry_after {
            told.headers.push((header::RETRY_AFTER, HeaderValue::from(seconds(span))));
        }
        told
    }
}

/// Rounded up, so that nobody comes too early.
fn seconds(span: Span) -> u64 {
    span.as_millis().div_ceil(1_000)
}

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        let mut answer = (self.status, self.body).into_response();
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answer.headers_mut().extend(self.headers);
        answer
    }
}

/// The answer as an app gives it, signed with the key that has signed the request.
async fn signed(answer: Response, key: Option<&Secret>) -> Response {
    let (mut head, body) = answer.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let headers = &mut head.headers;
    headers.insert("x-inngest-sdk", HeaderValue::from_static(register::SDK));
    headers.insert("x-inngest-framework", HeaderValue::from_static(register::FRAMEWORK));
    headers.insert("x-inngest-req-version", HeaderValue::from_static("2"));
    headers.insert("x-inngest-sdk-handled", HeaderValue::from_static("true"));
    let signature = key.map(|key| sign::answer(key, &body, clock::now()));
    if let Some(signature) = signature.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(sign::HEADER, signature);
    }
    Response::from_parts(head, Body::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_names_its_url_and_nothing_else() {
        let url = |body: &str| in_band_url(body.as_bytes());
        let reached = Some("https://a.example:8443/api/inngest".to_owned());
        assert_eq!(url(r#"{"url":"https://a.example:8443/api/inngest?x=1"}"#), reached);
        for odd in [
            "",
            "{}",
            "[]",
            r#"{"url":5}"#,
            r#"{"url":"ftp://a.example/"}"#,
            r#"{"url":"https://u:p@a.example/"}"#,
            r#"{"url":"/api/inngest"}"#,
            r#"{"url":"https://a.example/","more":1}"#,
        ] {
            assert_eq!(url(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_wait_is_rounded_up_to_seconds() {
        for (ms, s) in [(1_000, 1), (1_001, 2), (90_000, 90)] {
            assert_eq!(seconds(Span::from_millis(ms)), s);
        }
    }
}
