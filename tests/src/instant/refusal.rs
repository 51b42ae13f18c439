//! What the server says when it does not do as asked: `{type, message, hint}`.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A refusal; 400 unless it says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    kind: &'static str,
    message: String,
    hint: Value,
    status: u16,
}

impl Refusal {
    pub(super) fn new(kind: &'static str, message: impl Into<String>, hint: Value) -> Self {
        Self { kind, message: message.into(), hint, status: 400 }
    }

    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// A header or a field of the body is not there.
    pub(super) fn missing(place: &[&str]) -> Self {
        Self::new("param-missing", format!("Missing parameter: {}", shown(place)), json!({ "in": place }))
    }

    /// It is there and is not what it has to be.
    pub(super) fn malformed(place: &[&str], input: Value) -> Self {
        let hint = json!({ "in": place, "original-input": input });
        Self::new("param-malformed", format!("Malformed parameter: {}", shown(place)), hint)
    }

    /// What was asked for is well-formed and wrong.
    pub(super) fn invalid(about: &str, input: Value, why: &str) -> Self {
        let hint = json!({ "data-type": about, "input": input, "errors": [{ "message": why }] });
        Self::new("validation-failed", format!("Validation failed for {about}: {why}"), hint)
    }
}

/// `["headers" "app-id"]`, as the server's language prints a vector.
fn shown(place: &[&str]) -> String {
    let words: Vec<_> = place.iter().map(|p| format!("{p:?}")).collect();
    format!("[{}]", words.join(" "))
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let body = json!({ "type": self.kind, "message": self.message, "hint": self.hint });
        (status, axum::Json(body)).into_response()
    }
}
