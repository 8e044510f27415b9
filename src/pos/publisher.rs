//! What decisions of this flow send and change: outcomes, what runs out as time goes on, replies to account events.

use super::input::{ACCOUNT_RESULTS, OUTCOMES};
use super::model::{OutcomeEncoding, Pos};
use super::parties::Parties;
use super::seen::BatchSightings;
use crate::codec;
use crate::domain::account_event::AccountEvent;
use crate::domain::limits;
use crate::domain::outcome::Outcome;
use crate::domain::reply::{Fate, Reply};
use crate::domain::{Micros, PartitionId};
use crate::engine::{Decision, Engine, RecordContext, Repeated};
use crate::pipeline::{Effects, InputRecord, Interrupt, Outbound};

/// Code of the dead letter of an account event of which another was applied under its id or idempotency key.
const CONFLICT: &str = "400.100";

/// Makes outcomes of decisions.
pub(super) struct Publisher<'p> {
    pub(super) encoding: &'p OutcomeEncoding,
    pub(super) encoded: &'p mut Vec<u8>,
    pub(super) partition: PartitionId,
    /// Topic of POS events, of which transaction ids are made.
    pub(super) pos_events: &'p str,
    /// What the batch tells the shared profiles.
    pub(super) seen: Option<&'p mut BatchSightings>,
    /// What it tells contact decisions.
    pub(super) parties: Option<&'p mut Parties>,
}

impl Publisher<'_> {
    /// Lets stream time go on to `now`, and the holds run out that have until then; whether one did. `digest` is of what
    /// moves it.
    pub(super) fn advance(
        &mut self,
        engine: &Engine,
        at: &RecordContext<'_>,
        digest: impl FnOnce() -> u64,
        now: Micros,
        effects: &mut Effects<'_, Pos>,
    ) -> Result<bool, Interrupt> {
        effects.advance(now);
        if effects.state().expired_hold(now).is_none() {
            return Ok(false);
        }
        let digest = digest();
        for ordinal in 1..=limits::EXPIRIES_PER_INPUT_MAX as u32 {
            let Some(ended) = engine.expire(effects.state(), at, digest, ordinal, now) else {
                break;
            };
            self.carry_out(&ended, effects)?;
        }
        Ok(true)
    }

    /// Makes a decision's changes, and publishes its outcome.
    pub(super) fn carry_out(
        &mut self,
        decision: &Decision<'_>,
        effects: &mut Effects<'_, Pos>,
    ) -> Result<(), Interrupt> {
        if let Some(change) = &decision.change {
            effects.change(change)?;
        }
        for outcome in decision.outcome.iter().chain(decision.ended.as_deref()) {
            self.publish(outcome, effects);
        }
        Ok(())
    }

    /// An outcome without a decision still says which state of the account it leaves alone.
    pub(super) fn publish_unjudged(&mut self, mut outcome: Outcome<'_>, effects: &mut Effects<'_, Pos>) {
        let account = effects.state().accounts().get(&outcome.account_number);
        outcome.account_revision = account.map_or(0, |account| account.revision);
        self.publish(&outcome, effects);
    }

    /// Says what became of an account event whose sender asked: applied, or a repeat of one that was; otherwise why not.
    pub(super) fn reply(
        &mut self,
        at: &RecordContext<'_>,
        record: &InputRecord<'_>,
        event: Option<&AccountEvent>,
        fate: Result<Option<Repeated>, (&str, &str)>,
        effects: &mut Effects<'_, Pos>,
    ) {
        let Some(request_id) = record.request_id() else { return };
        let id = event.map(|event| &*event.id).filter(|id| id.chars().count() <= limits::ID_CHARS_MAX);
        let created = event.and_then(|event| event.created_at);
        let (fate, id, created_at, why) = match fate {
            Ok(None) => (Fate::Applied, id, created, None),
            Ok(Some(before)) => (Fate::Repeat, id.filter(|_| before.under_id), before.created, None),
            Err(why @ (CONFLICT, _)) => (Fate::Conflict, id, created, Some(why)),
            Err(why) => (Fate::Refused, id, created, Some(why)),
        };
        let (code, message) = why.unzip();
        let source = at.source;
        self.encoded.clear();
        let reply = Reply { request_id, fate, id, created_at, code, message, source };
        codec::json::write_reply(&reply, self.encoded);
        effects.reply(&Outbound {
            output: ACCOUNT_RESULTS,
            partition: Some(self.partition),
            key: at.key.as_bytes(),
            value: Some(self.encoded),
            headers: &[],
        });
    }

    /// Encodes an outcome into what its topic surely takes.
    fn publish(&mut self, outcome: &Outcome<'_>, effects: &mut Effects<'_, Pos>) {
        self.encoded.clear();
        let encoding = self.encoding;
        codec::write_bounded(outcome, self.encoded, |outcome, out| match encoding {
            OutcomeEncoding::Json => codec::json::write_outcome(outcome, out),
            OutcomeEncoding::Avro(framing) => {
                out.extend_from_slice(framing);
                codec::avro::write_outcome(outcome, out);
            }
        });
        let outbound = Outbound {
            output: OUTCOMES,
            partition: Some(self.partition),
            key: outcome.account_number.as_bytes(),
            value: Some(self.encoded),
            headers: &[],
        };
        effects.send(outcome, &outbound);
    }
}
