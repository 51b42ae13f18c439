//! `GET /metrics`: for Prometheus, with the operator's key or one of its own.

use super::error::ApiError;
use super::{Http, auth};
use crate::config::Mode;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::IntoResponse;

/// The version of the format that every Prometheus reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn show(State(http): State<Http>, request: Request) -> Result<impl IntoResponse, ApiError> {
    match http.mode {
        Mode::Dev => auth::own_machine(&request)?,
        Mode::Serve => {
            let keys = [&*http.metrics_tokens, &http.keys.signing()].concat();
            if !auth::bears(request.headers(), &keys) {
                return Err(ApiError::MetricsToken);
            }
        }
    }
    Ok(([(header::CONTENT_TYPE, TEXT)], http.metrics.text().await))
}
