//! Transaction ids: made from where an event stands and what it says, never from a clock or chance.

use super::PartitionId;
use super::hashing::hash128;
use std::fmt;

const PREFIX: &str = "txn_";
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The id of one outcome: `txn_` and 26 characters of Crockford's base 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub u128);

impl TransactionId {
    /// The id of the `ordinal`-th outcome (0: the event's own) that the record at this position caused.
    ///
    /// `digest` is that of the record's content, so that the same offset of a topic that was made
    /// anew gives another id.
    #[must_use]
    pub fn derive(topic: &str, partition: PartitionId, offset: i64, digest: u64, ordinal: u32) -> Self {
        let mut bytes = [0u8; 24 + 64];
        bytes[..4].copy_from_slice(&partition.number().to_be_bytes());
        bytes[4..12].copy_from_slice(&offset.to_be_bytes());
        bytes[12..20].copy_from_slice(&digest.to_be_bytes());
        bytes[20..24].copy_from_slice(&ordinal.to_be_bytes());
        let topic = topic.as_bytes();
        if topic.len() <= 64 {
            bytes[24..24 + topic.len()].copy_from_slice(topic);
            Self(hash128(&bytes[..24 + topic.len()]))
        } else {
            Self(hash128(&[&bytes[..24], topic].concat()))
        }
    }

    /// Reads the text form back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?.as_bytes();
        if digits.len() != 26 || digits[0] > b'7' {
            return None;
        }
        digits
            .iter()
            .try_fold(0u128, |value, digit| {
                let place = ALPHABET.iter().position(|letter| letter == digit)?;
                Some(value << 5 | place as u128)
            })
            .map(Self)
    }

    /// The 30 bytes of the text form.
    #[must_use]
    pub fn text(self) -> [u8; 30] {
        let mut text = [0u8; 30];
        text[..4].copy_from_slice(PREFIX.as_bytes());
        for place in 0..26 {
            text[29 - place] = ALPHABET[(self.0 >> (5 * place)) as usize & 31];
        }
        text
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn same_position_and_content_give_the_same_id_and_any_difference_another() {
        let id = TransactionId::derive("pos.events", 3.into(), 42, 7, 0);
        assert_eq!(id, TransactionId::derive("pos.events", 3.into(), 42, 7, 0));
        for other in [
            TransactionId::derive("pos.event", 3.into(), 42, 7, 0),
            TransactionId::derive("pos.events", 4.into(), 42, 7, 0),
            TransactionId::derive("pos.events", 3.into(), 43, 7, 0),
            TransactionId::derive("pos.events", 3.into(), 42, 8, 0),
            TransactionId::derive("pos.events", 3.into(), 42, 7, 1),
        ] {
            assert_ne!(id, other);
        }
        let long = "t".repeat(200);
        assert_ne!(
            TransactionId::derive(&long, 0.into(), 0, 0, 0),
            TransactionId::derive(&long[1..], 0.into(), 0, 0, 0)
        );
    }

    proptest! {
        #[test]
        fn text_form_reads_back(value in any::<u128>()) {
            let id = TransactionId(value);
            prop_assert_eq!(TransactionId::parse(&id.to_string()), Some(id));
        }
    }
}
