//! The flow's declaration: its inputs, its outputs, and what they are keyed by.

use crate::domain::flow::{Flow, FlowTopics, Topics};

/// Requests, interactions, party records and facts of accounts in; decisions and results of interactions out.
pub static FLOW: Flow = Flow {
    name: "contact",
    key: "party",
    entries: "parties",
    inputs: &["contact_requests", "interactions", "party_records", "parties"],
    outputs: &["contact_decisions", "interaction_results"],
    latest: &[],
    feeds: &[],
    own: &[PARTIES],
    numbered: &[],
    asked: &[INTERACTIONS],
    ticks: None,
};

/// How many inputs it has.
pub const INPUTS: usize = 4;
/// The place of the requests among the inputs.
pub const CONTACT_REQUESTS: usize = 0;
/// The place of the interactions among the inputs.
pub const INTERACTIONS: usize = 1;
/// The place of the party records among the inputs.
pub const PARTY_RECORDS: usize = 2;
/// The place of the facts of accounts among the inputs.
pub const PARTIES: usize = 3;
/// The place of the decisions among the outputs.
pub const CONTACT_DECISIONS: usize = 0;
/// The place of the results of interactions among the outputs.
pub const INTERACTION_RESULTS: usize = 1;

impl Topics {
    /// The topics of this flow. Inputs in their order: requests, interactions, party records, facts of accounts; outputs:
    /// decisions, results of interactions.
    #[must_use]
    pub fn of_contact(
        inputs: [String; INPUTS],
        outputs: [String; 2],
        dead_letters: String,
        journal: String,
    ) -> FlowTopics {
        FlowTopics { flow: &FLOW, inputs: inputs.into(), outputs: outputs.into(), dead_letters, journal }
    }
}
