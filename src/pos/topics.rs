//! The topics of this flow by name: for whoever knows it.

use super::input::{ACCOUNT_RESULTS, OUTCOMES};
use super::{FLOW, INPUTS, Input};
use crate::domain::flow::{FlowTopics, Topics};

impl Topics {
    /// The topics of this flow alone, and the rulesets'. Inputs in their order: POS events, account events, ticks; outputs:
    /// outcomes, results of account events.
    #[must_use]
    pub fn of_pos(
        inputs: [String; INPUTS],
        [pos_outcomes, account_results]: [String; 2],
        dead_letters: String,
        journal: String,
        rulesets: String,
    ) -> Self {
        let flow = FlowTopics {
            flow: &FLOW,
            inputs: inputs.into(),
            outputs: vec![pos_outcomes, account_results],
            dead_letters,
            journal,
        };
        Self { flows: vec![flow], rulesets }
    }

    /// Input: POS events.
    #[must_use]
    pub fn pos_events(&self) -> &str {
        &self.of(&FLOW).inputs[Input::PosEvents as usize]
    }

    /// Input: account events.
    #[must_use]
    pub fn account_events(&self) -> &str {
        &self.of(&FLOW).inputs[Input::AccountEvents as usize]
    }

    /// Input: ticks, which tillgate writes itself.
    #[must_use]
    pub fn pos_ticks(&self) -> &str {
        &self.of(&FLOW).inputs[Input::Ticks as usize]
    }

    /// Output: outcomes.
    #[must_use]
    pub fn pos_outcomes(&self) -> &str {
        &self.of(&FLOW).outputs[OUTCOMES]
    }

    /// Output: what became of account events whose senders asked.
    #[must_use]
    pub fn account_results(&self) -> &str {
        &self.of(&FLOW).outputs[ACCOUNT_RESULTS]
    }

    /// Output: records that could not be used.
    #[must_use]
    pub fn dead_letters(&self) -> &str {
        &self.of(&FLOW).dead_letters
    }

    /// The state journal.
    #[must_use]
    pub fn journal(&self) -> &str {
        &self.of(&FLOW).journal
    }
}

/// This flow's, by the names that they have where none are set.
impl Default for Topics {
    fn default() -> Self {
        Self::of_pos(
            ["pos.events".into(), "account.events".into(), "tillgate.ticks".into()],
            ["pos.outcomes".into(), "account.results".into()],
            "pos.dead-letters".into(),
            "tillgate.journal".into(),
            "tillgate.rulesets".into(),
        )
    }
}
