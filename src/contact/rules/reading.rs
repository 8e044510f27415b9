//! What the words of interactions mean to the rules.

use crate::contact::party::{RememberedInteraction, word_hash};
use crate::contact::words::Theme;
use std::collections::BTreeMap;

/// What an interaction is, one bit for each thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meaning(pub u8);

impl Meaning {
    /// A telephone call by us.
    pub const PLACED: Self = Self(1);
    /// One by the person.
    pub const INCOMING: Self = Self(2);
    /// Not connected to the number that was dialled.
    pub const NOT_CONNECTED: Self = Self(4);
    /// Somebody spoke with the person.
    pub const CONVERSATION: Self = Self(8);
    /// The person agreed directly to further calls.
    pub const CONSENT: Self = Self(16);
    /// To a person named in 12 CFR 1006.6(d)(1)(ii) to (vi).
    pub const EXEMPT: Self = Self(32);

    /// All, by the names that settings have.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("placed", Self::PLACED),
        ("incoming", Self::INCOMING),
        ("not-connected", Self::NOT_CONNECTED),
        ("conversation", Self::CONVERSATION),
        ("consent", Self::CONSENT),
        ("exempt", Self::EXEMPT),
    ];

    /// Whether it is one of these.
    #[must_use]
    pub fn is(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is a telephone call by us that reached the number that was dialled.
    #[must_use]
    pub fn is_call_placed(self) -> bool {
        self.is(Self::PLACED) && !self.is(Self::NOT_CONNECTED)
    }

    /// Whether somebody spoke with the person by telephone.
    #[must_use]
    pub fn is_conversation(self) -> bool {
        let is_call = self.is(Self::PLACED) || self.is(Self::INCOMING);
        is_call && self.is(Self::CONVERSATION) && !self.is(Self::NOT_CONNECTED)
    }
}

/// `contact.reading`, its words as [`word_hash`]es.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What types mean.
    pub types: BTreeMap<u32, Meaning>,
    /// What channels mean.
    pub channels: BTreeMap<u32, Meaning>,
    /// What outcomes mean.
    pub outcomes: BTreeMap<u32, Meaning>,
    /// What an outcome means that is none of these.
    pub outcome_unlisted: Meaning,
    /// What it means that there is none.
    pub outcome_missing: Meaning,
    /// Themes of purposes.
    pub purposes: BTreeMap<u32, Theme>,
    /// The theme of a purpose that is none of these, and of none.
    pub purpose_unlisted: Option<Theme>,
    /// Types of linked resources that are debts.
    pub debts: Vec<u32>,
}

/// What an interaction is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The debt whose id has this hash.
    Debt(u64),
    /// Every debt of the person.
    EveryDebt,
    /// None.
    Nothing,
}

impl Reading {
    /// What an interaction is.
    #[must_use]
    pub fn meaning(&self, of: &RememberedInteraction) -> Meaning {
        let listed = |map: &BTreeMap<u32, Meaning>, word: u32| map.get(&word).copied();
        let outcome = match of.words.outcome {
            0 => self.outcome_missing,
            word => listed(&self.outcomes, word).unwrap_or(self.outcome_unlisted),
        };
        let kind = listed(&self.types, of.words.kind).unwrap_or_default();
        let channel = match self.channels.is_empty() {
            true => None,
            false => listed(&self.channels, word_hash(of.channel.symbol())),
        };
        kind.and(outcome).and(channel.unwrap_or_default())
    }

    /// Why it took place.
    #[must_use]
    pub fn theme(&self, of: &RememberedInteraction) -> Option<Theme> {
        self.purposes.get(&of.words.purpose).copied().or(self.purpose_unlisted)
    }

    /// What it is about.
    #[must_use]
    pub fn about(&self, of: &RememberedInteraction) -> About {
        match (of.words.resource, of.debt) {
            (0, 0) => About::EveryDebt,
            (0, debt) => About::Debt(debt),
            // Of one of them, and nobody knows which.
            (resource, 0) if self.debts.contains(&resource) => About::EveryDebt,
            (resource, debt) if self.debts.contains(&resource) => About::Debt(debt),
            _ => About::Nothing,
        }
    }
}
