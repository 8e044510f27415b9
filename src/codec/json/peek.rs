//! A look at a line of JSON without reading all of it: which account it is for, when, and where.
//!
//! Files have no record keys and timestamps; these stand in for them. Judges nothing: what cannot be
//! read is simply not there, and the decoder says why when its turn comes.

use super::leaves::JsonLeaf;
use super::reader::{JsonKind, JsonReader};
use crate::codec::avro::leaves::{TextLeaf, TimeLeaf};
use crate::codec::fault::FieldFault;
use crate::domain::Micros;
use std::borrow::Cow;

/// What a line says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peek<'a> {
    /// The account.
    pub account: Option<Cow<'a, str>>,
    /// The event's time.
    pub time: Option<Micros>,
    /// The terminal; of a POS event alone.
    pub terminal: Option<Cow<'a, str>>,
}

/// Looks at a POS event.
#[must_use]
pub fn peek_pos_event(line: &[u8]) -> Peek<'_> {
    peek(line, "accountNumber", "time", Some("posId"))
}

/// Looks at an account event.
#[must_use]
pub fn peek_account_event(line: &[u8]) -> Peek<'_> {
    peek(line, "account", "createdAt", None)
}

fn peek<'a>(line: &'a [u8], account_name: &str, time_name: &str, terminal_name: Option<&str>) -> Peek<'a> {
    let mut peek = Peek::default();
    if let Ok(mut reader) = JsonReader::new(line) {
        // A fault ends the look; what was seen before it stays.
        let _ = reader.object(|reader, name| {
            if name == account_name {
                // Named twice, it is named by neither.
                let again = peek.account.take().is_some();
                let account = TextLeaf::read_json(reader)?;
                if again {
                    return Err(FieldFault::unreadable("the account comes twice"));
                }
                peek.account = account;
            } else if name == time_name && reader.kind()? == JsonKind::String {
                peek.time = TimeLeaf::read_json(reader)?.value();
            } else if Some(&*name) == terminal_name && reader.kind()? == JsonKind::String {
                peek.terminal = TextLeaf::read_json(reader)?;
            } else {
                reader.skip()?;
            }
            Ok(())
        });
    }
    peek
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_account_and_time_and_nothing_where_two_accounts_are_named() {
        let line = br#"{"time":"1970-01-01T00:00:01Z","items":[{"time":1}],"accountNumber":"A"}"#;
        let (account, time) = (Some("A".into()), Some(Micros(1_000_000)));
        assert_eq!(peek_pos_event(line), Peek { account, time, terminal: None });
        assert_eq!(peek_pos_event(br#"{"posId":"T"}"#).terminal, Some("T".into()));
        assert_eq!(peek_pos_event(br#"{"time":1,"posId":2,"accountNumber":"A"}"#).account, Some("A".into()));
        assert_eq!(peek_pos_event(br#"{"accountNumber":"A","accountNumber":"B"}"#), Peek::default());
        assert_eq!(peek_pos_event(br#"{"accountNumber":"A","time":"#).account, Some("A".into()));
        assert_eq!(peek_account_event(br#"{"account":"A","createdAt":"soon"}"#).time, None);
    }
}
