//! What a profile is of: a terminal or a chip, by the hash of its id, so that no topic of ours tells a chip's number.

use crate::codec::journal::{ByteReader, JournalFault};
use crate::state::id_hash;
use compact_str::CompactString;

/// What kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProfileKind {
    /// A terminal, by the hash of its posId.
    Terminal,
    /// A chip, by the hash of its nfcId.
    Chip,
}

impl ProfileKind {
    /// What keys of the kind begin with.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Terminal => "pos/",
            Self::Chip => "nfc/",
        }
    }
}

/// The key of a profile, `pos/0123456789abcdef`: the hash of the id, as accounts remember it, in 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileKey {
    /// Of what kind.
    pub kind: ProfileKind,
    /// Hash of the id; never 0.
    pub hash: u64,
}

impl ProfileKey {
    /// A terminal by its posId; none where that is blank.
    #[must_use]
    pub fn of_terminal(id: &str) -> Option<Self> {
        Self::terminal(id_hash(Some(id)))
    }

    /// A chip by its nfcId; none where that is blank.
    #[must_use]
    pub fn of_chip(id: &str) -> Option<Self> {
        Self::chip(id_hash(Some(id)))
    }

    /// A terminal; none where the event names none.
    #[must_use]
    pub fn terminal(hash: u64) -> Option<Self> {
        (hash != 0).then_some(Self { kind: ProfileKind::Terminal, hash })
    }

    /// A chip; none where the event names none.
    #[must_use]
    pub fn chip(hash: u64) -> Option<Self> {
        (hash != 0).then_some(Self { kind: ProfileKind::Chip, hash })
    }

    /// As the key of a record.
    #[must_use]
    pub fn text(self) -> CompactString {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = CompactString::const_new(self.kind.prefix());
        (0..16)
            .rev()
            .for_each(|place| text.push(char::from(DIGITS[(self.hash >> (4 * place)) as usize & 15])));
        text
    }

    /// Reads one as bytes of ours have it: its kind, and its hash.
    pub(super) fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        let kind = match input.byte()? {
            0 => ProfileKind::Terminal,
            1 => ProfileKind::Chip,
            _ => return Err(JournalFault::Damaged("a profile is of no kind")),
        };
        match input.long()? {
            0 => Err(JournalFault::Damaged("a profile is of nothing")),
            hash => Ok(Self { kind, hash }),
        }
    }

    /// Out of the key of a record.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let of = |kind: ProfileKind| Some((kind, text.strip_prefix(kind.prefix())?));
        let (kind, digits) = of(ProfileKind::Terminal).or_else(|| of(ProfileKind::Chip))?;
        let is_ours = digits.len() == 16
            && digits.bytes().all(|digit| digit.is_ascii_digit() || matches!(digit, b'a'..=b'f'));
        let hash = u64::from_str_radix(digits, 16).ok().filter(|hash| is_ours && *hash != 0)?;
        Some(Self { kind, hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written_and_in_one_spelling_only() {
        let key = ProfileKey { kind: ProfileKind::Chip, hash: 0xab };
        assert_eq!(key.text(), "nfc/00000000000000ab");
        assert_eq!(ProfileKey::parse(&key.text()), Some(key));
        for other in [
            "nfc/ab",
            "nfc/00000000000000AB",
            "x/00000000000000ab",
            "pos/0000000000000000",
            "pos/+00000000000000a",
        ] {
            assert_eq!(ProfileKey::parse(other), None, "{other}");
        }
    }
}
