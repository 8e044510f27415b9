//! What is known of a person, for people: as `tillgate parties get` prints it. Decides nothing.

use super::party::{Party, RememberedInteraction};
use super::records::{ContactDetails, PartyRecord};
use super::rules::{About, Meaning, Rules};
use crate::domain::Micros;
use serde::Serialize;

/// What is known of a person.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartyView<'a> {
    party_id: &'a str,
    record: Option<&'a PartyRecord>,
    accounts: Vec<AccountView<'a>>,
    new_contacts: Vec<&'a ContactDetails>,
    interactions: Vec<InteractionView>,
    /// An interaction of then had to be forgotten before its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    forgotten_until: Option<Micros>,
}

#[derive(Debug, Serialize)]
struct AccountView<'a> {
    account: &'a str,
    statuses: Vec<&'static str>,
}

/// An interaction as the rules read it: its words are not kept.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InteractionView {
    event_id: String,
    occurred_at: Micros,
    channel: &'static str,
    is: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    theme: Option<&'static str>,
    about: &'static str,
}

impl<'a> PartyView<'a> {
    /// Of a person, by these rules.
    #[must_use]
    pub fn of(party: &'a Party, rules: &Rules) -> Self {
        let account = |fact: &'a super::party::AccountFact| AccountView {
            account: &fact.account,
            statuses: fact.statuses.iter().map(super::words::Status::symbol).collect(),
        };
        Self {
            party_id: &party.id,
            record: party.record.as_deref(),
            accounts: party.accounts.iter().map(account).collect(),
            new_contacts: party.found.iter().map(AsRef::as_ref).collect(),
            interactions: party.interactions.iter().map(|known| interaction(known, rules)).collect(),
            forgotten_until: party.cut,
        }
    }
}

fn interaction(known: &RememberedInteraction, rules: &Rules) -> InteractionView {
    let meaning = rules.reading.meaning(known);
    InteractionView {
        event_id: known.id().to_string(),
        occurred_at: known.occurred,
        channel: known.channel.symbol(),
        is: Meaning::NAMES.into_iter().filter(|(_, one)| meaning.is(*one)).map(|(name, _)| name).collect(),
        theme: rules.reading.theme(known).map(super::words::Theme::symbol),
        about: match rules.reading.about(known) {
            About::Debt(_) => "one debt",
            About::EveryDebt => "every debt",
            About::Nothing => "no debt",
        },
    }
}
