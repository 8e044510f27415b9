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
    /// Text for the merchant: what to mend at the till, never why an account is refused.
    pub message: String,
    /// Field at fault.
    pub field: Option<String>,
    /// Text for analysts and support: the figures compared.
    pub detail: Option<String>,
    /// How many more of its check are counted only, where it is the last one that is listed.
    further: u32,
}

impl Finding {
    /// A finding as the catalogue has it: first code, usual kind and action.
    ///
    /// A [`Effect::Note`] is a notification whatever the check usually is. `told` is what was found: the merchant's text,
    /// or the detail where the check [withholds its reason](Check::withholds_reason) from the merchant, who then reads one
    /// neutral sentence.
    #[must_use]
    pub fn new(check: Check, effect: Effect, told: String) -> Self {
        let entry = check.entry();
        let kind = if effect == Effect::Note { MessageType::NotificationMessage } else { entry.kind };
        let action = if effect == Effect::Note { ActionCode::Unavailable } else { entry.action };
        let code = entry.codes[0].clone();
        let (message, detail) = match check.withholds_reason() {
            true => (neutral(effect).to_owned(), Some(told)),
            false => (told, None),
        };
        Self { check, code, effect, kind, action, message, field: None, detail, further: 0 }
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

    /// Says how many more of its check there were.
    fn tell_further(&mut self) {
        let told = match &mut self.detail {
            _ if self.further == 0 => return,
            Some(detail) if self.check.withholds_reason() => {
                neutral(self.effect).clone_into(&mut self.message);
                detail
            }
            _ => &mut self.message,
        };
        told.push_str(&format!("; {} more of these are counted only", self.further));
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
    /// Adds what a check finds wrong with a field, as [`Finding::new`] has it.
    pub fn report(&mut self, check: Check, effect: Effect, field: &str, told: impl Into<String>) {
        self.add(Finding::new(check, effect, told.into()).at(field));
    }

    /// Adds a finding. From the 20th of one check on they are counted instead.
    pub fn add(&mut self, finding: Finding) {
        let same = self.0.iter().filter(|other| other.check == finding.check).count();
        if same < limits::MESSAGES_PER_CHECK_MAX {
            self.0.push(finding);
        } else if let Some(last) = self.0.iter_mut().rev().find(|other| other.check == finding.check) {
            last.effect = last.effect.max(finding.effect);
            last.further += 1;
        }
    }

    /// Adds those of another list that are wanted.
    pub(super) fn add_all(&mut self, others: Self, wanted: impl Fn(&Finding) -> bool) {
        others.0.into_iter().filter(wanted).for_each(|finding| self.add(finding));
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

    /// What was found. The last one of a check says how many more there were.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<Finding> {
        self.0.iter_mut().for_each(Finding::tell_further);
        self.0
    }
}

/// What the merchant reads where the reason is withheld: the same for all such checks, so that it tells none from another.
pub(super) fn neutral(effect: Effect) -> &'static str {
    match effect {
        Effect::Note => "for information only: nothing needs to be done at the till",
        Effect::Pending => "nothing is booked before the customer has taken the step that actionCode names",
        Effect::Reject | Effect::NotEvaluated => {
            "this cannot be booked to the account: actionCode says what the customer can do"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_that_withhold_their_reason_differ_in_nothing_that_the_merchant_reads() {
        let confidential = Check::ALL.iter().filter(|check| check.withholds_reason());
        assert!(confidential.clone().count() >= 11);
        for effect in [Effect::Note, Effect::Pending, Effect::Reject] {
            for check in confidential.clone() {
                let finding = Finding::new(*check, effect, "500.01 > 500".to_owned()).at("totalAmount");
                assert_eq!(finding.message, neutral(effect), "{check:?}");
                assert_eq!(finding.field.as_deref(), Some("totalAmount"), "{check:?}");
                assert_eq!(finding.detail.as_deref(), Some("500.01 > 500"), "{check:?}");
            }
        }
    }

    #[test]
    fn what_is_counted_only_stands_in_the_detail_of_what_is_withheld() {
        let mut findings = Findings::default();
        for number in 0..=limits::MESSAGES_PER_CHECK_MAX + 1 {
            let effect =
                if number < limits::MESSAGES_PER_CHECK_MAX { Effect::Pending } else { Effect::Reject };
            findings.add(Finding::new(Check::Velocity, effect, format!("window {number}")));
        }
        let last = findings.into_vec().pop().expect("the last");
        assert_eq!((last.effect, &*last.message), (Effect::Reject, neutral(Effect::Reject)));
        assert_eq!(last.detail, Some("window 19; 2 more of these are counted only".to_owned()));
    }
}
