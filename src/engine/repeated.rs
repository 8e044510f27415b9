//! A repeat's answer: the first one as it stands now.

use super::pending::After;
use super::pos::with_its_limit;
use super::{Decision, Engine, RecordContext, change, describe};
use crate::checks::{Check, KnownEvent, repeat, summary};
use crate::domain::enums::{ActionCode, CountryCode, Language, MessageType, Verdict};
use crate::domain::outcome::Message;
use crate::state::{Account, Fact, Facts, Remembered, StoredMessage};
use std::borrow::Cow;

impl Engine {
    /// The answer as it stands now; nothing is booked. A Pending event can be resolved by the outcome of a repeat as well.
    pub(super) fn repeated<'a>(
        &'a self,
        known: &KnownEvent<'_, 'a>,
        record: &RecordContext<'a>,
        account: &Account,
        first: &Remembered,
    ) -> Decision<'a> {
        let (event, language) = (known.event, known.event.language);
        let refused = account.rare.iter().flat_map(|rare| &rare.refused);
        let refused = refused.into_iter().find(|refused| refused.event.place == first.place);
        let stored = match refused {
            Some(refused) if !refused.messages.is_empty() => &refused.messages,
            _ => account.answer(first),
        };
        let mut messages: Vec<Message> =
            stored.iter().filter_map(|message| self.recall(message, language, event.country)).collect();
        let mut note = repeat::repeat_finding(first);
        note.action = messages.iter().map(|message| message.action).max().unwrap_or(ActionCode::Unavailable);
        // In catalogue order.
        let place =
            messages.iter().position(|message| Check::of_code(&message.code) > Some(Check::RepeatSame));
        let place = place.unwrap_or(messages.len());
        messages.splice(place..place, self.messages(vec![note], language, Some(event.country)));
        let id = record.transaction_id(known.event.content.digest(event.event), 0);
        let mut outcome = self.outcome(record, id, first.verdict, messages);
        let topic = record.source.topic;
        outcome.repeats = first.transaction_id(topic);
        let original = first.original.filter(|_| refused.is_none()).and_then(|place| {
            account.recent.iter().chain(account.older()).find(|original| original.place == place)
        });
        outcome.corrects = original.and_then(|original| original.transaction_id(topic));
        describe(&mut outcome, event.event);
        let account_limited = with_its_limit(account, event.currency, self.parameters_of(event.event));
        After::of(&account_limited).tell(&mut outcome);
        let hold = account.holds().iter().find(|hold| hold.place == first.place);
        let mut facts = Facts::new();
        if let Some(hold) = hold.filter(|_| first.verdict == Verdict::Pending) {
            facts.push(Fact::HoldRepeated { transaction_id: hold.transaction_id, repeat: id });
        }
        let change = change(Cow::Borrowed(event.account_number), facts);
        Decision { outcome: Some(outcome), change, ..Decision::default() }
    }

    /// A stored message: what machines read, as it was, with a text that has no figures.
    fn recall(&self, stored: &StoredMessage, language: Language, country: CountryCode) -> Option<Message> {
        let kind = *MessageType::ALL.get(usize::from(stored.kind))?;
        let action = *ActionCode::ALL.get(usize::from(stored.action))?;
        Some(Message {
            kind,
            code: stored.code.clone(),
            message: summary(stored.code.as_str(), kind, action).to_owned(),
            customer_message: self.texts.of(stored.code.as_str(), language, Some(country)),
            action,
            field: stored.field.as_deref().map(str::to_owned),
            detail: None,
        })
    }
}
