//! What checks find: findings, their effect on the outcome, and how they combine.

use super::catalogue::Check;
use crate::domain::code::Code;
use crate::domain::enums::{ActionCode, MessageType, Verdict};
use crate::domain::limits;

/// What a failed check does to the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// A message only.
    Note,
    /// The event waits for a step of the consumer.
    Pending,
    /// The event is refused.
    Reject,
    /// The event cannot be judged.
    NotEvaluated,
}

impl Effect {
    /// The outcome where this is the strongest effect.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Note => Verdict::Accepted,
            Self::Pending => Verdict::Pending,
            Self::Reject => Verdict::Rejected,
            Self::NotEvaluated => Verdict::NotEvaluated,
        }
    }
}

/// Whether a check runs, and what it does when it fails: `enabled` and `outcome` of its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whether it runs.
    pub enabled: bool,
    /// What it does.
    pub effect: Effect,
}

/// One failed check, or one of its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// The code for machines.
    pub code: Code,
    /// What it does to the outcome.
    pub effect: Effect,
    /// Kind of message.
    pub kind: MessageType,
    /// What can be done.
    pub action: ActionCode,
    /// Text for the merchant.
    pub message: String,
    /// Field at fault.
    pub field: Option<String>,
    /// Text for analysts and support: the figures compared.
    pub detail: Option<String>,
}

impl Finding {
    /// A finding as the catalogue has it: first code, usual kind and action.
    ///
    /// A [`Effect::Note`] is a notification whatever the check usually is.
    #[must_use]
    pub fn new(check: Check, effect: Effect, message: String) -> Self {
        let entry = check.entry();
        let kind = if effect == Effect::Note { MessageType::NotificationMessage } else { entry.kind };
        let action = if effect == Effect::Note { ActionCode::Unavailable } else { entry.action };
        Self { check, code: entry.codes[0].clone(), effect, kind, action, message, field: None, detail: None }
    }

    /// With the field at fault.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// With a detail for analysts and support.
    #[must_use]
    pub fn detailed(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With another of the check's codes, by its place.
    #[must_use]
    pub fn coded(mut self, place: usize) -> Self {
        self.code = self.check.entry().codes[place].clone();
        self
    }

    /// With another action.
    #[must_use]
    pub fn asking(mut self, action: ActionCode) -> Self {
        self.action = action;
        self
    }
}

/// The findings of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a finding. From the 20th of one check on they are counted instead.
    pub fn add(&mut self, finding: Finding) {
        let same = self.0.iter().filter(|other| other.check == finding.check).count();
        if same < limits::MESSAGES_PER_CHECK_MAX {
            self.0.push(finding);
        } else if let Some(last) = self.0.iter_mut().rev().find(|other| other.check == finding.check) {
            if !last.message.ends_with(MORE) {
                last.message.push_str(MORE);
            }
            last.effect = last.effect.max(finding.effect);
        }
    }

    /// The same, by catalogue number; findings of one check stay in the order they were made.
    #[must_use]
    pub fn in_catalogue_order(mut self) -> Self {
        self.0.sort_by_key(|finding| finding.check);
        self
    }

    /// The strongest effect; none where all is well.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.0.iter().map(|finding| finding.effect).max().unwrap_or(Effect::Note)
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was found.
    #[must_use]
    pub fn into_vec(self) -> Vec<Finding> {
        self.0
    }
}

const MORE: &str = "; further lines have the same fault";
