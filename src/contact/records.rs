//! The records of this flow as JSON: what was asked, what took place, what is known of a person. Their forms and bounds; what they
//! mean is judged elsewhere.

mod day;
mod interaction;
mod party;
mod request;

pub use day::Day;
pub use interaction::{EventId, Interaction};
pub use party::{Case, Contact, DAYS, InconvenientTime, Loan, PartyFact, PartyRecord};
pub use request::{ContactDetails, ContactRequest};

use crate::domain::cut::cut_to;
use crate::domain::limits;
use crate::domain::visible::visible;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// Why a record cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFault {
    /// As dead letters have it.
    pub code: &'static str,
    /// In words, which name the field and repeat nothing that a person may not read.
    pub message: String,
}

impl RecordFault {
    fn of_form(field: &str, what: impl std::fmt::Display) -> Self {
        Self { code: "400.004", message: format!("{field}: {what}") }
    }
}

/// Reads JSON.
///
/// # Errors
/// It cannot be read: which field, and why, in words that repeat no text of it.
pub fn read<T: DeserializeOwned>(value: &[u8]) -> Result<T, RecordFault> {
    let fault = |message| RecordFault { code: "400.001", message };
    // Texts that nobody looks at as well: what is not UTF-8 is no JSON.
    let text = str::from_utf8(value).map_err(|_| fault("it is no text in UTF-8".to_owned()))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (path, why) = (error.path().to_string(), without_texts(&error.inner().to_string()));
        // A name that nobody knows may be of any letters and length.
        let path = cut_to(&visible(&path), limits::ID_CHARS_MAX).into_owned();
        // Where it is no object at all there is no path.
        fault(if path == "." { why } else { format!("{path}: {why}") })
    })?;
    json.end().map_err(|error| fault(without_texts(&error.to_string())))?;
    Ok(read)
}

/// A value that may be null: then it is as if it were not there.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// What serde says, without the texts of the record that it repeats in double quotes, and without the place.
fn without_texts(message: &str) -> String {
    // Nor where it stands: what is read may have been put together.
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    // "invalid type: integer `4915550100`, expected ...": what stands in there is the record's.
    if let Some((what, rest)) = message.split_once('`').filter(|_| message.contains("invalid ")) {
        let after = rest.split_once('`').map_or("", |(_, after)| after);
        return format!("{what}`...`{after}");
    }
    let Some((before, rest)) = message.split_once('"') else { return message.to_owned() };
    let after = rest.rsplit_once('"').map_or("", |(_, after)| after);
    format!("{before}\"...\"{after}")
}

/// That an id is there, not blank and not too long.
fn check_id(field: &str, id: &str) -> Result<(), RecordFault> {
    let is_seen = |letter: char| !letter.is_control() && !letter.is_whitespace();
    if !id.chars().any(is_seen) {
        return Err(RecordFault { code: "400.002", message: format!("{field} is missing or blank") });
    }
    check_length(field, id.chars().count(), limits::ID_CHARS_MAX, "characters")
}

fn check_text(field: &str, text: Option<&str>) -> Result<(), RecordFault> {
    text.map_or(Ok(()), |text| {
        check_length(field, text.chars().count(), limits::TEXT_CHARS_MAX, "characters")
    })
}

fn check_length(field: &str, is: usize, most: usize, what: &str) -> Result<(), RecordFault> {
    match is > most {
        true => Err(RecordFault { code: "400.005", message: format!("{field} has more than {most} {what}") }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_without_what_the_record_says() {
        for (value, says) in [
            (r#"{"partyId":"P-1"}"#, "missing field `contactId`"),
            (r#"{"partyId":"P-1","contacts":"+1 555"}"#, "invalid type: string \"...\", expected a sequence"),
        ] {
            let value = value.replace("\"P-1\"}", "\"P-1\",\"contacts\":[{}]}");
            let fault = PartyRecord::read(value.as_bytes()).expect_err("no record");
            assert!(fault.message.contains(says) && !fault.message.contains("555"), "{}", fault.message);
        }
        let long = format!(r#"{{"\u001b{}":"#, "x".repeat(5_000));
        let fault = PartyRecord::read(long.as_bytes()).expect_err("no record");
        assert!(fault.message.starts_with(r"\u{1b}xxx") && fault.message.len() < 200, "{}", fault.message);
    }
}
