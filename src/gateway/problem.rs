//! Answers to requests that ask for what is not there: problem details (RFC 9457) as JSON.

use crate::domain::cut::cut_to;
use crate::domain::limits::MESSAGE_CHARS_MAX;
use crate::domain::visible::visible;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::borrow::Cow;

/// When a client may come again that found no place, or while topics cannot be reached, seconds.
const AGAIN_SECONDS: u32 = 1;

/// What was wrong with a request.
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// What to do instead.
    pub(super) detail: Cow<'static, str>,
    /// When the same request may help, seconds.
    pub(super) retry_after: Option<u32>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        // Words that were put together may hold some of the body, of any letters and length.
        let detail = match detail.into() {
            Cow::Owned(text) => cut_to(&visible(&text), MESSAGE_CHARS_MAX).into_owned().into(),
            text => text,
        };
        Self { status, detail, retry_after: None }
    }

    /// Something in the request is missing or of the wrong form.
    pub(super) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// The same request may help soon.
    pub(super) fn again_later(status: StatusCode, detail: &'static str) -> Self {
        Self { retry_after: Some(AGAIN_SECONDS), ..Self::new(status, detail) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": title(self.status),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let content = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, content, format!("{body}\n")).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// As RFC 9110 names it.
fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Content Too Large",
        StatusCode::UNPROCESSABLE_ENTITY => "Unprocessable Content",
        other => other.canonical_reason().unwrap_or_default(),
    }
}
