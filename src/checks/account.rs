//! Group account (checks 23-28, 30): what the account's standing allows. Whether its state is here at all (22) is looked at
//! before.

use super::Context;
use super::catalogue::Check;
use super::findings::{Effect, Finding, Findings, Rule};
use crate::domain::enums::ActionCode;
use crate::domain::visible::visible;
use crate::state::{Account, AccountFlags};
use std::collections::BTreeMap;

/// `checks.account`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `unknown`: what happens to an account that nothing has opened.
    pub unknown: UnknownAccount,
    /// `open_max`: accounts of a partition beyond which none opens by itself.
    pub open_max: usize,
    /// `stopped`
    pub stopped: Rule,
    /// `dunning`
    pub dunning: Rule,
    /// `closed`
    pub closed: Rule,
    /// `default`
    pub default: Rule,
    /// `flag.enabled`
    pub flag: bool,
    /// `flag.unlisted`
    pub unlisted_flag: FlagEffect,
    /// `flag.names`
    pub flags: BTreeMap<String, FlagEffect>,
    /// `chargeback`
    pub chargeback: Rule,
}

/// What happens to an event of an unknown account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownAccount {
    /// It is refused.
    Reject,
    /// The account opens with the default limit.
    Open,
}

/// What a flag does, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlagEffect {
    /// Nothing.
    Ignore,
    /// A message only.
    Note,
    /// Asks the consumer to identify.
    Review,
    /// Refuses.
    Block,
}

impl Parameters {
    /// What a flag of this name does.
    #[must_use]
    pub fn flag_effect(&self, name: &str) -> FlagEffect {
        *self.flags.get(name).unwrap_or(&self.unlisted_flag)
    }
}

/// Checks 23 to 28 and 30.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let parameters = &context.parameters.account;
    let Some(account) = context.account else {
        unknown(parameters, findings);
        return;
    };
    if context.event().charges() {
        standing(account, parameters, findings);
        flags(account, parameters, findings);
    }
}

/// Whether an event of an unknown account is refused.
#[must_use]
pub fn refuses_unknown(parameters: &Parameters) -> bool {
    parameters.unknown == UnknownAccount::Reject
}

/// Checks 24 to 27 and 30.
pub fn standing(account: &Account, parameters: &Parameters, findings: &mut Findings) {
    for (check, rule, bit, text) in [
        (Check::AccountStopped, parameters.stopped, AccountFlags::STOPPED, "the account is stopped"),
        (Check::AccountDunning, parameters.dunning, AccountFlags::DUNNING, "the account is in dunning"),
        (Check::AccountClosed, parameters.closed, AccountFlags::CLOSED, "the account is closed"),
        (
            Check::AccountDefault,
            parameters.default,
            AccountFlags::DEFAULT,
            "the account is in default, which is not satisfied",
        ),
        (
            Check::Chargeback,
            parameters.chargeback,
            AccountFlags::CHARGEBACK,
            "a chargeback is open on the account",
        ),
    ] {
        if rule.enabled && account.standing.has(bit) {
            findings.report(check, rule.effect, "accountNumber", text);
        }
    }
}

/// Check 23: there is no account.
fn unknown(parameters: &Parameters, findings: &mut Findings) {
    if parameters.unknown == UnknownAccount::Reject {
        let message = "the account is unknown: no account event has opened it".to_owned();
        findings.report(Check::AccountUnknown, Effect::Reject, "accountNumber", message);
    }
}

/// Check 26 by itself, for a grant that nothing else is asked of.
#[must_use]
pub fn closed() -> Finding {
    let detail = "the account is closed".to_owned();
    Finding::new(Check::AccountClosed, Effect::Reject, detail).at("accountNumber")
}

/// Check 28.
fn flags(account: &Account, parameters: &Parameters, findings: &mut Findings) {
    for flag in account.flags().iter().filter(|_| parameters.flag) {
        let finding = |effect, what| {
            let detail = format!("the account is flagged \"{}\", which {what}", visible(flag));
            Finding::new(Check::AccountFlag, effect, detail).at("accountNumber")
        };
        match parameters.flag_effect(flag) {
            FlagEffect::Block => findings.add(finding(Effect::Reject, "blocks it")),
            FlagEffect::Review => findings
                .add(finding(Effect::Pending, "asks for a review").asking(ActionCode::AskConsumerToIdentify)),
            FlagEffect::Note => findings.add(finding(Effect::Note, "has no effect")),
            FlagEffect::Ignore => {}
        }
    }
}

/// Check 28 for a grant: what asks for a review does not stop it.
pub fn blocking_flags(account: &Account, parameters: &Parameters, findings: &mut Findings) {
    let mut all = Findings::default();
    flags(account, parameters, &mut all);
    findings.add_all(all, |found| found.effect == Effect::Reject);
}
