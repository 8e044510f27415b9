//! The checks: what is looked at, in which order, and what each answers.
//!
//! One file per catalogue group; [`catalogue`] fixes numbers, codes and the order of messages. A
//! check reads the event, the account and its parameters, and nothing else; it changes nothing.

pub mod account;
pub mod basket;
pub mod catalogue;
pub mod content;
pub mod correction;
pub mod fanout;
pub mod findings;
pub mod form;
pub mod identity;
pub mod limit;
pub mod nfc;
pub mod parameters;
pub mod repeat;
pub mod sense;
pub mod sound;
pub mod summaries;
pub mod terminal;
pub mod texts;
pub mod time;
pub mod travel;
pub mod velocity;

pub use catalogue::Check;
pub use content::{Content, KnownEvent};
pub use findings::{Effect, Finding, Findings, Rule};
pub use parameters::{ParameterSet, ParameterSets, PerCurrency};
pub use sound::SoundEvent;
pub use summaries::summary;
pub use texts::Texts;

use crate::domain::{Micros, ProfileView};
use crate::state::{Account, Remembered};

/// What a check may look at.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The event, its form found sound, and what it is told apart by.
    pub known: &'a KnownEvent<'a, 'a>,
    /// The account as it is before the event; none where it is unknown.
    pub account: Option<&'a Account>,
    /// The account's [`Account::recent`].
    pub recent: &'a [Remembered],
    /// What is known of its terminal and chip across accounts.
    pub profiles: &'a ProfileView,
    /// The parameters for the event's country and currency.
    pub parameters: &'a ParameterSet,
    /// The partition's stream time, this event included.
    pub now: Micros,
}

impl<'a> Context<'a> {
    /// The event.
    #[must_use]
    pub fn event(&self) -> &'a SoundEvent<'a> {
        self.known.event
    }
}

/// Runs every check after form but for corrections (44) and open holds (32), which look at what these find.
#[must_use]
pub fn run_all(context: &Context<'_>, repeat: &repeat::Repeat) -> Findings {
    let mut findings = Findings::default();
    basket::check(context, &mut findings);
    sense::check(context, &mut findings);
    time::check_late(context, &mut findings);
    repeat::check(context, repeat, &mut findings);
    account::check(context, &mut findings);
    nfc::check(context, &mut findings);
    terminal::check(context, &mut findings);
    if !context.event().is_bookkeeping() {
        travel::check(context, &mut findings);
    }
    let is_unknown = context.account.is_none() && account::refuses_unknown(&context.parameters.account);
    if !is_unknown && context.event().charges() {
        limit::check(context, &mut findings);
        identity::check(context, &mut findings);
        nfc::sca::check(context, &mut findings);
        velocity::check(context, &mut findings);
        fanout::check(context, &mut findings);
    }
    findings
}
