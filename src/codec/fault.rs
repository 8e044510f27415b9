//! What is wrong with a record's bytes, and where: the error of every decoder here.
//!
//! Never carries a field's value: account numbers and chip ids must not reach a log by way of an error.

use super::DecodeError;
use crate::domain::visible::visible;
use std::borrow::Cow;

/// Catalogue code: the record cannot be read.
pub(super) const UNREADABLE: &str = "400.001";
/// Catalogue code: a required field is missing.
pub(super) const MISSING: &str = "400.002";
/// Catalogue code: an enum symbol or a time is not of the format.
pub(super) const NOT_OF_FORMAT: &str = "400.004";

/// A fault, with the path to the field it was found in (empty: the record itself).
#[derive(Debug)]
pub struct FieldFault {
    code: &'static str,
    text: Cow<'static, str>,
    path: String,
}

/// Boxed: the error is rare and must not widen the results on the fast path.
pub type Read<T> = Result<T, Box<FieldFault>>;

impl FieldFault {
    /// The record cannot be read (400.001).
    #[cold]
    pub(super) fn unreadable(text: impl Into<Cow<'static, str>>) -> Box<Self> {
        Box::new(Self { code: UNREADABLE, text: text.into(), path: String::new() })
    }

    /// A required field is missing or blank (400.002).
    #[cold]
    pub(super) fn missing(field: &str) -> Box<Self> {
        Box::new(Self { code: MISSING, text: "missing or blank".into(), path: field.to_owned() })
    }

    /// A symbol or time that is none (400.004).
    #[cold]
    pub(super) fn not_of_format(field: &str, text: impl Into<Cow<'static, str>>) -> Box<Self> {
        Box::new(Self { code: NOT_OF_FORMAT, text: text.into(), path: field.to_owned() })
    }

    /// The path and the text, as they may stand in a header or on a terminal: texts of schemas and names of fields are foreign.
    pub(super) fn to_text(&self) -> String {
        let joint = if self.path.is_empty() { "" } else { ": " };
        visible(&format!("{}{joint}{}", self.path, self.text)).into_owned()
    }

    /// The same fault, seen from the record that holds the field.
    #[cold]
    pub(super) fn in_field(mut self: Box<Self>, name: &str) -> Box<Self> {
        let joint = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{name}{joint}{}", self.path);
        self
    }

    /// The same fault, seen from the list that holds the item.
    #[cold]
    pub(super) fn in_item(mut self: Box<Self>, index: usize) -> Box<Self> {
        let joint = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("[{index}]{joint}{}", self.path);
        self
    }
}

impl From<Box<FieldFault>> for DecodeError {
    fn from(fault: Box<FieldFault>) -> Self {
        let message = fault.to_text();
        let FieldFault { code, path, .. } = *fault;
        Self::Fault { code, message, field: (!path.is_empty()).then(|| visible(&path).into_owned()) }
    }
}
