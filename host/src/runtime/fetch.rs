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

/// Makes the request; the answer as the step's output, whatever its status.
pub(super) async fn fetch(
    client: &reqwest::Client,
    grant: &Grant,
    fetch: &Fetch,
    trace: TraceParent,
    until: Instant,
) -> Result<Payload, Failure> {
    let request = Request {
        method: fetch.method.clone(),
        url: fetch.url.clone(),
        headers: fetch.headers.clone(),
        body: fetch.body.as_ref().map(|text| text.clone().into_bytes()),
        timeout: None,
    };
    match outbound::send(client, grant, request, Some(trace), until).await {
        Ok(answer) => output(&fetch.url, answer),
        Err(Error::Denied(why)) => Err(Failure::new("HttpDenied", why).for_good()),
        Err(Error::Invalid(why)) => Err(Failure::new("HttpInvalid", why).for_good()),
        Err(Error::Network(why)) => Err(Failure::new("HttpNetwork", why)),
    }
}

fn output(url: &str, answer: Response) -> Result<Payload, Failure> {
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
