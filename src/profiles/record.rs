//! Reference records: what operators tell of terminals and chips, as JSON in the topic of profile records.

use super::key::{ProfileKey, ProfileKind};
use crate::codec::journal::{ByteReader, ByteWriter, JournalFault};
use crate::domain::enums::CountryCode;
use crate::domain::limits;
use crate::domain::profile_view::Position;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a reference record says. A later one takes the place of an earlier one whole; a tombstone takes it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceRecord {
    /// Of a terminal.
    Terminal(TerminalRecord),
    /// Of a chip.
    Chip(ChipRecord),
}

/// A terminal's reference record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TerminalRecord {
    /// Its id, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_id: Option<String>,
    /// Out of service: no event may come from it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// The country that it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<CountryCode>,
    /// Where it stands: `59.913868,10.752245`, degrees north and east with at most six decimals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// A chip's reference record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChipRecord {
    /// Blocked for all accounts: lost or stolen.
    pub blocked: bool,
}

impl ReferenceRecord {
    /// Out of the value of a record whose key is of this kind.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(kind: ProfileKind, value: &[u8]) -> Result<Self, String> {
        let record = match kind {
            ProfileKind::Terminal => serde_json::from_slice(value).map(Self::Terminal),
            ProfileKind::Chip => serde_json::from_slice(value).map(Self::Chip),
        };
        let record = record.map_err(|error| error.to_string())?;
        match &record {
            Self::Terminal(TerminalRecord { pos_id: Some(id), .. })
                if id.chars().count() > limits::ID_CHARS_MAX =>
            {
                Err(format!("posId is longer than {} characters", limits::ID_CHARS_MAX))
            }
            _ => Ok(record),
        }
    }

    /// Whether a terminal's id that it tells is that of the key.
    #[must_use]
    pub fn is_of(&self, key: ProfileKey) -> bool {
        match self {
            Self::Terminal(TerminalRecord { pos_id: Some(id), .. }) => {
                ProfileKey::of_terminal(id) == Some(key)
            }
            _ => true,
        }
    }

    /// As the value of a record.
    #[must_use]
    pub fn json(&self) -> String {
        let text = match self {
            Self::Terminal(record) => serde_json::to_string(record),
            Self::Chip(record) => serde_json::to_string(record),
        };
        text.unwrap_or_default()
    }
}

/// A line of a file of reference records: the fields of a record, with the posId or the nfcId that it is of. A line without
/// other fields takes the record away.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReferenceLine {
    pos_id: Option<String>,
    nfc_id: Option<String>,
    disabled: Option<bool>,
    country: Option<CountryCode>,
    position: Option<Position>,
    blocked: Option<bool>,
}

/// Reads a line of a file of reference records: `{"posId": "T-1", "country": "NO"}`, `{"nfcId": "C-1", "blocked": true}`. None
/// where there is to be no record any more.
///
/// # Errors
/// What is wrong with it, in words. It never tells a chip's number.
pub fn read_line(line: &str) -> Result<(ProfileKey, Option<ReferenceRecord>), String> {
    let line: ReferenceLine = serde_json::from_str(line).map_err(|error| match line.contains("nfcId") {
        // What serde says may repeat the number.
        true => format!("a line of a chip has nfcId, a text, and blocked: see column {}", error.column()),
        false => error.to_string(),
    })?;
    match line {
        ReferenceLine { pos_id: Some(id), nfc_id: None, disabled, country, position, blocked: None } => {
            let key = ProfileKey::of_terminal(&id).ok_or("posId is blank")?;
            if id.chars().count() > limits::ID_CHARS_MAX {
                return Err(format!("posId is longer than {} characters", limits::ID_CHARS_MAX));
            }
            let is_empty = (disabled, country, position) == (None, None, None);
            let disabled = disabled.unwrap_or(false);
            let record =
                ReferenceRecord::Terminal(TerminalRecord { pos_id: Some(id), disabled, country, position });
            Ok((key, (!is_empty).then_some(record)))
        }
        ReferenceLine {
            pos_id: None,
            nfc_id: Some(id),
            disabled: None,
            country: None,
            position: None,
            blocked,
        } => {
            let key = ProfileKey::of_chip(&id).ok_or("nfcId is blank")?;
            Ok((key, blocked.map(|blocked| ReferenceRecord::Chip(ChipRecord { blocked }))))
        }
        _ => {
            Err("a line names a posId, with disabled, country or position, or an nfcId, with blocked"
                .to_owned())
        }
    }
}

/// A country by the contract's symbol.
///
/// # Errors
/// It is none; which there are.
pub fn country_of(symbol: &str) -> Result<CountryCode, String> {
    let known = CountryCode::from_symbol(symbol).filter(|country| *country != CountryCode::Unrecognized);
    let names = || CountryCode::ALL[1..].iter().map(|country| country.symbol()).collect::<Vec<_>>();
    known.ok_or_else(|| format!("country {symbol:?} is none of {}", names().join(", ")))
}

/// A position as people write it.
///
/// # Errors
/// It is none; how one is written.
pub fn position_of(text: &str) -> Result<Position, String> {
    let form = "59.913868,10.752245: degrees north, degrees east";
    Position::parse(text).ok_or_else(|| format!("position {text:?} is not of the form {form}"))
}

/// By the contract's symbol.
impl Serialize for CountryCode {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.symbol())
    }
}

impl<'de> Deserialize<'de> for CountryCode {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        country_of(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// As people write it.
impl Serialize for Position {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        position_of(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// A reference record is kept as it came: it is rare, and JSON grows with it.
pub(super) fn write_record(record: Option<ReferenceRecord>, out: &mut ByteWriter) {
    out.optional_text(record.map(|record| record.json()).as_deref());
}

pub(super) fn read_record(
    kind: ProfileKind,
    input: &mut ByteReader<'_>,
) -> Result<Option<ReferenceRecord>, JournalFault> {
    let Some(text) = input.optional_text()? else { return Ok(None) };
    let record = ReferenceRecord::read(kind, text.as_bytes());
    record.map(Some).map_err(|_| JournalFault::Damaged("a reference record cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_is_written() {
        let record = ReferenceRecord::Terminal(TerminalRecord {
            pos_id: Some("T-1".to_owned()),
            disabled: true,
            country: Some(CountryCode::No),
            position: Position::parse("59.9,10.7"),
        });
        let text = record.json();
        assert_eq!(
            text,
            r#"{"posId":"T-1","disabled":true,"country":"NO","position":"59.900000,10.700000"}"#
        );
        assert_eq!(ReferenceRecord::read(ProfileKind::Terminal, text.as_bytes()), Ok(record));
        let chip = ReferenceRecord::Chip(ChipRecord { blocked: true });
        assert_eq!(ReferenceRecord::read(ProfileKind::Chip, chip.json().as_bytes()), Ok(chip));
    }

    #[test]
    fn says_what_is_wrong_with_a_record() {
        for (kind, value, says) in [
            (ProfileKind::Terminal, r#"{"country":"XX"}"#, "none of NO, SE"),
            (ProfileKind::Terminal, r#"{"position":"91,0"}"#, "degrees north"),
            (ProfileKind::Terminal, r#"{"colour":"red"}"#, "colour"),
            (ProfileKind::Chip, "{}", "blocked"),
            (ProfileKind::Chip, "", "EOF"),
        ] {
            let fault = ReferenceRecord::read(kind, value.as_bytes()).expect_err(value);
            assert!(fault.contains(says), "{value}: {fault}");
        }
    }
}
