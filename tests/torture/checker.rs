//! The judge of a run: whether every event was decided exactly once and every amount adds up, from what any reader of
//! committed records could see. Never asks the program what it thinks: it knows events, outcomes, dead letters,
//! positions and the state that the journal folds to, and no more.

use std::collections::{BTreeMap, BTreeSet};

use tillgate::domain::promise::Promise;

/// How many faults are told one by one.
const TOLD: usize = 20;

/// Everything that a run left behind, by partition.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    pub partitions: Vec<Partition>,
    /// Source of every dead letter: topic, partition, offset.
    pub dead_letters: Vec<(Topic, i32, i64)>,
    /// Topics that a transaction still holds something of.
    pub open: Vec<String>,
}

/// What belongs to one partition number.
#[derive(Clone, Debug, Default)]
pub struct Partition {
    /// POS events, by offset from 0.
    pub events: Vec<Event>,
    /// Account events, by offset from 0.
    pub account_events: Vec<AccountEvent>,
    /// Offsets of the account events whose senders asked, and those that replies name, as they stand in their topic.
    pub asked: Vec<i64>,
    pub replies: Vec<i64>,
    /// How many ticks there are, the tills' own and those of instances.
    pub ticks: i64,
    /// Outcomes in the order of the topic.
    pub outcomes: Vec<Outcome>,
    /// The accounts that the journal folds to: balance in ten-thousandths, and revision.
    pub state: BTreeMap<String, Standing>,
    /// Where the journal ends: next offset of each input.
    pub journal: [Option<i64>; 3],
    /// Where the group stands.
    pub group: [Option<i64>; 3],
}

/// An input topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    Events,
    AccountEvents,
    Ticks,
}

/// What a POS event must lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// One outcome for this account.
    Sound(String),
    /// One outcome for this account, and a dead letter.
    Undecodable(String),
    /// A dead letter: there is nobody to answer.
    Keyless,
}

/// What an account event must lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountEvent {
    /// The account's balance changes by so much (ten-thousandths; mostly nothing).
    Applied { account: String, change: i64 },
    /// Seen before: nothing.
    Repeated,
    /// A dead letter.
    Unreadable,
    /// Ends a Pending outcome by another one, or is a dead letter where that had ended before.
    Resolve,
}

/// What of an outcome can be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub id: String,
    pub account: String,
    pub pending: bool,
    pub supersedes: Option<String>,
    /// A hold ran out by the time of its source: no answer to that.
    pub ran_out: bool,
    pub source: (Topic, i32, i64),
    /// Amounts in ten-thousandths.
    pub posted: Option<i64>,
    pub balance: Option<i64>,
    pub revision: i64,
    /// Next offset of the other input when it was decided.
    pub position: i64,
    /// Milliseconds since 1970 at which it was made.
    pub at: i64,
}

/// An account's balance and how many inputs it has applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub balance: i64,
    pub revision: i64,
}

/// What was counted, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    pub events: u64,
    pub account_events: u64,
    pub outcomes: u64,
    pub superseding: u64,
    /// Of these, those of holds that a tick ran out.
    pub by_ticks: u64,
    /// Replies to account events.
    pub replies: u64,
    /// Uses of terminals that the shared profiles were told of.
    pub sights: u64,
    /// Contact decisions, interactions that count, and facts of accounts that were told for them.
    pub contacts: u64,
    pub interactions: u64,
    pub facts: u64,
    pub dead_letters: u64,
    pub accounts: u64,
    /// Outcomes and dead letters that are there more often than once.
    pub duplicates: u64,
    /// Outcomes and dead letters that are missing.
    pub losses: u64,
    /// Everything that is wrong, those above too.
    pub wrong: u64,
    /// The first of them, in words.
    pub faults: Vec<String>,
}

impl Judgement {
    fn fault(&mut self, promise: Promise, text: impl FnOnce() -> String) {
        self.wrong += 1;
        if self.faults.len() < TOLD {
            self.faults.push(promise.broken(text()));
        }
    }

    fn expect(&mut self, promise: Promise, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.fault(promise, text);
        }
    }

    /// `found` times of something that must be there `due` times.
    pub fn count(&mut self, promise: Promise, found: u64, due: u64, what: impl FnOnce() -> String) {
        self.duplicates += found.saturating_sub(due);
        self.losses += due.saturating_sub(found);
        self.expect(promise, found == due, || format!("{}: {found} times, not {due}", what()));
    }
}

/// Judges a run.
pub fn judge(evidence: &Evidence) -> Judgement {
    let mut judgement = Judgement::default();
    for topic in &evidence.open {
        judgement.fault(Promise::Positions, || format!("{topic}: a transaction is open"));
    }
    let mut dead: BTreeMap<(Topic, i32, i64), u64> = BTreeMap::new();
    for source in &evidence.dead_letters {
        judgement.dead_letters += 1;
        *dead.entry(*source).or_default() += 1;
    }
    for (number, partition) in (0_i32..).zip(&evidence.partitions) {
        judge_positions(number, partition, &mut judgement);
        judge_sources(number, partition, &mut dead, &mut judgement);
        judge_replies(number, partition, &mut judgement);
        judge_succession(number, partition, &mut judgement);
        judge_money(number, partition, &mut judgement);
    }
    for (source, count) in dead {
        judgement.duplicates += count;
        judgement.fault(Promise::DeadLetters, || {
            format!("{source:?}: {count} dead letters that nothing calls for")
        });
    }
    judgement
}

/// Group, journal and the ends of the inputs are at the same place.
fn judge_positions(number: i32, partition: &Partition, judgement: &mut Judgement) {
    let ends = [partition.events.len() as i64, partition.account_events.len() as i64, partition.ticks];
    for (place, end) in ends.into_iter().enumerate() {
        let (group, journal) = (partition.group[place], partition.journal[place]);
        let topic = [Topic::Events, Topic::AccountEvents, Topic::Ticks][place];
        judgement.expect(Promise::Positions, group == journal && group.unwrap_or(0) == end, || {
            format!("{topic:?} {number}: group at {group:?}, journal at {journal:?}, end at {end}")
        });
    }
}

/// Every event has its outcome, once and in order; dead letters are where they must be; nothing else is there.
fn judge_sources(
    number: i32,
    partition: &Partition,
    dead: &mut BTreeMap<(Topic, i32, i64), u64>,
    judgement: &mut Judgement,
) {
    judgement.events += partition.events.len() as u64;
    judgement.account_events += partition.account_events.len() as u64;
    judgement.outcomes += partition.outcomes.len() as u64;
    let mut own = vec![0_u64; partition.events.len()];
    let mut resolved: BTreeMap<i64, u64> = BTreeMap::new();
    let mut last = -1;
    for outcome in &partition.outcomes {
        let (topic, source, offset) = outcome.source;
        if topic == Topic::AccountEvents && source == number {
            *resolved.entry(offset).or_default() += u64::from(!outcome.ran_out);
            continue;
        }
        if topic == Topic::Ticks && source == number {
            judgement.by_ticks += 1;
            judgement.expect(Promise::Once, outcome.ran_out && offset < partition.ticks, || {
                format!("outcome {} is of tick {number}:{offset}, and no end of a hold", outcome.id)
            });
            continue;
        }
        let event = usize::try_from(offset).ok().and_then(|offset| partition.events.get(offset));
        let account = match event {
            Some(Event::Sound(account) | Event::Undecodable(account)) if source == number => account,
            _ => {
                judgement.fault(Promise::Once, || {
                    format!("outcome {} is of no event: {:?}", outcome.id, outcome.source)
                });
                continue;
            }
        };
        if outcome.supersedes.is_none() {
            own[offset as usize] += 1;
            judgement.expect(Promise::Once, *account == outcome.account, || {
                format!("outcome {} is for another account than its event", outcome.id)
            });
            judgement.expect(Promise::Once, last < offset, || {
                format!("outcome {} of offset {offset} comes after that of {last}", outcome.id)
            });
            last = offset;
        }
    }
    for ((offset, event), found) in (0_i64..).zip(&partition.events).zip(own) {
        let (outcomes, letters) = match event {
            Event::Sound(_) => (1, 0),
            Event::Undecodable(_) => (1, 1),
            Event::Keyless => (0, 1),
        };
        judgement.count(Promise::Once, found, outcomes, || format!("outcome of event {number}:{offset}"));
        let found = dead.remove(&(Topic::Events, number, offset)).unwrap_or(0);
        judgement.count(Promise::DeadLetters, found, letters, || {
            format!("dead letter of event {number}:{offset}")
        });
    }
    for (offset, event) in (0_i64..).zip(&partition.account_events) {
        let outcomes = resolved.remove(&offset).unwrap_or(0);
        let letters = dead.remove(&(Topic::AccountEvents, number, offset)).unwrap_or(0);
        let (found, due) = match event {
            AccountEvent::Applied { .. } | AccountEvent::Repeated => (outcomes + letters, 0),
            AccountEvent::Unreadable => (letters + 2 * outcomes, 1),
            AccountEvent::Resolve => (outcomes + letters, 1),
        };
        judgement.count(Promise::Once, found, due, || format!("answer to account event {number}:{offset}"));
    }
    for (offset, count) in resolved {
        judgement.duplicates += count;
        judgement.fault(Promise::Once, || {
            format!("{count} outcomes of account event {number}:{offset}, which is not there")
        });
    }
}

/// Who asked is told, once and in the order of the events; nobody else is.
fn judge_replies(number: i32, partition: &Partition, judgement: &mut Judgement) {
    judgement.replies += partition.replies.len() as u64;
    let mut counts: BTreeMap<i64, [u64; 2]> = BTreeMap::new();
    partition.replies.iter().for_each(|offset| counts.entry(*offset).or_default()[0] += 1);
    partition.asked.iter().for_each(|offset| counts.entry(*offset).or_default()[1] += 1);
    for (offset, [found, due]) in counts {
        judgement.count(Promise::Once, found, due, || format!("reply to account event {number}:{offset}"));
    }
    judgement.expect(Promise::Once, partition.replies.is_sorted(), || {
        format!("replies of partition {number} are in another order than their events")
    });
}

/// Ids are there once, and what supersedes follows a Pending outcome of the same account, once.
fn judge_succession(number: i32, partition: &Partition, judgement: &mut Judgement) {
    let mut ids = BTreeSet::new();
    let mut pending: BTreeMap<&str, &str> = BTreeMap::new();
    for outcome in &partition.outcomes {
        let first = ids.insert(outcome.id.as_str());
        judgement.expect(Promise::Once, first, || {
            format!("partition {number}: outcome {} is there again", outcome.id)
        });
        if let Some(superseded) = &outcome.supersedes {
            judgement.superseding += 1;
            let account = pending.remove(superseded.as_str());
            judgement.expect(Promise::Once, account == Some(outcome.account.as_str()), || {
                format!("outcome {} supersedes {superseded}, which is not pending", outcome.id)
            });
        }
        if outcome.pending && outcome.supersedes.is_none() {
            pending.insert(&outcome.id, &outcome.account);
        }
    }
}

/// Every outcome's balance is the sum of all that was posted and paid before, and so is the state's at the end.
fn judge_money(number: i32, partition: &Partition, judgement: &mut Judgement) {
    let mut ledger: BTreeMap<&str, Standing> = BTreeMap::new();
    let mut applied = partition.account_events.iter().enumerate().peekable();
    for outcome in &partition.outcomes {
        // An outcome of an account event is decided with that event applied.
        let position = resolves(outcome).unwrap_or(outcome.position);
        while let Some((_, event)) = applied.next_if(|(offset, _)| (*offset as i64) < position) {
            apply(event, &mut ledger);
        }
        let Some(balance) = outcome.balance else {
            let posts_nothing = outcome.posted.is_none();
            judgement.expect(Promise::Money, posts_nothing, || {
                format!("outcome {} posts without a balance", outcome.id)
            });
            continue;
        };
        let standing = ledger.entry(outcome.account.as_str()).or_default();
        standing.balance += outcome.posted.unwrap_or(0);
        let (expected, before) = (standing.balance, standing.revision);
        judgement.expect(Promise::Money, balance == expected, || {
            format!("outcome {} of {number}: balance {balance}, posted and paid give {expected}", outcome.id)
        });
        let steps = outcome.revision - before;
        judgement.expect(Promise::Money, (0..=1).contains(&steps), || {
            format!("outcome {} of {number}: revision {} after {before}", outcome.id, outcome.revision)
        });
        *standing = Standing { balance, revision: outcome.revision };
    }
    for (_, event) in applied {
        apply(event, &mut ledger);
    }
    judgement.accounts += ledger.len() as u64;
    for (account, standing) in &ledger {
        let found = partition.state.get(*account);
        judgement.expect(Promise::Journal, found == Some(standing), || {
            format!("an account of partition {number}: the journal gives {found:?}, the topics {standing:?}")
        });
    }
    let more = partition.state.len().abs_diff(ledger.len());
    judgement.expect(Promise::Journal, more == 0, || {
        format!("partition {number}: {more} accounts that no topic knows")
    });
}

/// The offset of the account event that an outcome answers.
fn resolves(outcome: &Outcome) -> Option<i64> {
    (outcome.source.0 == Topic::AccountEvents).then_some(outcome.source.2)
}

/// What an account event does by itself; that of a Resolve is in its outcome.
fn apply<'a>(event: &'a AccountEvent, ledger: &mut BTreeMap<&'a str, Standing>) {
    if let AccountEvent::Applied { account, change } = event {
        let standing = ledger.entry(account).or_default();
        standing.balance += change;
        standing.revision += 1;
    }
}
