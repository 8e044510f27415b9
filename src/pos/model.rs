//! What is done with the records of this flow: decode, decide, encode. Judges nothing itself: that is the engine.

use super::outside::Outside;
use super::parties::{Parties, party_of};
use super::publisher::Publisher;
use super::seen::{self, BatchSightings};
use super::{FLOW, INPUTS, Input, PartitionOptions};
use crate::codec::tick::{Tick, read_tick};
use crate::codec::{self, DecodeError};
use crate::domain::enums::Verdict;
use crate::domain::flow::Flow;
use crate::domain::hashing::hash64;
use crate::domain::outcome::{Outcome, Source};
use crate::domain::record::RecordTime;
use crate::domain::{Micros, PartitionId, ProfileView, SetBack};
use crate::engine::{Decision, Engine, RecordContext, Unavailable};
use crate::pipeline::{self, Effects, Interrupt, Keyed, Model, Outbound, Partition};
use crate::state::{Fact, FactsOfAccount, PartitionState};
use smallvec::smallvec;
use std::borrow::Cow;
use std::sync::Arc;

/// How outcomes are encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutcomeEncoding {
    /// JSON as the public contract writes it.
    Json,
    /// Avro by the contract's schema, behind these bytes (registry prefix, single-object header, or nothing).
    Avro(Vec<u8>),
}

/// The model of this flow.
#[derive(Debug)]
pub struct Pos {
    engine: Arc<Engine>,
    options: PartitionOptions,
    /// Next offsets as the outcome's `positions` gives them: for outcomes of each input those of the others.
    next: [Vec<(String, i64)>; INPUTS],
    encoded: Vec<u8>,
    /// What the batch tells the shared profiles, where there are such.
    seen: Option<BatchSightings>,
    /// What the batch tells contact decisions, where there are such.
    parties: Option<Parties>,
}

impl Pos {
    /// Decides by this engine.
    #[must_use]
    pub fn new(engine: Arc<Engine>, options: PartitionOptions) -> Self {
        let topic = |input: Input| (options.topics[input as usize].clone(), 0);
        let next = Input::ALL.map(|input| input.others().map(topic).collect());
        let seen = options.profiles.map(BatchSightings::new);
        let parties = options.parties.map(Parties::new);
        Self { engine, options, next, encoded: Vec::new(), seen, parties }
    }

    /// Engine, the record at hand, and what writes outcomes: borrows of different fields.
    fn parts<'p>(&'p mut self, keyed: &Keyed<'p>) -> (&'p Engine, RecordContext<'p>, Publisher<'p>) {
        let Self { engine, options, next, encoded, seen, parties } = self;
        let record = keyed.record;
        let input = Input::at(record.input);
        let others = &mut next[record.input];
        for (other, next) in input.others().zip(others.iter_mut()) {
            next.1 = keyed.positions[other as usize].unwrap_or(0);
        }
        // Ticks, which come last, are named once there are any: outcomes are then as they were before there were ticks.
        let ticked = input == Input::Ticks || keyed.positions[Input::Ticks as usize].is_some();
        let positions = &others[..others.len() - usize::from(!ticked)];
        let source = Source {
            topic: &options.topics[record.input],
            partition: record.partition,
            offset: record.offset,
            timestamp_millis: record.timestamp_millis,
        };
        let asked = record.request_id().is_some();
        let at = RecordContext { source, key: keyed.key, time: record.time, positions, asked };
        let (encoding, partition) = (&options.encoding, keyed.unit.partition);
        let (seen, parties) = (seen.as_mut(), parties.as_mut());
        let pos_events = options.topics[Input::PosEvents as usize].as_str();
        (engine, at, Publisher { encoding, encoded, partition, pos_events, seen, parties })
    }

    fn pos_event(
        &mut self,
        Outside { schemas, profiles }: Outside<'_>,
        keyed: &Keyed<'_>,
        effects: &mut Effects<'_, Self>,
    ) -> Result<(), Interrupt> {
        let record = keyed.record;
        let decoded = codec::decode_pos_event(schemas, record.value.unwrap_or_default(), record.schema_guid);
        let (engine, at, mut publisher) = self.parts(keyed);
        let event = match decoded {
            Ok(event) => event,
            Err(DecodeError::NeedsSchema(schema)) => return Err(Interrupt::NeedsSchema(schema)),
            Err(DecodeError::Fault { code, message, field }) => {
                effects.dead_letter(code, &message);
                let readable = codec::readable(record.value.unwrap_or_default(), record.schema_guid);
                let why = (&*message, field.as_deref());
                let outcome = engine.undecodable(&at, digest_of(keyed), why, readable);
                publisher.publish_unjudged(outcome, effects);
                return Ok(());
            }
        };
        if let Some(misplaced) = &keyed.misplaced {
            let why = Unavailable::Elsewhere(misplaced.to_string());
            publisher.publish_unjudged(engine.unavailable(&event, &at, &why), effects);
            return Ok(());
        }
        let sound = match engine.read(&event, &at) {
            Ok(sound) => sound,
            Err(outcome) => {
                publisher.publish_unjudged(outcome, effects);
                return Ok(());
            }
        };
        if !engine.has_room(effects.state(), &sound) {
            publisher.publish_unjudged(engine.unavailable(&event, &at, &Unavailable::NoRoom), effects);
            return Ok(());
        }
        set_back(effects)?;
        let now = engine.time_with(effects.state(), &sound, &at);
        if effects.state().expired_hold(now).is_some() {
            // What cannot be evaluated moves no time; whether it can does not hang on holds that run out nor on profiles.
            let first = engine.decide(effects.state(), &sound, &at, (now, &ProfileView::default()));
            if is_evaluated(&first) {
                publisher.advance(engine, &at, || sound.content.digest(&event), now, effects)?;
            }
        }
        // Only now, so that a replay finds the outcome that tells what was seen behind those of the holds.
        let question = profiles.and_then(|_| engine.profile_question(effects.state(), &sound));
        let account = question.as_ref().map(|question| question.account);
        let view = question.zip(profiles).map(|(question, profiles)| profiles.view(&question));
        let decision = engine.decide(effects.state(), &sound, &at, (now, &view.unwrap_or_default()));
        if is_evaluated(&decision) {
            effects.advance(now);
        }
        publisher.carry_out(&decision, effects)?;
        if let (Some(seen), Some(outcome), Some(account)) = (publisher.seen, &decision.outcome, account)
            && let Some(sighting) = seen::sighting(effects.state(), &sound, account, outcome)
        {
            seen.note_use(&sighting);
        }
        Ok(())
    }

    fn account_event(
        &mut self,
        Outside { schemas, .. }: Outside<'_>,
        keyed: &Keyed<'_>,
        effects: &mut Effects<'_, Self>,
    ) -> Result<(), Interrupt> {
        let record = keyed.record;
        let decoded =
            codec::decode_account_event(schemas, record.value.unwrap_or_default(), record.schema_guid);
        let (engine, at, mut publisher) = self.parts(keyed);
        let event = match decoded {
            Ok(event) => event,
            Err(DecodeError::NeedsSchema(schema)) => return Err(Interrupt::NeedsSchema(schema)),
            Err(DecodeError::Fault { code, message, .. }) => {
                effects.dead_letter(code, &message);
                publisher.reply(&at, record, None, Err((code, &message)), effects);
                return Ok(());
            }
        };
        let now = engine.time_with_account_event(effects.state(), &event, &at);
        let mut applied = engine.apply_account_event(effects.state(), &event, &at);
        // Only what applies moves time: neither a dead letter nor an event that was applied before.
        let applies = applied.as_ref().is_ok_and(|decision| decision.change.is_some());
        if applies && publisher.advance(engine, &at, || hash64(event.id.as_bytes()), now, effects)? {
            applied = engine.apply_account_event(effects.state(), &event, &at);
        }
        let mut repeats = None;
        let refusal = match applied {
            Ok(decision) => {
                repeats = decision.repeats;
                let seen = publisher.seen.take().filter(|_| decision.change.is_some());
                let seen = seen
                    .map(|seen| (seen, seen::account_before(&event, effects.state(), publisher.pos_events)));
                let parties = publisher.parties.take().filter(|_| decision.change.is_some());
                let whose = parties.as_ref().and_then(|_| {
                    let account = effects.state().accounts().get(&event.account)?;
                    party_of(account).map(str::to_owned)
                });
                publisher.carry_out(&decision, effects)?;
                if let Some(parties) = parties {
                    parties.note_applied(&event, whose.as_deref(), effects.state());
                }
                if let Some((seen, before)) = seen {
                    seen.note_applied(&event, decision.outcome.as_ref(), &before, effects.state());
                }
                decision.refusal
            }
            Err(refusal) => Some(refusal),
        };
        if let Some(refusal) = &refusal {
            effects.dead_letter(refusal.code, &refusal.message);
        }
        let fate = refusal.as_ref().map_or(Ok(repeats), |refusal| Err((refusal.code, &*refusal.message)));
        publisher.reply(&at, record, Some(&event), fate, effects);
        Ok(())
    }
}

/// Whether an event was evaluated.
fn is_evaluated(decision: &Decision<'_>) -> bool {
    decision.outcome.as_ref().is_some_and(|own| own.verdict != Verdict::NotEvaluated)
}

/// Ticks: time passes where nothing else comes, and an operator sets it.
impl Pos {
    fn tick(&mut self, keyed: &Keyed<'_>, effects: &mut Effects<'_, Self>) -> Result<(), Interrupt> {
        let (tick, written) = match read(keyed) {
            Ok(read) => read,
            Err(why) => {
                effects.dead_letter("400.001", &why);
                return Ok(());
            }
        };
        let (engine, at, mut publisher) = self.parts(keyed);
        let before = effects.state().stream_time();
        let (to, stands, by) = match tick {
            Tick::Passed(passed) => {
                let to = passed.reaches(written).max(before);
                publisher.advance(engine, &at, || digest_of(keyed), to, effects)?;
                return Ok(());
            }
            Tick::SetTime { to, stands, by } => (to, stands, by),
        };
        if to > written {
            let why =
                format!("it sets stream time to {to}: that is later than when it was written, {written}");
            effects.dead_letter("400.003", &why);
            return Ok(());
        }
        // Whether it goes back must not hang on where time stands just now: of account events, no answer tells whether they
        // moved it before this tick or after.
        if stands.is_some_and(|stands| stands <= to) {
            publisher.advance(engine, &at, || digest_of(keyed), to.max(before), effects)?;
            effects.say(&format!("stream time is {} now, as {by:?} asked for", to.max(before)));
        } else {
            let by_at_most = stands.map(|stands| stands.minus(to));
            effects.note_set_back(Some(SetBack { to, by: by_at_most }));
            effects.say(&format!("the next event sets stream time back to {to}, as {by:?} asked for"));
        }
        Ok(())
    }
}

/// What a tick says, and when it was written.
fn read(keyed: &Keyed<'_>) -> Result<(Tick, Micros), String> {
    let own = keyed.unit.partition.to_string();
    if keyed.key != own {
        return Err(format!("its key is not {own}, the number of the partition that it stands on"));
    }
    let RecordTime::Written(written) = keyed.record.time else {
        return Err("it says nothing of when it was written".to_owned());
    };
    Ok((read_tick(keyed.record.value.unwrap_or_default())?, written))
}

/// Sets stream time back where that was asked for, and every open hold with it: each has as long to go as it had. Only an
/// event that is judged does: its outcome tells where it stood among the records of other inputs, and a replay finds that again.
fn set_back(effects: &mut Effects<'_, Pos>) -> Result<(), Interrupt> {
    let Some(set_back) = effects.state().set_back() else { return Ok(()) };
    effects.note_set_back(None);
    let before = effects.state().stream_time();
    let Some(by) = set_back.of(before) else { return Ok(()) };
    let holds = effects.state().open_holds().filter_map(|(account, id)| {
        let hold = account.holds().iter().find(|hold| hold.transaction_id == id)?;
        let facts = smallvec![Fact::HoldMoved { transaction_id: id, expires: hold.expires.minus(by) }];
        Some(FactsOfAccount { account: Cow::Owned(account.number.to_string()), facts })
    });
    let changes: Vec<FactsOfAccount<'static>> = holds.collect();
    let to = before.minus(by);
    effects.set_time(to);
    changes.iter().try_for_each(|change| effects.change(change))?;
    let holds = changes.len();
    effects.say(&format!("stream time is set back from {before} to {to}, and {holds} open holds with it"));
    Ok(())
}

impl Model for Pos {
    const FLOW: &'static Flow = &FLOW;
    type State = PartitionState;
    type Outside<'a> = Outside<'a>;
    type Decided<'a> = Outcome<'a>;

    fn empty(&self) -> PartitionState {
        PartitionState::new(self.options.table_seed)
    }

    fn ruleset(&self) -> u128 {
        self.engine.ruleset_hash()
    }

    fn decide(
        &mut self,
        outside: Outside<'_>,
        keyed: &Keyed<'_>,
        effects: &mut Effects<'_, Self>,
    ) -> Result<(), Interrupt> {
        match (Input::at(keyed.record.input), keyed.misplaced) {
            (Input::PosEvents, _) => self.pos_event(outside, keyed, effects),
            (Input::AccountEvents, None) => self.account_event(outside, keyed, effects),
            (Input::AccountEvents, Some(misplaced)) => {
                let why = misplaced.to_string();
                effects.dead_letter(UNAVAILABLE, &why);
                let (_, at, mut publisher) = self.parts(keyed);
                publisher.reply(&at, keyed.record, None, Err((UNAVAILABLE, &why)), effects);
                Ok(())
            }
            (Input::Ticks, _) => self.tick(keyed, effects),
        }
    }

    fn give_up(&mut self, keyed: &Keyed<'_>, effects: &mut Effects<'_, Self>) {
        let (engine, at, mut publisher) = self.parts(keyed);
        match Input::at(keyed.record.input) {
            Input::PosEvents => publisher.publish_unjudged(engine.failed(&at, digest_of(keyed)), effects),
            Input::AccountEvents => {
                let why = ("500", "the event could not be judged because of an internal error");
                publisher.reply(&at, keyed.record, None, Err(why), effects);
            }
            Input::Ticks => {}
        }
    }

    fn end_batch(&mut self, state: &PartitionState, send: &mut dyn FnMut(&Outbound<'_>)) {
        if let Some(seen) = &mut self.seen {
            seen.send(state.stream_time(), send);
        }
        if let Some(parties) = &mut self.parties {
            parties.send(send);
        }
    }

    fn drop_batch(&mut self) {
        if let Some(seen) = &mut self.seen {
            seen.forget();
        }
        if let Some(parties) = &mut self.parties {
            parties.forget();
        }
    }

    fn counts(outcome: &Outcome<'_>, count: &mut dyn FnMut(pipeline::Counted)) {
        count(pipeline::Counted::Answer(outcome.verdict.symbol()));
        for message in &outcome.messages {
            count(pipeline::Counted::Message(message.code.clone()));
        }
    }
}

impl Partition<Pos> {
    /// A partition with nothing in it.
    #[must_use]
    pub fn new(engine: Arc<Engine>, partition: PartitionId, options: PartitionOptions) -> Self {
        let settings = options.settings();
        Self::of(Pos::new(engine, options), partition, settings)
    }

    /// Decides by another ruleset from the next record on; call it between batches.
    pub fn decide_by(&mut self, engine: Arc<Engine>) {
        self.model_mut().engine = engine;
    }
}

/// Code of the dead letter of an account event whose account is not here.
const UNAVAILABLE: &str = "pos.state.unavailable";

/// Digest of a record's bytes, for ids that no event's content is behind.
fn digest_of(keyed: &Keyed<'_>) -> u64 {
    hash64(keyed.record.value.unwrap_or_default())
}
