//! A field as the wire had it: absent, a value, or something that is none.

use std::borrow::Cow;

/// A field of an incoming record, read open: what is no value stays, so that the answer can name it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Field<'a, T> {
    /// Not there, or null.
    #[default]
    Absent,
    /// There and understood.
    Value(T),
    /// There and not understood: the text as it was (an unknown symbol, a number out of range, a malformed time).
    Invalid(Cow<'a, str>),
}

impl<T: Copy> Field<'_, T> {
    /// The value where there is one.
    #[must_use]
    pub fn value(&self) -> Option<T> {
        match self {
            Self::Value(value) => Some(*value),
            _ => None,
        }
    }
}

impl<T> Field<'_, T> {
    /// Whether the field is not there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<T> From<Option<T>> for Field<'_, T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Value)
    }
}
