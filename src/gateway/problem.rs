//! Answers to requests that ask for what is not there: problem details (RFC 9457) as JSON.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// What was wrong with a request.
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// What to do instead.
    pub(super) detail: &'static str,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], format!("{body}\n"))
            .into_response()
    }
}
