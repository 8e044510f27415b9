//! The flow's declaration: its inputs, its output, and what they are keyed by.

use crate::domain::flow::{Flow, FlowTopics, Topics};

/// Observations and reference records in, profiles out.
pub static FLOW: Flow = Flow {
    name: "profiles",
    key: "terminal or chip",
    entries: "profiles",
    inputs: &["observations", "profile_records"],
    outputs: &["profiles"],
    latest: &[PROFILES],
    feeds: &[],
    own: &[OBSERVATIONS],
    numbered: &[OBSERVATIONS],
    asked: &[],
    ticks: None,
};

/// The place of the observations among the inputs.
pub const OBSERVATIONS: usize = 0;
/// The place of the reference records among the inputs.
pub const PROFILE_RECORDS: usize = 1;
/// The place of the profiles among the outputs.
pub const PROFILES: usize = 0;

impl Topics {
    /// The topics of this flow. Inputs in their order: observations, reference records.
    #[must_use]
    pub fn of_profiles(
        inputs: [String; 2],
        profiles: String,
        dead_letters: String,
        journal: String,
    ) -> FlowTopics {
        FlowTopics { flow: &FLOW, inputs: inputs.into(), outputs: vec![profiles], dead_letters, journal }
    }
}
