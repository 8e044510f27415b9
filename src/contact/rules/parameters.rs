//! The parameters of the rules, as `config/contact.toml` has them.

use super::reading::Reading;
use crate::contact::words::{CaseKind, Channel, Status, Theme};
use std::collections::BTreeMap;

/// What decides whether a person may be contacted.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The jurisdiction of people of whom none is known; none: no policy holds for them.
    pub jurisdiction: Option<String>,
    /// Themes that collect a debt.
    pub collection: Vec<Theme>,
    /// What interactions mean.
    pub reading: Reading,
    /// What cases refuse, in the order of [`CaseKind`].
    pub cases: [Suppression; CaseKind::ALL.len()],
    /// What the statuses of accounts refuse, in the order of [`Status`].
    pub accounts: [Suppression; Status::ALL.len()],
    /// Policies by the jurisdictions that they hold for.
    pub policies: BTreeMap<String, Policy>,
    /// Time zones of places.
    pub places: BTreeMap<String, Vec<String>>,
    /// Themes that subjects imply; none: the subject says nothing of why.
    pub subjects: BTreeMap<String, Option<Theme>>,
    /// Hash of the text of these rules.
    pub ruleset: u128,
}

/// Which themes are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuses {
    /// All but [`Theme::AccountCredentials`].
    All,
    /// Those that collect a debt.
    Collection,
    /// None.
    Nothing,
}

/// What a kind of case or a status refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Which themes.
    pub refuses: Refuses,
    /// Subjects that may go out all the same.
    pub subjects: Vec<String>,
}

/// What holds for the people of a jurisdiction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Calls about one debt within [`Self::calls_days`]; 0: no such rule.
    pub calls_max: u32,
    /// Consecutive days, at least 1.
    pub calls_days: u32,
    /// Days from a conversation on, its own included, without a call; 0: no such rule.
    pub conversation_days: u32,
    /// Days from a direct prior consent on, its own included, for which it lifts rules; 0: it lifts none.
    pub consent_days: u32,
    /// Seconds of the local day from which on a person may be contacted, and up to which. The same: no such rule.
    pub hours: [u32; 2],
    /// Channels that hours hold for.
    pub hours_channels: Vec<Channel>,
}

impl Rules {
    /// The policy of a jurisdiction: of the longest name that is it, or begins it before a hyphen.
    #[must_use]
    pub fn policy(&self, jurisdiction: &str) -> Option<&Policy> {
        let mut name = jurisdiction;
        loop {
            if let Some(policy) = self.policies.get(name) {
                return Some(policy);
            }
            name = name.rsplit_once('-')?.0;
        }
    }

    /// Whether these refuse a request with one of `themes`.
    #[must_use]
    pub fn refuses(&self, refuses: Refuses, themes: &[Theme]) -> bool {
        themes.iter().any(|theme| match refuses {
            Refuses::All => *theme != Theme::AccountCredentials,
            Refuses::Collection => self.collection.contains(theme),
            Refuses::Nothing => false,
        })
    }
}
