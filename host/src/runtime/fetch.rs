//! Requests that the host makes for steps whose run holds no instance meanwhile.

use super::{Grant, outbound};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pawl_bindings::pawl::workflow::http::{Error, Request, Response};
use pawl_engine::replay::Fetch;
use pawl_engine::trace::TraceParent;
use pawl_engine::{Failure, Payload, limits};
use serde_json::{Map, Value, json};
use std::time::Instant;

/// Makes the request; its answer, whatever the status.
pub(super) async fn fetch(
    client: &reqwest::Client,
    grant: &Grant,
    fetch: &Fetch,
    trace: TraceParent,
    until: Instant,
) -> Result<Response, Failure> {
    let request = Request {
        method: fetch.method.clone(),
        url: fetch.url.clone(),
        headers: fetch.headers.clone(),
        body: fetch.body.as_ref().map(|text| text.clone().into_bytes()),
        timeout: None,
    };
    outbound::send(client, grant, request, Some(trace), until).await.map_err(|e| match e {
        Error::Denied(why) => Failure::new("HttpDenied", why).for_good(),
        Error::Invalid(why) => Failure::new("HttpInvalid", why).for_good(),
        Error::Network(why) => Failure::new("HttpNetwork", why),
    })
}

/// The answer as a step's output, of at most [`limits::OUTPUT_BYTES`].
pub(super) fn output(url: &str, answer: Response) -> Result<Payload, Failure> {
    let headers: Map<_, _> = answer.headers.into_iter().map(|(k, v)| (k, Value::String(v))).collect();
    let mut output = json!({"status_code": answer.status, "headers": headers, "url": url});
    match String::from_utf8(answer.body) {
        Ok(text) => output["body"] = text.into(),
        Err(e) => output["body_base64"] = STANDARD.encode(e.as_bytes()).into(),
    }
    let output = Payload::from_value(&output);
    let bytes = output.as_str().len();
    if bytes > limits::OUTPUT_BYTES {
        let why =
            format!("the answer makes an output of {bytes} bytes; the limit is {}", limits::OUTPUT_BYTES);
        return Err(Failure::new("InvalidOutput", why).for_good());
    }
    Ok(output)
}
