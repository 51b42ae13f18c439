//! The style and the scripts: part of the binary, known to browsers by their digest.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const CSS: &str =
    concat!(include_str!("../../dashboard/pawl.css"), include_str!("../../dashboard/pages.css"));
const JS: &str = include_str!("../../dashboard/pawl.js");
const THEME: &str = include_str!("../../dashboard/theme.js");

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let digest = [CSS, JS, THEME].iter().fold(Sha256::new(), |all, part| all.chain_update(part)).finalize();
    hex::encode(&digest[..6])
});

/// Another one for other contents.
pub(super) fn version() -> &'static str {
    &VERSION
}

/// The style.
pub(super) async fn css(headers: HeaderMap) -> Response {
    file(&headers, "text/css; charset=utf-8", CSS)
}

/// The script.
pub(super) async fn js(headers: HeaderMap) -> Response {
    file(&headers, "text/javascript; charset=utf-8", JS)
}

/// The script that sets the theme before anything is painted.
pub(super) async fn theme(headers: HeaderMap) -> Response {
    file(&headers, "text/javascript; charset=utf-8", THEME)
}

fn file(headers: &HeaderMap, kind: &'static str, text: &'static str) -> Response {
    let tag = format!("\"{}\"", version());
    let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut answer = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => text.into_response(),
    };
    let own = answer.headers_mut();
    own.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // the URL has the version: it never changes under one
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    own.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        own.insert(header::ETAG, tag);
    }
    answer
}
