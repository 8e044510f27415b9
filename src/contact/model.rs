//! What is done with the records of this flow: what they tell of a person is remembered, and each request gets its decision.

use super::decision::{ContactDecision, Reason};
use super::party::RememberedInteraction;
use super::records::{ContactRequest, EventId, Interaction, PartyFact, PartyRecord, RecordFault};
use super::rules::{self, Rules};
use super::state::{ContactState, PartyChange, PartyUpdate};
use super::topics::{
    CONTACT_DECISIONS, CONTACT_REQUESTS, FLOW, INPUTS, INTERACTION_RESULTS, INTERACTIONS, PARTY_RECORDS,
};
use super::words::ContactKind;
use crate::codec::json::write_reply;
use crate::codec::{DecodeError, Schemas, decode_plain};
use crate::domain::code::Code;
use crate::domain::flow::Flow;
use crate::domain::hashing::{Seed, TableHash};
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

/// Why a record changed nothing.
enum Unapplied {
    /// It cannot be used.
    Refused(RecordFault),
    /// It is not read yet, or the program is wrong.
    Interrupt(Interrupt),
}

impl From<RecordFault> for Unapplied {
    fn from(fault: RecordFault) -> Self {
        Self::Refused(fault)
    }
}

impl From<Interrupt> for Unapplied {
    fn from(interrupt: Interrupt) -> Self {
        Self::Interrupt(interrupt)
    }
}

impl From<DecodeError> for Unapplied {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::NeedsSchema(schema) => Self::Interrupt(Interrupt::NeedsSchema(schema)),
            DecodeError::Fault { code, message, .. } => Self::Refused(RecordFault { code, message }),
        }
    }
}

fn refused<T>(code: &'static str, message: impl Into<String>) -> Result<T, Unapplied> {
    Err(Unapplied::Refused(RecordFault { code, message: message.into() }))
}

/// That a record is of the person that its key names.
fn check_key(named: &str, keyed: &Keyed<'_>) -> Result<(), Unapplied> {
    match named == keyed.key {
        true => Ok(()),
        false => refused(OTHER_KEY, "the person that it names is not the record's key"),
    }
}

impl Contacts {
    /// Decides by these rules; `topics` are those of the inputs, as decisions give them, and `seed` is for looking persons up.
    #[must_use]
    pub fn new(rules: Arc<Rules>, topics: [String; INPUTS], seed: Seed) -> Self {
        let next = topics[1..].iter().map(|topic| (topic.clone(), 0)).collect();
        Self { rules, topics, seed, next, encoded: Vec::new() }
    }

    /// Takes a record in: whether it is a repeat. An interaction's id is noted as soon as it is known, that of the first where
    /// it is a repeat.
    fn take(
        &mut self,
        schemas: &dyn Schemas,
        keyed: &Keyed<'_>,
        effects: &mut Effects<'_, Self>,
        id: &mut Option<EventId>,
    ) -> Result<bool, Unapplied> {
        let record = keyed.record;
        let json = record.value.map(|value| decode_plain(schemas, value, record.schema_guid)).transpose()?;
        let record = InputRecord { value: json.as_deref(), ..*record };
        let keyed = &Keyed { record: &record, ..*keyed };
        match (record.input, keyed.misplaced) {
            (CONTACT_REQUESTS, _) => self.request(keyed, effects)?,
            (_, Some(misplaced)) => return refused(UNAVAILABLE, misplaced.to_string()),
            (INTERACTIONS, None) => return Self::interaction(keyed, effects, id),
            (PARTY_RECORDS, None) => Self::party_record(keyed, effects)?,
            (_, None) => Self::fact(keyed, effects)?,
        }
        Ok(false)
    }

    /// Something happens to a person, who becomes known by it.
    fn change(
        keyed: &Keyed<'_>,
        what: PartyUpdate,
        effects: &mut Effects<'_, Self>,
    ) -> Result<(), Unapplied> {
        if effects.state().get(keyed.key).is_none() {
            if effects.state().len() >= limits::PARTIES_PER_PARTITION_MAX {
                return refused(UNAVAILABLE, "the partition has no room for a further person");
            }
            effects.change(&PartyChange::opened(keyed.key.into(), ()))?;
        }
        Ok(effects.change(&PartyChange::updated(keyed.key.into(), what))?)
    }

    fn interaction(
        keyed: &Keyed<'_>,
        effects: &mut Effects<'_, Self>,
        noted: &mut Option<EventId>,
    ) -> Result<bool, Unapplied> {
        let interaction = Interaction::read(keyed.record.value.unwrap_or_default())?;
        let Some(id) = EventId::parse(&interaction.event_id) else {
            return refused("400.004", "eventId is none");
        };
        *noted = Some(id);
        if interaction.party_id != keyed.key {
            return refused(OTHER_KEY, "partyId is not the record's key");
        }
        let occurred = interaction.occurred_at;
        let seen = match keyed.record.time {
            RecordTime::Written(time) => time,
            RecordTime::Line | RecordTime::LineFarAhead => occurred,
            RecordTime::None => return refused(OTHER_KEY, "the record has no time"),
        };
        if occurred > seen.plus(limits::INTERACTION_AHEAD) {
            return refused(OTHER_KEY, "occurredAt lies more than 5 minutes after the record's time");
        }
        let remembered = RememberedInteraction::of(&interaction, id, seen);
        effects.advance(seen);
        if let Some(earlier) = effects.state().get(keyed.key).and_then(|party| party.earlier(&remembered)) {
            if !earlier.says_what(&remembered) {
                return refused(CONFLICT, "this eventId or idempotencyKey was used for another interaction");
            }
            *noted = Some(earlier.id());
            return Ok(true);
        }
        Self::change(keyed, PartyUpdate::Interacted(remembered), effects)?;
        Ok(false)
    }

    fn party_record(keyed: &Keyed<'_>, effects: &mut Effects<'_, Self>) -> Result<(), Unapplied> {
        let record = keyed.record.value.map(PartyRecord::read).transpose()?;
        match &record {
            Some(record) => check_key(&record.party_id, keyed)?,
            None if effects.state().get(keyed.key).is_none() => return Ok(()),
            None => {}
        }
        Self::change(keyed, PartyUpdate::Listed(record.map(Arc::new)), effects)
    }

    fn fact(keyed: &Keyed<'_>, effects: &mut Effects<'_, Self>) -> Result<(), Unapplied> {
        let fact = PartyFact::read(keyed.record.value.unwrap_or_default())?;
        check_key(&fact.party_id, keyed)?;
        let statuses = (!fact.withdrawn).then(|| fact.statuses());
        match effects.state().get(keyed.key) {
            None if statuses.is_none() => return Ok(()),
            Some(party) if statuses.is_some() && !party.takes_account(&fact.account) => {
                let most = limits::PARTY_ACCOUNTS_MAX;
                return refused("400.005", format!("the person has {most} accounts already"));
            }
            _ => {}
        }
        Self::change(keyed, PartyUpdate::Account(fact.account.into(), statuses), effects)
    }

    fn request(&mut self, keyed: &Keyed<'_>, effects: &mut Effects<'_, Self>) -> Result<(), Unapplied> {
        let request = ContactRequest::read(keyed.record.value.unwrap_or_default())?;
        check_key(&request.person_id, keyed)?;
        if let Some(misplaced) = keyed.misplaced {
            let reason = rules::reason(UNAVAILABLE, misplaced.to_string());
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
        let party = effects.state().get(keyed.key);
        let reasons = rules::judge(&self.rules, party, &request, now);
        if let (Some(details), Some(party)) = (&request.contact_details, party)
            && ContactKind::from_symbol(&details.kind).is_some()
            && party.is_known()
            && !party.has_contact(details)
        {
            let found = PartyUpdate::Found(details.clone());
            effects.change(&PartyChange::updated(keyed.key.into(), found))?;
        }
        self.answer(keyed, &request, reasons, effects);
        Ok(Self::forget(effects)?)
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
        let decision = ContactDecision {
            request_id: &request.request_id,
            person_id: &request.person_id,
            result: reasons.is_empty(),
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

    /// Says what became of an interaction whose sender asked: whether it is a repeat, or why it was not applied.
    fn reply(
        &mut self,
        keyed: &Keyed<'_>,
        (id, applied): (Option<EventId>, &Result<bool, RecordFault>),
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
            let long_ago = effects.state().stream_time().minus(limits::PARTY_MEMORY);
            let oldest = effects.state().oldest().filter(|party| party.seen < long_ago);
            let Some(oldest) = oldest else { break };
            let change = PartyChange::forgotten(oldest.id.clone());
            effects.change(&change)?;
        }
        Ok(())
    }
}

fn source<'a>(topic: &'a str, record: &InputRecord<'_>) -> Source<'a> {
    let InputRecord { partition, offset, timestamp_millis, .. } = *record;
    Source { topic, partition, offset, timestamp_millis }
}

impl Model for Contacts {
    const FLOW: &'static Flow = &FLOW;
    type State = ContactState;
    /// Writers' schemas, which are in a registry for good.
    type Outside<'a> = &'a dyn Schemas;
    type Decided<'a> = ContactDecision<'a>;

    fn empty(&self) -> ContactState {
        ContactState::new(TableHash::new(self.seed))
    }

    /// None for the state, which no rule is in: each decision names the rules that it was made by.
    fn ruleset(&self) -> u128 {
        0
    }

    fn decide(
        &mut self,
        schemas: &dyn Schemas,
        keyed: &Keyed<'_>,
        effects: &mut Effects<'_, Self>,
    ) -> Result<(), Interrupt> {
        let mut id = None;
        let applied = match self.take(schemas, keyed, effects, &mut id) {
            Ok(is_repeat) => Ok(is_repeat),
            Err(Unapplied::Interrupt(interrupt)) => return Err(interrupt),
            Err(Unapplied::Refused(fault)) => {
                effects.dead_letter(fault.code, &fault.message);
                Err(fault)
            }
        };
        if keyed.record.input == INTERACTIONS {
            self.reply(keyed, (id, &applied), effects);
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
                    self.answer(keyed, &request, vec![rules::reason(rules::FAILED, message)], effects);
                }
            }
            INTERACTIONS => {
                let fault = RecordFault { code: rules::FAILED, message };
                self.reply(keyed, (None, &Err(fault)), effects);
            }
            _ => {}
        }
    }

    fn counts(decision: &ContactDecision<'_>, count: &mut dyn FnMut(Counted)) {
        count(Counted::Answer(if decision.result { "allowed" } else { "refused" }));
        for reason in &decision.reasons {
            count(Counted::Message(Code::of(&reason.code)));
        }
    }
}
