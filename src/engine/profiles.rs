//! What a decision asks of the shared profiles. Looks nothing up: whoever calls the engine does.

use super::Engine;
use crate::checks::{SoundEvent, travel};
use crate::domain::Micros;
use crate::domain::cut::cut_to;
use crate::domain::limits;
use crate::domain::profile_view::ProfileQuestion;
use crate::state::{PartitionState, id_hash, trimmed};
use std::borrow::Cow;

/// An id or a name as profiles have it.
#[must_use]
pub fn profile_text(text: Option<&str>) -> Option<Cow<'_, str>> {
    trimmed(text).map(|text| cut_to(text, limits::ID_CHARS_MAX))
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
            name: profile_text(event.event.pos_name.as_deref()).filter(|_| terminal.name.enabled),
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
}
