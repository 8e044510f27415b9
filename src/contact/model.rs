//! What is done with the records of this flow: what they tell of a person is remembered, and each request gets its decision.

use super::decision::{Decision, Reason};
use super::outside::Outside;
use super::party::{Remembered, is_same};
use super::records::{ContactRequest, EventId, Interaction, PartyFact, PartyRecord, RecordFault};
use super::rules::{self, Rules};
use super::state::{ContactState, PartyChange, PartyUpdate};
use super::topics::{
    CONTACT_DECISIONS, CONTACT_REQUESTS, FLOW, INPUTS, INTERACTION_RESULTS, INTERACTIONS, PARTY_RECORDS,
};
use super::words::ContactKind;
use crate::codec::DecodeError;
use crate::codec::json::write_reply;
use crate::domain::code::Code;
use crate::domain::flow::Flow;
use crate::domain::hashing::Seed;
use crate::domain::outcome::Source;
use crate::domain::record::RecordTime;
use crate::domain::reply::{Fate, Reply};
use crate::domain::{Micros, limits};
use crate::pipeline::{Counted, Effects, InputRecord, Interrupt, Keyed, Model, Outbound, State};
use std::sync::Arc;

/// The code of a record that is of another person than its key.
const OTHER_KEY: &str = "400.003";
/// The code of an interaction of other content under the same id or key.
const CONFLICT: &str = "400.100";
/// The code of what finds no place in the state.
const UNAVAILABLE: &str = rules::UNAVAILABLE;

/// The model of this flow.
#[derive(Debug)]
pub struct Contacts {
    rules: Arc<Rules>,
    /// Topics of the inputs, in their order.
    topics: [String; INPUTS],
    seed: Seed,
    /// The next offsets of the other inputs than the requests', as decisions give them.
    next: Vec<(String, i64)>,
    encoded: Vec<u8>,
}

/// What became of an interaction: whether it is a repeat, or why it was not applied.
type Applied = Result<bool, RecordFault>;

impl Contacts {
    /// Decides by these rules; `topics` are those of the inputs, as decisions give them, and `seed` is for looking persons up.
    #[must_use]
    pub fn new(rules: Arc<Rules>, topics: [String; INPUTS], seed: Seed) -> Self {
        let next = topics[1..].iter().map(|topic| (topic.clone(), 0)).collect();
        Self { rules, topics, seed, next, encoded: Vec::new() }
    }

    /// Makes room for a person where nothing is known of them yet.
    fn open(party: &str, effects: &mut Effects<'_, Self>) -> Result<Result<(), RecordFault>, Interrupt> {
        if effects.state().get(party).is_some() {
            return Ok(Ok(()));
        }
        if effects.state().len() >= limits::PARTIES_PER_PARTITION_MAX {
            let message = "the partition has no room for a further person".to_owned();
            return Ok(Err(RecordFault { code: UNAVAILABLE, message }));
        }
        effects.change(&PartyChange { party: party.into(), what: PartyUpdate::Opened })?;
        Ok(Ok(()))
    }

    fn change(
        keyed: &Keyed<'_>,
        what: PartyUpdate,
        effects: &mut Effects<'_, Self>,
    ) -> Result<Result<(), RecordFault>, Interrupt> {
        if let Err(fault) = Self::open(keyed.key, effects)? {
            return Ok(Err(fault));
        }
        effects.change(&PartyChange { party: keyed.key.into(), what })?;
        Ok(Ok(()))
    }

    fn interaction(
        keyed: &Keyed<'_>,
        effects: &mut Effects<'_, Self>,
    ) -> Result<(Option<EventId>, Applied), Interrupt> {
        let interaction = match Interaction::read(keyed.record.value.unwrap_or_default()) {
            Ok(interaction) => interaction,
            Err(fault) => return Ok((None, Err(fault))),
        };
        let Some(id) = EventId::parse(&interaction.event_id) else {
            let message = "eventId is none".to_owned();
            return Ok((None, Err(RecordFault { code: "400.004", message })));
        };
        let refused =
            |code, message: &str| Ok((Some(id), Err(RecordFault { code, message: message.to_owned() })));
        if interaction.party_id != keyed.key {
            return refused(OTHER_KEY, "partyId is not the record's key");
        }
        let occurred = interaction.occurred_at.0;
        let seen = match keyed.record.time {
            RecordTime::Written(time) => time,
            RecordTime::Line | RecordTime::LineFarAhead => occurred,
            RecordTime::None => return refused(OTHER_KEY, "the record has no time"),
        };
        if occurred > seen.plus(limits::INTERACTION_AHEAD) {
            return refused(OTHER_KEY, "occurredAt lies more than 5 minutes after the record's time");
        }
        let remembered = Remembered::of(&interaction, id, seen);
        effects.advance(seen);
        if let Some(earlier) = effects.state().get(keyed.key).and_then(|party| party.earlier(&remembered)) {
            let first = earlier.id();
            return match earlier.says_what(&remembered) {
                true => Ok((Some(first), Ok(true))),
                false => refused(CONFLICT, "this eventId or idempotencyKey was used for another interaction"),
            };
        }
        let changed = Self::change(keyed, PartyUpdate::Interacted(remembered), effects)?;
        Ok((Some(id), changed.map(|()| false)))
    }

    fn party_record(
        keyed: &Keyed<'_>,
        effects: &mut Effects<'_, Self>,
    ) -> Result<Result<(), RecordFault>, Interrupt> {
        let record = match keyed.record.value.map(PartyRecord::read).transpose() {
            Ok(record) => record,
            Err(fault) => return Ok(Err(fault)),
        };
        if record.as_ref().is_some_and(|record| record.party_id != keyed.key) {
            return Ok(Err(other_key()));
        }
        if record.is_none() && effects.state().get(keyed.key).is_none() {
            return Ok(Ok(()));
        }
        Self::change(keyed, PartyUpdate::Listed(record.map(Arc::new)), effects)
    }

    fn fact(
        keyed: &Keyed<'_>,
        effects: &mut Effects<'_, Self>,
    ) -> Result<Result<(), RecordFault>, Interrupt> {
        let fact = match PartyFact::read(keyed.record.value.unwrap_or_default()) {
            Ok(fact) => fact,
            Err(fault) => return Ok(Err(fault)),
        };
        if fact.party_id != keyed.key {
            return Ok(Err(other_key()));
        }
        let statuses = (!fact.withdrawn).then(|| fact.statuses());
        match effects.state().get(keyed.key) {
            None if statuses.is_none() => return Ok(Ok(())),
            Some(party) if statuses.is_some() && !party.takes_account(&fact.account) => {
                let message = format!("the person has {} accounts already", limits::PARTY_ACCOUNTS_MAX);
                return Ok(Err(RecordFault { code: "400.005", message }));
            }
            _ => {}
        }
        Self::change(keyed, PartyUpdate::Account(fact.account.into(), statuses), effects)
    }

    fn request(&mut self, keyed: &Keyed<'_>, effects: &mut Effects<'_, Self>) -> Result<(), Interrupt> {
        let request = match ContactRequest::read(keyed.record.value.unwrap_or_default()) {
            Ok(request) if request.person_id == keyed.key => request,
            Ok(_) => return Self::refuse(&other_key(), effects),
            Err(fault) => return Self::refuse(&fault, effects),
        };
        if let Some(misplaced) = keyed.misplaced {
            let reason = Reason { code: UNAVAILABLE, message: misplaced.to_string(), not_before: None };
            self.answer(keyed, &request, vec![reason], effects);
            return Ok(());
        }
        let known = effects.state().stream_time();
        let now = match keyed.record.time {
            RecordTime::Written(time) => Some(time),
            RecordTime::None => None,
            RecordTime::Line | RecordTime::LineFarAhead => {
                request.time_of_line().or((known != Micros::default()).then_some(known))
            }
        };
        if let Some(now) = now {
            effects.advance(now);
        }
        let reasons = rules::judge(&self.rules, effects.state().get(keyed.key), &request, now);
        if let (Some(details), Some(party)) = (&request.contact_details, effects.state().get(keyed.key))
            && party.is_known()
            && ContactKind::from_symbol(&details.kind).is_some()
        {
            let listed = party.record.iter().flat_map(|record| &record.contacts);
            let is_listed =
                listed.into_iter().any(|contact| is_same((&contact.kind, &contact.value), details));
            let is_found = party.found.iter().any(|found| is_same((&found.kind, &found.value), details));
            if !is_listed && !is_found {
                effects.change(&PartyChange {
                    party: keyed.key.into(),
                    what: PartyUpdate::Found(details.clone()),
                })?;
            }
        }
        self.answer(keyed, &request, reasons, effects);
        Self::forget(effects)
    }

    fn refuse(fault: &RecordFault, effects: &mut Effects<'_, Self>) -> Result<(), Interrupt> {
        effects.dead_letter(fault.code, &fault.message);
        Ok(())
    }

    /// Sends the decision on a request.
    fn answer(
        &mut self,
        keyed: &Keyed<'_>,
        request: &ContactRequest,
        reasons: Vec<Reason>,
        effects: &mut Effects<'_, Self>,
    ) {
        for (input, next) in (1..).zip(&mut self.next) {
            next.1 = keyed.positions[input].unwrap_or(0);
        }
        let decision = Decision {
            request_id: &request.request_id,
            person_id: &request.person_id,
            reasons,
            source: source(&self.topics[CONTACT_REQUESTS], keyed.record),
            positions: &self.next,
            ruleset: self.rules.ruleset,
        };
        self.encoded.clear();
        decision.write(&mut self.encoded);
        let outbound = Outbound {
            output: CONTACT_DECISIONS,
            partition: Some(keyed.unit.partition),
            key: keyed.key.as_bytes(),
            value: Some(&self.encoded),
            headers: &[],
        };
        effects.send(&decision, &outbound);
    }

    /// Says what became of an interaction whose sender asked.
    fn reply(
        &mut self,
        keyed: &Keyed<'_>,
        (id, applied): (Option<EventId>, &Applied),
        effects: &mut Effects<'_, Self>,
    ) {
        let Some(request_id) = keyed.record.request_id() else { return };
        let (fate, why) = match applied {
            Ok(false) => (Fate::Applied, None),
            Ok(true) => (Fate::Repeat, None),
            Err(fault) if fault.code == CONFLICT => (Fate::Conflict, Some(fault)),
            Err(fault) => (Fate::Refused, Some(fault)),
        };
        let id = id.map(|id| id.to_string());
        self.encoded.clear();
        let reply = Reply {
            request_id,
            fate,
            id: id.as_deref(),
            created_at: None,
            code: why.map(|fault| fault.code),
            message: why.map(|fault| &*fault.message),
            source: source(&self.topics[INTERACTIONS], keyed.record),
        };
        write_reply(&reply, &mut self.encoded);
        effects.reply(&Outbound {
            output: INTERACTION_RESULTS,
            partition: Some(keyed.unit.partition),
            key: keyed.key.as_bytes(),
            value: Some(&self.encoded),
            headers: &[],
        });
    }

    /// Forgets persons of whom nothing but interactions is known, all of them long ago. Only with a request, whose decision says
    /// where it stood among the other inputs: whether a party record came before or after must not hang on anything else.
    fn forget(effects: &mut Effects<'_, Self>) -> Result<(), Interrupt> {
        for _ in 0..limits::PARTIES_FORGOTTEN_AT_ONCE {
            let Some(oldest) = effects.state().to_forget() else { break };
            let change = PartyChange { party: oldest.id.clone(), what: PartyUpdate::Forgotten };
            effects.change(&change)?;
        }
        Ok(())
    }
}

fn other_key() -> RecordFault {
    RecordFault { code: OTHER_KEY, message: "the person that it names is not the record's key".to_owned() }
}

fn source<'a>(topic: &'a str, record: &InputRecord<'_>) -> Source<'a> {
    let InputRecord { partition, offset, timestamp_millis, .. } = *record;
    Source { topic, partition, offset, timestamp_millis }
}

impl Model for Contacts {
    const FLOW: &'static Flow = &FLOW;
    type State = ContactState;
    type Outside<'a> = Outside<'a>;
    type Decided<'a> = Decision<'a>;

    fn empty(&self) -> ContactState {
        ContactState::new(self.seed)
    }

    /// None for the state, which no rule is in: each decision names the rules that it was made by.
    fn ruleset(&self) -> u128 {
        0
    }

    fn decide(
        &mut self,
        outside: Outside<'_>,
        keyed: &Keyed<'_>,
        effects: &mut Effects<'_, Self>,
    ) -> Result<(), Interrupt> {
        let value = match outside.json(keyed.record).transpose() {
            Ok(value) => value,
            Err(DecodeError::NeedsSchema(schema)) => return Err(Interrupt::NeedsSchema(schema)),
            Err(DecodeError::Fault { code, message, .. }) => {
                let fault = RecordFault { code, message };
                effects.dead_letter(fault.code, &fault.message);
                if keyed.record.input == INTERACTIONS {
                    self.reply(keyed, (None, &Err(fault)), effects);
                }
                return Ok(());
            }
        };
        let record = InputRecord { value: value.as_deref(), ..*keyed.record };
        let keyed = &Keyed { record: &record, ..*keyed };
        let elsewhere = keyed.misplaced.map(|misplaced| {
            let message = misplaced.to_string();
            RecordFault { code: UNAVAILABLE, message }
        });
        match (keyed.record.input, elsewhere) {
            (CONTACT_REQUESTS, _) => self.request(keyed, effects)?,
            (INTERACTIONS, elsewhere) => {
                let (id, applied) = match elsewhere {
                    Some(fault) => (None, Err(fault)),
                    None => Self::interaction(keyed, effects)?,
                };
                if let Err(fault) = &applied {
                    effects.dead_letter(fault.code, &fault.message);
                }
                self.reply(keyed, (id, &applied), effects);
            }
            (_, Some(fault)) => Self::refuse(&fault, effects)?,
            (input, None) => {
                let told = match input {
                    PARTY_RECORDS => Self::party_record(keyed, effects)?,
                    _ => Self::fact(keyed, effects)?,
                };
                if let Err(fault) = told {
                    Self::refuse(&fault, effects)?;
                }
            }
        }
        Ok(())
    }

    fn give_up(&mut self, keyed: &Keyed<'_>, effects: &mut Effects<'_, Self>) {
        let message = "it could not be judged because of an internal error".to_owned();
        match keyed.record.input {
            CONTACT_REQUESTS => {
                if let Ok(request) = ContactRequest::read(keyed.record.value.unwrap_or_default())
                    && request.person_id == keyed.key
                {
                    let reason = Reason { code: rules::FAILED, message, not_before: None };
                    self.answer(keyed, &request, vec![reason], effects);
                }
            }
            INTERACTIONS => {
                let fault = RecordFault { code: rules::FAILED, message };
                self.reply(keyed, (None, &Err(fault)), effects);
            }
            _ => {}
        }
    }

    fn counts(decision: &Decision<'_>, count: &mut dyn FnMut(Counted)) {
        count(Counted::Answer(if decision.result() { "allowed" } else { "refused" }));
        for reason in &decision.reasons {
            count(Counted::Message(Code::of(reason.code)));
        }
    }
}
