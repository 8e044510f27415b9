//! Group correction (check 44): a correction or cancellation needs an original, and cannot be above what is left of it.

use super::catalogue::Check;
use super::content::KnownEvent;
use super::findings::{Effect, Finding, Findings, Rule};
use crate::domain::enums::{EventType, Verdict};
use crate::domain::{Amount, Micros};
use crate::state::{Account, Correctable, MoneyKind, Remembered, Taking};

/// `checks.correction`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `original`
    pub original: Rule,
    /// `cancel`: whether a purchase or withdrawal of category Cancel takes an earlier one back.
    pub cancel_takes_back: bool,
    /// `unlinked`: what a correction does whose original is not found, while the account's sum suffices.
    pub unlinked: Effect,
    /// `originals`: how long originals are remembered.
    pub originals: Micros,
}

impl Parameters {
    fn refuse(&self, message: String, findings: &mut Findings) {
        if self.original.enabled {
            findings.report(Check::Correction, self.original.effect, "totalAmount", message);
        }
    }
}

/// What an account can give back, and to what.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'s> {
    /// The account.
    pub account: &'s Account,
    /// Its [`Account::recent`].
    pub recent: &'s [Remembered],
    /// Stream time.
    pub now: Micros,
}

/// Which kinds of events a correction takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TakesBack {
    purchases: bool,
    withdrawals: bool,
    /// Fees, and positive corrections.
    all: bool,
}

impl TakesBack {
    fn of(event_type: EventType) -> Self {
        match event_type {
            EventType::Purchase => Self { purchases: true, withdrawals: false, all: false },
            EventType::Correction => Self { purchases: true, withdrawals: true, all: true },
            _ => Self { purchases: false, withdrawals: true, all: false },
        }
    }

    fn takes(self, kind: MoneyKind) -> bool {
        !kind.gives_back
            && match kind.event_type {
                EventType::Purchase => self.purchases,
                EventType::Withdrawal => self.withdrawals,
                EventType::Correction | EventType::Interest | EventType::WithdrawalCommission => self.all,
                _ => false,
            }
    }

    fn of_sums(self, correctable: Correctable) -> Correctable {
        let only = |takes: bool, amount: Amount| if takes { amount } else { Amount::ZERO };
        Correctable {
            purchases: only(self.purchases, correctable.purchases),
            withdrawals: only(self.withdrawals, correctable.withdrawals),
            fees: only(self.all, correctable.fees),
        }
    }

    fn names(self) -> &'static str {
        match (self.purchases, self.withdrawals) {
            (true, true) => "purchases, withdrawals and fees",
            (true, false) => "purchases",
            _ => "withdrawals",
        }
    }
}

/// How an original was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Original {
    /// This one.
    Found(Remembered),
    /// The event names one that is not known.
    Unknown,
    /// None that fits.
    Unlinked,
}

/// What a correction takes back, and what check 44 finds.
#[derive(Debug, Default)]
pub struct Corrected {
    /// What it takes; none where it is no correction.
    pub taking: Option<Taking>,
    /// The original, where one was found.
    pub original: Option<Remembered>,
}

/// Check 44. `topic` is that of POS events, for the id of the original's outcome.
pub fn check(
    known: &KnownEvent<'_, '_>,
    ledger: Option<Ledger<'_>>,
    parameters: &Parameters,
    topic: &str,
    findings: &mut Findings,
) -> Corrected {
    let event = known.event;
    if !event.gives_back() || event.given_back().is_zero() {
        return Corrected::default();
    }
    let takes = TakesBack::of(event.event_type);
    let amount = event.given_back();
    let found = ledger.map_or(Original::Unlinked, |ledger| find(known, takes, ledger, parameters));
    let mut refuse = |message: String| parameters.refuse(message, findings);
    // In another currency than the account's nothing was charged that could be taken back.
    let same_currency = |ledger: &Ledger<'_>| ledger.account.currency.is_none_or(|own| own == event.currency);
    let sums = ledger.filter(same_currency).map(|ledger| takes.of_sums(ledger.account.correctable));
    let sums = sums.unwrap_or_default();
    let original = match found {
        Original::Found(original) => Some(original),
        Original::Unknown => {
            refuse("correctsTransactionId names no event of the account that is known".to_owned());
            None
        }
        Original::Unlinked => None,
    };
    if let Some(original) = original {
        let fits = takes.takes(original.kind) && original.kind.currency == event.currency;
        let left = if original.stands() { original.left } else { Amount::ZERO };
        if !fits {
            refuse(format!(
                "the event to be taken back is a {} in {}: this one takes back {} in {}",
                original.kind.event_type,
                original.kind.currency,
                takes.names(),
                event.currency
            ));
        } else if amount > left {
            refuse(format!("{amount} is to be taken back of an event of which {left} is left"));
        } else if original.verdict == Verdict::Accepted && amount > sums.sum() {
            refuse(format!("{amount} is to be taken back, above what is not yet taken back of the account"));
        }
    } else if found == Original::Unlinked {
        unlinked(takes, amount, sums, parameters, findings);
    }
    let is_pending = original.is_some_and(|original| original.verdict == Verdict::Pending);
    let of_sums = if is_pending { Correctable::default() } else { split(amount, sums, original) };
    let taking = Taking {
        original: original.map(|original| original.place),
        corrects: original.and_then(|original| original.transaction_id(topic)),
        amount,
        of_sums,
    };
    Corrected { taking: Some(taking), original }
}

/// No original is found: the account's sum is the measure.
fn unlinked(
    takes: TakesBack,
    amount: Amount,
    sums: Correctable,
    parameters: &Parameters,
    findings: &mut Findings,
) {
    let what = takes.names();
    let sum = sums.sum();
    if amount > sum {
        let message = match sum.is_zero() {
            true => format!("{amount} is to be taken back, but the account has no {what} that could be"),
            false => format!("{amount} is to be taken back, above the {sum} of {what} not yet taken back"),
        };
        parameters.refuse(message, findings);
        return;
    }
    let message =
        format!("no event is found of which {amount} is to be taken back: name it in correctsTransactionId");
    let finding = Finding::new(Check::Correction, parameters.unlinked, message).coded(1);
    findings.add(finding.at("correctsTransactionId"));
}

/// Looks for the original: by name, by the event's own id, by terminal and amount, by terminal.
fn find(
    known: &KnownEvent<'_, '_>,
    takes: TakesBack,
    ledger: Ledger<'_>,
    parameters: &Parameters,
) -> Original {
    let from = ledger.now.minus(parameters.originals);
    let is_here = |original: &Remembered| original.verdict == Verdict::Pending || original.seen >= from;
    // The newest first; of one time, the one that was decided last.
    let mut originals: Vec<Remembered> = ledger
        .account
        .older()
        .chain(ledger.recent.iter().copied())
        .filter(|event| !event.kind.gives_back && event.kind.event_type != EventType::Info && is_here(event))
        .collect();
    originals.reverse();
    originals.sort_by_key(|original| std::cmp::Reverse(original.time));
    let named =
        |is_it: &dyn Fn(&Remembered) -> bool| originals.iter().find(|original| is_it(original)).copied();
    if known.event.content.corrects != 0 {
        let fitting = named(&|original| known.names(original) && takes.takes(original.kind));
        let named = fitting.or_else(|| named(&|original| known.names(original)));
        return named.map_or(Original::Unknown, Original::Found);
    }
    if let Some(original) = named(&|original| known.has_id_of(original)) {
        return Original::Found(original);
    }
    let amount = known.event.given_back();
    let enough = |original: &Remembered| {
        original.stands()
            && takes.takes(original.kind)
            && original.kind.currency == known.event.currency
            && known.is_terminal_of(original)
            && original.left >= amount
    };
    named(&|original| enough(original) && (original.amount == amount || original.left == amount))
        .or_else(|| named(&enough))
        .map_or(Original::Unlinked, Original::Found)
}

/// How what a correction of this type takes lowers the account's sums as they are.
#[must_use]
pub fn of_sums(
    event_type: EventType,
    amount: Amount,
    account: &Account,
    original: Option<Remembered>,
) -> Correctable {
    split(amount, TakesBack::of(event_type).of_sums(account.correctable), original)
}

/// Check 44 once more, for a Pending correction that is granted: what it reserved is still there, unless the event that it
/// corrects was refused meanwhile, or was Pending and has nothing left in the account's sums.
pub fn recheck(
    taking: &Taking,
    original: Option<Remembered>,
    account: &Account,
    (event_type, parameters): (EventType, &Parameters),
    findings: &mut Findings,
) {
    let sums = TakesBack::of(event_type).of_sums(account.correctable).sum();
    let is_unreserved = taking.of_sums.sum().is_zero();
    let message = match original {
        Some(original) if !original.stands() => "the event to be taken back was refused meanwhile".to_owned(),
        Some(original) if original.verdict == Verdict::Accepted && is_unreserved && sums < taking.amount => {
            format!("{} is to be taken back, above what is not yet taken back of the account", taking.amount)
        }
        _ => return,
    };
    parameters.refuse(message, findings);
}

/// How an amount lowers the account's sums: that of the original's kind first, then purchases, withdrawals, fees.
fn split(amount: Amount, sums: Correctable, original: Option<Remembered>) -> Correctable {
    let mut rest = amount;
    let mut taken = Correctable::default();
    let mut take = |taken: &mut Amount, sum: Amount| {
        let part = rest.min(sum.saturating_minus(*taken)).max(Amount::ZERO);
        *taken = taken.saturating_plus(part);
        rest = rest.saturating_minus(part);
    };
    match original.map(|original| original.kind) {
        Some(kind) if kind.is_fee() => take(&mut taken.fees, sums.fees),
        Some(kind) if kind.event_type == EventType::Withdrawal => {
            take(&mut taken.withdrawals, sums.withdrawals);
        }
        _ => {}
    }
    take(&mut taken.purchases, sums.purchases);
    take(&mut taken.withdrawals, sums.withdrawals);
    take(&mut taken.fees, sums.fees);
    taken
}
