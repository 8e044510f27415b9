//! Group nfc (checks 34, 35, 36 and 40): the chip that the customer paid with, by what the account system told of the account's
//! own chips, by what was charged to them, and by what the shared profiles know of it. Travel (39) has a file of its own.

pub mod sca;

use super::Context;
use super::catalogue::Check;
use super::content::KnownEvent;
use super::findings::{Finding, Findings, Rule};
use crate::domain::enums::EventType;
use crate::state::{Account, MasterData, old_id_hash};

/// `checks.nfc`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `missing`: off by default, for the contract does not say how a customer paid.
    pub missing: Rule,
    /// `unknown`
    pub unknown: Rule,
    /// `blocked`
    pub blocked: Rule,
    /// `sca`
    pub sca: sca::Parameters,
}

/// Checks 34, 35 and 36: for money to the customer too, but not for book-keeping.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let (known, parameters) = (context.known, &context.parameters.nfc);
    let event = context.event();
    if event.is_bookkeeping() {
        return;
    }
    let content = known.event.content;
    if content.chip == 0 {
        let bears_one = matches!(event.event_type, EventType::Purchase | EventType::Withdrawal);
        if parameters.missing.enabled && bears_one && content.terminal != 0 {
            let message = format!("a {} at a terminal has no nfcId", event.event_type);
            findings.report(Check::NfcMissing, parameters.missing.effect, "nfcId", message);
        }
        return;
    }
    if parameters.blocked.enabled {
        let chip = &context.profiles.chip;
        let why = match (chip.blocked, chip.of_another) {
            (true, _) => Some("nfcId is blocked for all accounts"),
            (false, true) => Some("nfcId is registered for another account"),
            (false, false) => None,
        };
        if let Some(why) = why {
            findings.add(blocked(parameters, why));
        }
    }
    let Some(told) = context.account.and_then(|account| account.master_data.as_deref()) else { return };
    let chip = hash(known, told);
    if parameters.unknown.enabled && !told.chips().is_empty() && told.chips().binary_search(&chip).is_err() {
        let count = told.chips().len();
        let detail = format!("nfcId is none of the {count} that are registered for the account");
        findings.report(Check::NfcUnknown, parameters.unknown.effect, "nfcId", detail);
    }
    if parameters.blocked.enabled && told.blocked_chips().binary_search(&chip).is_ok() {
        findings.add(blocked(parameters, FOR_THE_ACCOUNT));
    }
}

/// Check 36 for a grant: the chip may have been blocked since. `chip` is the hash that the account remembers.
pub fn blocked_since(account: &Account, chip: u64, parameters: &Parameters, findings: &mut Findings) {
    let told = account.master_data.as_deref().filter(|told| !told.old_hashes && chip != 0);
    if parameters.blocked.enabled
        && told.is_some_and(|told| told.blocked_chips().binary_search(&chip).is_ok())
    {
        findings.add(blocked(parameters, FOR_THE_ACCOUNT));
    }
}

const FOR_THE_ACCOUNT: &str = "nfcId is blocked for the account";

fn blocked(parameters: &Parameters, why: &str) -> Finding {
    Finding::new(Check::NfcBlocked, parameters.blocked.effect, why.to_owned()).at("nfcId")
}

/// The chip as the account's list has it: lists that were told before a journal of version 4 hold other hashes.
fn hash(known: &KnownEvent<'_, '_>, told: &MasterData) -> u64 {
    match told.old_hashes {
        true => old_id_hash(known.event.event.nfc_id.as_deref()),
        false => known.event.content.chip,
    }
}
