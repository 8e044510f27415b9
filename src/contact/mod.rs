//! The flow of contact decisions: interactions, requests and what is known of a person in, answers out, keyed by party. Party
//! records and facts of accounts are what requests are judged by; the rules are in `rules`, and say nothing about POS events.

mod decision;
mod model;
mod offline;
mod party;
mod records;
pub mod rules;
mod seen;
mod setup;
mod state;
mod topics;
mod words;

pub use decision::{ContactDecision, ReadDecision, Reason, read_decision};
pub use model::Contacts;
pub use offline::{ContactAnswer, OfflineContacts};
pub use party::word_hash;
pub use records::{
    Case, Contact, ContactDetails, ContactRequest, DAYS, Day, EventId, InconvenientTime, Interaction, Loan,
    PartyFact, PartyRecord, RecordFault, read as read_json,
};
pub use rules::Rules;
pub use seen::PartyView;
pub use setup::Setup;
pub use state::ContactState;
pub use topics::{
    CONTACT_DECISIONS, CONTACT_REQUESTS, FLOW, INPUTS, INTERACTION_RESULTS, INTERACTIONS, PARTIES,
    PARTY_RECORDS,
};
pub use words::{CaseKind, Channel, ContactKind, InteractionChannel, SUBJECTS, Status, Statuses, Theme};

/// A partition of this flow.
pub type Partition = crate::pipeline::Partition<Contacts>;
