//! What a decision asks of the shared profiles, and what others learn of it for theirs. Looks nothing up: whoever calls the
//! engine does.

use super::Engine;
use crate::checks::{SoundEvent, travel};
use crate::domain::Micros;
use crate::domain::cut::cut_to;
use crate::domain::enums::{CountryCode, Verdict};
use crate::domain::ids::TransactionId;
use crate::domain::limits;
use crate::domain::outcome::Outcome;
use crate::domain::profile_view::ProfileQuestion;
use crate::state::{Account, PartitionState, id_hash, trimmed};
use std::borrow::Cow;

/// A use of a terminal and a chip: what the profiles of both are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting<'e> {
    /// Hash of the account's number.
    pub account: u64,
    /// When.
    pub time: Micros,
    /// In which country.
    pub country: CountryCode,
    /// What was answered.
    pub verdict: Verdict,
    /// It was answered Pending before, and is granted now.
    pub granted: bool,
    /// Hash of the terminal's id; 0: none.
    pub terminal: u64,
    /// Hash of the chip's id; 0: none.
    pub chip: u64,
    /// The terminal's id, for people.
    pub terminal_id: Option<Cow<'e, str>>,
    /// The terminal's name.
    pub terminal_name: Option<Cow<'e, str>>,
}

/// An id or a name as profiles have it.
fn text<'a>(text: &'a Option<Cow<'a, str>>) -> Option<Cow<'a, str>> {
    trimmed(text.as_deref()).map(|text| cut_to(text, limits::ID_CHARS_MAX))
}

impl Engine {
    /// What has to be known of the event's terminal and chip across accounts to decide on it; none for book-keeping, and
    /// where it names neither.
    #[must_use]
    pub fn profile_question<'a>(
        &self,
        state: &PartitionState,
        event: &SoundEvent<'a>,
    ) -> Option<ProfileQuestion<'a>> {
        let content = &event.content;
        if event.is_bookkeeping() || (content.terminal, content.chip) == (0, 0) {
            return None;
        }
        let parameters = self.parameters_of(event.event);
        let (terminal, fanout) = (&parameters.terminal, &parameters.fanout);
        let account = state.accounts().get(event.account_number);
        let told = account.and_then(|account| account.master_data.as_deref()).filter(|told| !told.old_hashes);
        let is_own = told.is_some_and(|told| told.chips().binary_search(&content.chip).is_ok());
        let counts = fanout.fanout.enabled && event.charges();
        let travels = parameters.travel.travel.enabled && content.terminal != 0 && content.chip != 0;
        let recent = account.filter(|_| travels).into_iter().flat_map(|account| account.recent.iter());
        let at = travel::ChipUse { chip: content.chip, terminal: content.terminal, time: event.time };
        Some(ProfileQuestion {
            account: id_hash(Some(event.account_number)),
            time: event.time,
            country: terminal.country.enabled.then_some(event.country),
            name: text(&event.event.pos_name).filter(|_| terminal.name.enabled),
            terminal: content.terminal,
            chip: content.chip,
            owner: parameters.nfc.blocked.enabled && !is_own,
            unlisted: terminal.terminal.enabled && terminal.unlisted.is_some(),
            span: if counts { fanout.span } else { Micros(0) },
            fraud_days: match terminal.fraud.enabled {
                true => terminal.fraud_days_before(event.time.utc_day()),
                false => (0, 0),
            },
            travel: if travels { parameters.travel.within } else { Micros(0) },
            others: travel::other_terminals(recent, at, &parameters.travel),
        })
    }

    /// How many accounts of a terminal a fan-out asks for, at the most.
    #[must_use]
    pub fn terminal_accounts(&self) -> usize {
        self.parameters.most(|set| {
            if set.fanout.fanout.enabled && set.fanout.terminal > 0 {
                set.fanout.terminal as usize + 1
            } else {
                0
            }
        })
    }

    /// What the profiles learn of an event: that it used its terminal and its chip. None where it was not judged, was
    /// answered before, or takes nothing; none of an account that is not there, or whoever may write events could use any
    /// chip with as many accounts as he likes.
    #[must_use]
    pub fn sighting<'a>(
        &self,
        state: &PartitionState,
        event: &SoundEvent<'a>,
        account: u64,
        outcome: &Outcome<'_>,
    ) -> Option<Sighting<'a>> {
        let content = &event.content;
        let is_new = outcome.verdict != Verdict::NotEvaluated && outcome.repeats.is_none();
        if !is_new || !event.charges() || (content.terminal, content.chip) == (0, 0) {
            return None;
        }
        state.accounts().get(event.account_number)?;
        Some(Sighting {
            account,
            time: event.time,
            country: event.country,
            verdict: outcome.verdict,
            granted: false,
            terminal: content.terminal,
            chip: content.chip,
            terminal_id: text(&event.event.pos_id),
            terminal_name: text(&event.event.pos_name),
        })
    }

    /// The same of an event whose hold is granted: `account` as it was before.
    #[must_use]
    pub fn granted_sighting(account: &Account, id: TransactionId) -> Option<Sighting<'static>> {
        let hold = account.holds().iter().find(|hold| hold.answers_to(id))?;
        let event = account.recent.iter().find(|event| event.place == hold.place)?;
        if !event.kind.charges() || event.is_of_old_journal() {
            return None;
        }
        Some(Sighting {
            account: id_hash(Some(&account.number)),
            time: event.time,
            country: event.kind.country,
            verdict: Verdict::Accepted,
            granted: true,
            terminal: event.terminal,
            chip: event.chip,
            terminal_id: None,
            terminal_name: None,
        })
    }

    /// The terminal of the event of an account that an outcome names, and when it happened: what confirmed fraud counts
    /// for. None where the account remembers none.
    #[must_use]
    pub fn terminal_of(
        account: &Account,
        topic: &str,
        transaction_id: TransactionId,
    ) -> Option<(u64, Micros)> {
        let all = account.recent.iter().chain(account.older());
        let mut own = all.filter(|event| event.terminal != 0 && !event.is_of_old_journal());
        let found = own.find(|event| event.transaction_id(topic) == Some(transaction_id))?;
        Some((found.terminal, found.time))
    }
}
