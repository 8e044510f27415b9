//! Group velocity (checks 41, 42): how much and how often in exact sliding windows, and withdrawals a day.
//!
//! Windows look at one account's own events; a chip or a terminal across accounts is another check.

use super::Context;
use super::catalogue::Check;
use super::findings::{Effect, Finding, Findings, Rule};
use super::parameters::PerCurrency;
use super::repeat::short_hash;
use super::time::span;
use crate::domain::enums::{ActionCode, CountryCode, EventType};
use crate::domain::{Amount, Micros, limits};
use crate::state::{Account, Recent};
use jiff::tz::TimeZone;

/// `checks.velocity`
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// `windows.enabled`
    pub windows_enabled: bool,
    /// `windows.rules`, by name.
    pub windows: Vec<Window>,
    /// `withdrawal_cap`
    pub withdrawal_cap: Rule,
    /// `withdrawal_cap.each`
    pub cap_each: PerCurrency,
    /// `withdrawal_cap.day`
    pub cap_day: PerCurrency,
}

/// One sliding window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its name in the config.
    pub name: String,
    /// Whose events it looks at.
    pub scope: Scope,
    /// Whether refused events count.
    pub of: Counted,
    /// Its length; an event exactly this old is outside.
    pub span: Micros,
    /// More than this many fail; 0: no bound.
    pub count: usize,
    /// A sum above this fails.
    pub amount: PerCurrency,
    /// What it does.
    pub effect: Effect,
}

/// Whose events a window looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of the account's.
    Account,
    /// The account's on the same chip.
    Chip,
    /// The account's at the same terminal.
    Terminal,
}

/// Which events a window counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Those that were accepted.
    Accepted,
    /// All that were judged.
    Attempts,
}

impl Parameters {
    /// How long events must be remembered for these windows and a local day.
    #[must_use]
    pub fn memory(&self) -> Micros {
        self.windows.iter().map(|window| window.span).max().unwrap_or_default().max(limits::LOCAL_DAY_MAX)
    }
}

/// Checks 41 and 42.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let parameters = &context.parameters.velocity;
    if !context.event.spends() {
        return;
    }
    if parameters.windows_enabled {
        for window in &parameters.windows {
            check_window(context, window, findings);
        }
    }
    if parameters.withdrawal_cap.enabled && context.event.counts_as() == EventType::Withdrawal {
        withdrawal_cap(context, parameters, findings);
    }
}

/// Count and sum of what a window holds, the event at hand included.
struct Held {
    count: usize,
    sum: Amount,
    /// The account remembers as much as it may, and that reaches not back to the window's old end.
    cut_short: bool,
}

fn held(context: &Context<'_>, window: &Window) -> Option<Held> {
    let event = context.event;
    let key = match window.scope {
        Scope::Account => 0,
        Scope::Chip => short_hash(Some(event.event.nfc_id.as_deref()?)),
        Scope::Terminal => short_hash(Some(event.event.pos_id.as_deref()?)),
    };
    let begin = event.time.minus(window.span);
    let mut held = Held { count: 1, sum: event.total, cut_short: false };
    let Some(account) = context.account else { return Some(held) };
    for recent in spending(account) {
        let same = match window.scope {
            Scope::Account => true,
            Scope::Chip => recent.chip == key,
            Scope::Terminal => recent.terminal == key,
        };
        let counted = window.of == Counted::Attempts || recent.flags.accepted();
        if same && counted && recent.time > begin && recent.time <= event.time {
            held.count += 1;
            held.sum = held.sum.saturating_plus(recent.amount);
        }
    }
    held.cut_short = account.recent.len() >= limits::RECENT_EVENTS_MAX
        && account.recent.front().is_some_and(|oldest| oldest.time > begin);
    Some(held)
}

fn spending(account: &Account) -> impl Iterator<Item = &Recent> {
    account
        .recent
        .iter()
        .filter(|recent| matches!(recent.flags.event_type(), EventType::Purchase | EventType::Withdrawal))
}

/// Check 41, one window.
fn check_window(context: &Context<'_>, window: &Window, findings: &mut Findings) {
    let most = window.amount.get(context.event.currency);
    let Some(held) = held(context, window) else { return };
    let too_many = window.count > 0 && held.count > window.count;
    let too_much = most.filter(|most| held.sum > *most);
    if !too_many && too_much.is_none() && !held.cut_short {
        return;
    }
    let whose = match window.scope {
        Scope::Account => "of this account",
        Scope::Chip => "on this chip",
        Scope::Terminal => "at this terminal",
    };
    let what = if window.of == Counted::Accepted { "accepted events" } else { "attempts" };
    let (count, sum, length, name) = (held.count, held.sum, span(window.span), &window.name);
    let message = if too_many {
        format!(
            "{count} {what} {whose} within {length}, at most {} are allowed (window {name})",
            window.count
        )
    } else if let Some(most) = too_much {
        format!("{sum} in {what} {whose} within {length}, at most {most} is allowed (window {name})")
    } else {
        format!(
            "more than {} events {whose}: window {name} over {length} cannot be told",
            limits::RECENT_EVENTS_MAX
        )
    };
    let finding = Finding::new(Check::Velocity, window.effect, message);
    findings.add(match window.effect {
        Effect::Reject => finding.asking(ActionCode::OfferSecurePaymentMethods),
        _ => finding,
    });
}

/// Check 42: one withdrawal, and those of one local day.
fn withdrawal_cap(context: &Context<'_>, parameters: &Parameters, findings: &mut Findings) {
    let event = context.event;
    let effect = parameters.withdrawal_cap.effect;
    if let Some(cap) = parameters.cap_each.get(event.currency).filter(|cap| event.total > *cap) {
        let message = format!("the withdrawal of {} is above the cap of {cap} for one", event.total);
        findings.add(Finding::new(Check::WithdrawalCap, effect, message).at("totalAmount"));
    }
    let (Some(cap), Some(account)) = (parameters.cap_day.get(event.currency), context.account) else {
        return;
    };
    let day = local_day(event.country, event.time);
    let earlier = account
        .recent
        .iter()
        .filter(|recent| recent.flags.event_type() == EventType::Withdrawal && recent.flags.accepted())
        .filter(|recent| recent.time.0.abs_diff(event.time.0) <= limits::LOCAL_DAY_MAX.0.unsigned_abs())
        .filter(|recent| local_day(event.country, recent.time) == day)
        .fold(Amount::ZERO, |sum, recent| sum.saturating_plus(recent.amount));
    let sum = earlier.saturating_plus(event.total);
    if sum > cap {
        let message = format!("withdrawals of the day sum up to {sum}, above the cap of {cap} a day");
        findings.add(Finding::new(Check::WithdrawalCap, effect, message).at("totalAmount"));
    }
}

/// The calendar day in a country's capital, as a count that differs from day to day.
fn local_day(country: CountryCode, time: Micros) -> Option<(i16, i16)> {
    let zone = time_zone(country)?;
    let local = jiff::Timestamp::from_microsecond(time.0).ok()?.to_zoned(zone).date();
    Some((local.year(), local.day_of_year()))
}

/// The time zone of a country, from the tz database that is built in.
fn time_zone(country: CountryCode) -> Option<TimeZone> {
    let name = match country {
        CountryCode::No => "Europe/Oslo",
        CountryCode::Se => "Europe/Stockholm",
        CountryCode::Fi => "Europe/Helsinki",
        CountryCode::Dk => "Europe/Copenhagen",
        CountryCode::De => "Europe/Berlin",
        CountryCode::At => "Europe/Vienna",
        CountryCode::Ch => "Europe/Zurich",
        CountryCode::Nl => "Europe/Amsterdam",
        CountryCode::Be => "Europe/Brussels",
        CountryCode::Unrecognized => return None,
    };
    static BUNDLED: std::sync::LazyLock<jiff::tz::TimeZoneDatabase> =
        std::sync::LazyLock::new(jiff::tz::TimeZoneDatabase::bundled);
    BUNDLED.get(name).ok()
}
