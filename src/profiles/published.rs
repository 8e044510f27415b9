//! What is published of a profile, for every process to read: JSON, one record a key, of which only the latest counts.

use super::record::{ChipRecord, TerminalRecord};
use crate::domain::Micros;
use crate::domain::enums::CountryCode;
use serde::{Deserialize, Serialize};

/// A published profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Published {
    /// Of a terminal.
    Terminal(PublishedTerminal),
    /// Of a chip.
    Chip(PublishedChip),
}

/// What decisions may read of a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedTerminal {
    /// Its id, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pos_id: Option<String>,
    /// Its reference record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<TerminalRecord>,
    /// The name of the last event that was accepted there and gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The country of the last event that was accepted there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<CountryCode>,
    /// The accounts that used it last, the latest first, as many as a fan-out asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<SeenAccount>,
    /// Its events by day, the earliest first, where some were confirmed as fraud.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<PublishedDay>,
}

/// What decisions may read of a chip.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedChip {
    /// Its reference record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<ChipRecord>,
    /// The accounts that it is registered for, by the hash of their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "hashes")]
    pub registered: Vec<u64>,
    /// The accounts that used it last, the latest first, where they are two or more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<SeenAccount>,
}

/// An account that used a terminal or chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenAccount {
    /// The hash of its number.
    #[serde(with = "hash")]
    pub account: u64,
    /// When it did last, whatever was answered.
    pub time: Micros,
    /// Of a chip: where that was let through, or waits, at a terminal last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<SeenPlace>,
}

/// Where a chip was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenPlace {
    /// When it was used there.
    pub time: Micros,
    /// Country of the terminal.
    pub country: CountryCode,
    /// At which terminal, by its hash.
    #[serde(with = "hash")]
    pub terminal: u64,
}

/// A terminal's events of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedDay {
    /// Days since 1970, in UTC.
    pub day: i32,
    /// How many were judged.
    pub judged: u32,
    /// How many of them were confirmed as fraud.
    pub confirmed: u32,
}

impl Published {
    /// As the value of a record.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Out of the value of a record.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(value: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(value).map_err(|error| error.to_string())
    }
}

/// 16 hexadecimal digits: JSON has no integers of 64 bits that every reader keeps.
mod hash {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub fn serialize<S: Serializer>(hash: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{hash:016x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let digits = String::deserialize(from)?;
        u64::from_str_radix(&digits, 16).map_err(|_| Error::custom(format!("{digits:?} is no hash")))
    }
}

/// A list of these.
mod hashes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Hash(#[serde(with = "super::hash")] u64);

    pub fn serialize<S: Serializer>(hashes: &[u64], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(hashes.iter().map(|hash| Hash(*hash)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u64>, D::Error> {
        Ok(Vec::<Hash>::deserialize(from)?.into_iter().map(|Hash(hash)| hash).collect())
    }
}
