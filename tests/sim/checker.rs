//! Holds the promises over what a run left in its topics. It reads committed records and the group's offsets as any
//! reader would, and decides the same inputs again in the order that the outcomes record; it knows nothing of workers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::Deserialize;
use tillgate::{
    codec::{
        journal::{ByteWriter, write_account},
        recorded,
        rulesets::{RulesetChange, RulesetRecord, read_ruleset_record},
    },
    domain::{PartitionId, ProfileView, limits, outcome::Outcome, profile_view::ProfileQuestion},
    engine::Engine,
    kafka::port::Unit,
    pipeline::{DecisionSink, InputRecord, Outbound},
    pos::{
        ACCOUNT_RESULTS, FLOW, INPUTS, Input, Outside, Partition, PartitionOptions, Pos, ProfileSource,
        Restore,
    },
};

use super::{
    again::in_record,
    contacts,
    log::{Place, Record, Topic, output_of},
    plan::Plan,
    planted::is_poison,
    profiles, tally,
    world::World,
};
use crate::support::stream::SCHEMAS;
use tillgate::domain::promise::Promise;

/// A committed record and its offset.
pub type Stored = (i64, Arc<Record>);

/// What of an outcome the checks look at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said<'a> {
    account_number: String,
    #[serde(borrow)]
    posted_amount: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow)]
    balance_after: Option<&'a serde_json::value::RawValue>,
    supersedes: Option<String>,
    ruleset: String,
    source: Source,
    positions: BTreeMap<String, i64>,
}

#[derive(Debug, Deserialize)]
struct Source {
    topic: String,
    partition: PartitionId,
    offset: i64,
}

impl Said<'_> {
    fn input(&self) -> Input {
        input_of(&self.source.topic)
    }

    /// The next offset of each input after this outcome.
    fn after(&self) -> [i64; INPUTS] {
        let mut after = TOPICS.map(|topic| self.positions.get(topic).copied().unwrap_or(0));
        after[self.input() as usize] = self.source.offset + 1;
        after
    }
}

/// Topics of the inputs, in the flow's order.
pub const TOPICS: [&str; INPUTS] = ["pos.events", "account.events", "tillgate.ticks"];

fn input_of(topic: &str) -> Input {
    let place = TOPICS.iter().position(|known| *known == topic);
    Input::at(place.unwrap_or_else(|| panic!("{topic} is no input")))
}

/// Ten-thousandths.
fn amount(text: Option<&serde_json::value::RawValue>) -> Option<i128> {
    let text = text?.get();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    format!("{whole}{fraction:0<4}").parse::<i128>().ok().map(|units| sign * units)
}

/// A dead letter by what it is about: input, partition, offset, code.
type Letter = (Input, PartitionId, i64, String);

/// What a partition published when it was decided again.
#[derive(Default)]
struct Published {
    outcomes: Vec<(Vec<u8>, Vec<u8>)>,
    replies: Vec<(Vec<u8>, Vec<u8>)>,
    letters: Vec<Letter>,
}

impl DecisionSink<Pos> for Published {
    fn send(&mut self, _outcome: &Outcome<'_>, outbound: &Outbound<'_>) {
        self.outcomes.push((outbound.key.to_vec(), outbound.value.unwrap_or_default().to_vec()));
    }

    fn reply(&mut self, outbound: &Outbound<'_>) {
        self.replies.push((outbound.key.to_vec(), outbound.value.unwrap_or_default().to_vec()));
    }

    fn dead_letter(&mut self, record: &InputRecord<'_>, code: &'static str, _message: &str) {
        self.letters.push((Input::at(record.input), record.partition, record.offset, code.to_owned()));
    }
}

/// What was there to be checked, so that no check can silently have nothing to do.
pub type Seen = BTreeMap<&'static str, u64>;

/// Checks everything; what there was.
///
/// # Errors
/// Whether a tick sets its partition's time, to where it can.
fn sets_time(tick: &Record, partition: PartitionId) -> bool {
    let value = String::from_utf8_lossy(tick.value.as_deref().unwrap_or_default());
    tick.key.as_deref() == Some(partition.to_string().as_bytes()) && value.contains("an operator")
}

/// The first promise that is broken.
pub fn check(world: &World, engines: &[Arc<Engine>], plan: &Plan) -> Result<Seen, String> {
    let found = letters(world)?;
    // Records whose decision or whose results failed each time, where the run has such.
    let given_up: BTreeSet<(Input, PartitionId, i64)> = found
        .iter()
        .filter(|(.., code)| code == "500")
        .map(|(input, partition, offset, _)| (*input, *partition, *offset))
        .collect();
    let (mut expected, mut fed) = (Vec::new(), Fed::default());
    let mut seen =
        Seen::from([("dead letters", found.len() as u64), ("records given up", given_up.len() as u64)]);
    for partition in PartitionId::all(plan.partitions) {
        let mut inputs =
            Input::ALL.map(|input| stored(world, (Topic::Input(&FLOW, input as usize), partition)));
        // A tick may have come after the last process had ended.
        let ticks = Unit { flow: &FLOW, partition }.inputs().nth(Input::Ticks as usize).expect("its ticks");
        let read = world.group.committed(ticks).unwrap_or(0);
        inputs[Input::Ticks as usize].retain(|(at, _)| *at < read);
        *seen.entry("ticks").or_default() += inputs[Input::Ticks as usize].len() as u64;
        *seen.entry("times set").or_default() +=
            inputs[Input::Ticks as usize].iter().filter(|(_, tick)| sets_time(tick, partition)).count()
                as u64;
        let outcomes = stored(world, (Topic::Output(&FLOW, 0), partition));
        if inputs.iter().all(Vec::is_empty) && outcomes.is_empty() {
            continue;
        }
        *seen.entry("outcomes").or_default() += outcomes.len() as u64;
        let broken = |promise: Promise| {
            move |text: String| promise.broken(format_args!("partition {partition}: {text}"))
        };
        each_once_and_in_order(partition, &inputs, &outcomes, &mut seen).map_err(broken(Promise::Once))?;
        balances(&inputs, &outcomes, &mut seen).map_err(broken(Promise::Money))?;
        let changes = changes(world, engines, partition).map_err(broken(Promise::SameBytes))?;
        *seen.entry("changes of ruleset").or_default() += changes.len() as u64 - 1;
        let (mut decided, Published { letters, replies, .. }) =
            same_bytes(&changes, plan, &given_up, partition, &inputs, &outcomes)
                .map_err(broken(Promise::SameBytes))?;
        let found = stored(world, (Topic::Output(&FLOW, ACCOUNT_RESULTS), partition));
        *seen.entry("replies").or_default() += found.len() as u64;
        same_replies(&replies, &found).map_err(broken(Promise::SameBytes))?;
        expected.extend(letters);
        fed.add(&mut decided);
        *seen.entry("outcomes with evidence").or_default() += told(&outcomes).len() as u64;
        journal(world, &engines[0], &plan.options, &decided, &mut seen).map_err(broken(Promise::Journal))?;
        positions(world, &decided).map_err(broken(Promise::Positions))?;
    }
    compare_letters(found, expected).map_err(|text| Promise::DeadLetters.broken(text))?;
    if let Some(partitions) = plan.profile_partitions {
        profiles::check(world, partitions, fed.observed, &mut seen)?;
    }
    if let Some(partitions) = plan.contact_partitions {
        contacts::check(world, partitions, fed.facts, &mut seen)?;
    }
    if let Some(partitions) = plan.tally_partitions {
        tally::check(world, partitions, &mut seen)?;
    }
    Ok(seen)
}

/// What the partitions of POS events tell other flows, decided again.
#[derive(Default)]
struct Fed {
    observed: Vec<profiles::Observed>,
    facts: Vec<Vec<u8>>,
}

impl Fed {
    fn add(&mut self, decided: &mut Partition) {
        decided.end_batch(&mut |outbound| {
            let value = outbound.value.expect("a value");
            match output_of(&FLOW, outbound.output) {
                Topic::Input(fed, _) if *fed == profiles::FLOW => {
                    self.observed.extend(profiles::of_record(value))
                }
                _ => self.facts.push(value.to_vec()),
            }
        });
    }
}

/// What readers of committed records find.
pub fn stored(world: &World, place: Place) -> Vec<Stored> {
    let log = &world.logs[&place];
    log.committed(0).map(|(at, record)| (at, Arc::clone(record))).collect()
}

fn said(record: &Record) -> Result<Said<'_>, String> {
    let value = record.value.as_deref().unwrap_or_default();
    serde_json::from_slice(value).map_err(|error| format!("an outcome cannot be read: {error}"))
}

/// Whether a POS record names an account, and so has an outcome.
fn has_account(record: &Record) -> bool {
    let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
    key.is_some_and(|key| !key.trim().is_empty() && key.chars().count() <= limits::ID_CHARS_MAX)
}

/// Every POS event of an account has exactly one outcome of its own, in the order of the offsets. Further outcomes
/// name the Pending one that they end, which no other does.
fn each_once_and_in_order(
    partition: PartitionId,
    inputs: &[Vec<Stored>; INPUTS],
    outcomes: &[Stored],
    seen: &mut Seen,
) -> Result<(), String> {
    let mut own: Vec<i64> = Vec::new();
    let mut ended: Vec<String> = Vec::new();
    for (at, record) in outcomes {
        let said = said(record)?;
        if said.source.partition != partition {
            return Err(format!("the outcome at {at} is of partition {}", said.source.partition));
        }
        let ticked = said.input() == Input::Ticks;
        match (said.supersedes, &said.source) {
            (Some(before), _) => {
                *seen.entry("holds run out by a tick").or_default() += u64::from(ticked);
                ended.push(before);
            }
            (None, source) => own.push(source.offset),
        }
    }
    let wanted: Vec<i64> =
        inputs[0].iter().filter(|(_, record)| has_account(record)).map(|(at, _)| *at).collect();
    if own != wanted {
        let missing: Vec<_> = wanted.iter().filter(|at| !own.contains(at)).take(5).collect();
        let twice: Vec<_> = own.windows(2).filter(|pair| pair[0] >= pair[1]).take(5).collect();
        return Err(format!(
            "{} events of accounts have {} outcomes; missing {missing:?}, twice or out of order {twice:?}",
            wanted.len(),
            own.len()
        ));
    }
    *seen.entry("holds ended").or_default() += ended.len() as u64;
    ended.sort();
    match ended.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("{} was ended twice", pair[0])),
        None => Ok(()),
    }
}

/// Between two outcomes of an account with no account event in between, the balance moves by what was posted.
fn balances(inputs: &[Vec<Stored>; INPUTS], outcomes: &[Stored], seen: &mut Seen) -> Result<(), String> {
    let mut last: BTreeMap<String, (i128, i64)> = BTreeMap::new();
    for (at, record) in outcomes {
        let said = said(record)?;
        let Some(balance) = amount(said.balance_after) else { continue };
        let after = said.after()[Input::AccountEvents as usize];
        let before = if said.input() == Input::AccountEvents { after - 1 } else { after };
        let posted = amount(said.posted_amount).unwrap_or(0);
        if let Some((known, since)) = last.get(&said.account_number) {
            let key = said.account_number.as_bytes();
            let moved = inputs[1]
                .iter()
                .any(|(at, record)| (*since..before).contains(at) && record.key.as_deref() == Some(key));
            *seen.entry("balances").or_default() += u64::from(!moved && posted != 0);
            if !moved && known + posted != balance {
                return Err(format!("the outcome at {at} posts {posted} on {known} and says {balance}"));
            }
        }
        // A hold runs out before the account event that moved time changes anything itself.
        last.insert(said.account_number, (balance, if posted == 0 { before } else { after }));
    }
    Ok(())
}

/// From which positions on a partition was decided by which ruleset, as the rulesets topic says.
fn changes(
    world: &World,
    engines: &[Arc<Engine>],
    partition: PartitionId,
) -> Result<Vec<(RulesetChange, Arc<Engine>)>, String> {
    let mut changes: Vec<(RulesetChange, Arc<Engine>)> = Vec::new();
    for change in changes_of(world, Unit { flow: &FLOW, partition })? {
        if changes.last().is_some_and(|(last, _)| last.ruleset == change.ruleset) {
            return Err(format!("{change:?} changes nothing"));
        }
        let engine = engines.iter().find(|engine| engine.ruleset_hash() == change.ruleset);
        changes.push((change, Arc::clone(engine.ok_or("a ruleset that nobody has")?)));
    }
    match changes.first() {
        Some((change, _)) if change.positions.are_none() => Ok(changes),
        first => Err(format!("the first note of a ruleset is of {first:?}, not of the beginning")),
    }
}

/// All that is noted of a unit, in order.
pub fn changes_of(world: &World, unit: Unit) -> Result<Vec<RulesetChange>, String> {
    let mut changes = Vec::new();
    for (_, record) in stored(world, (Topic::Rulesets, PartitionId::new(0))) {
        let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default());
        match read_ruleset_record(&key, record.value.as_deref().unwrap_or_default())? {
            RulesetRecord::Change { flow, partition, change } => {
                changes.extend((flow == unit.flow.name && partition == unit.partition).then_some(change));
            }
            RulesetRecord::Ruleset(..) => return Err("a ruleset that nobody kept".to_owned()),
        }
    }
    Ok(changes)
}

/// Every account event whose sender asked has one reply, which is what its inputs give.
fn same_replies(given: &[(Vec<u8>, Vec<u8>)], found: &[Stored]) -> Result<(), String> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    for (place, (key, value)) in given.iter().enumerate() {
        let Some((at, record)) = found.get(place) else {
            return Err(format!("a reply is missing at the end: {}", text(value)));
        };
        if record.key.as_ref() != Some(key) || record.value.as_ref() != Some(value) {
            let published = text(record.value.as_deref().unwrap_or_default());
            return Err(format!("the reply at {at} is {published}, and its inputs give {}", text(value)));
        }
    }
    match found.get(given.len()) {
        None => Ok(()),
        Some((at, _)) => Err(format!("the reply at {at} is of no event that asked")),
    }
}

/// Decides the inputs again in the order that the outcomes record, and compares byte by byte.
fn same_bytes(
    changes: &[(RulesetChange, Arc<Engine>)],
    plan: &Plan,
    given_up: &BTreeSet<(Input, PartitionId, i64)>,
    partition: PartitionId,
    inputs: &[Vec<Stored>; INPUTS],
    outcomes: &[Stored],
) -> Result<(Partition, Published), String> {
    let mut again = Again {
        partition: Partition::new(Arc::clone(&changes[0].1), partition, plan.options.clone()),
        published: Published::default(),
        inputs,
        next: [0; INPUTS],
        changes: &changes[1..],
        ruleset: changes[0].1.ruleset().to_owned(),
        given_up,
        may_give_up: plan,
        told: told(outcomes),
    };
    let mut compared = 0;
    while compared < outcomes.len() {
        let said = said(&outcomes[compared].1)?;
        let (input, mut until) = (said.input(), said.after());
        again.change_until(input, said.source.offset)?;
        if said.ruleset != again.ruleset {
            return Err(format!(
                "the outcome at {} is by a ruleset that was not noted",
                outcomes[compared].0
            ));
        }
        // Everything of the other inputs that it knew, everything of its own before it, then itself.
        until[input as usize] -= 1;
        for other in input.others() {
            again.feed_until(other, until[other as usize])?;
        }
        again.feed_until(input, until[input as usize])?;
        again.feed_until(input, until[input as usize] + 1)?;
        if again.published.outcomes.len() == compared {
            return Err(format!("the outcome at {} is of no event", outcomes[compared].0));
        }
        for (key, value) in &again.published.outcomes[compared..] {
            let Some((at, found)) = outcomes.get(compared) else {
                return Err("an outcome is missing at the end".to_owned());
            };
            if found.key.as_ref() != Some(key) || found.value.as_ref() != Some(value) {
                let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
                return Err(format!(
                    "the outcome at {at} is not what its inputs give:\n  published {}\n  anew      {}",
                    text(found.value.as_deref().unwrap_or_default()),
                    text(value)
                ));
            }
            compared += 1;
        }
    }
    again.change_until(Input::PosEvents, i64::MAX)?;
    for input in Input::ALL.into_iter().rev() {
        again.feed_until(input, i64::MAX)?;
    }
    if again.published.outcomes.len() > compared {
        return Err("outcomes are missing at the end".to_owned());
    }
    Ok((again.partition, again.published))
}

struct Again<'a> {
    partition: Partition,
    published: Published,
    inputs: &'a [Vec<Stored>; INPUTS],
    next: [usize; INPUTS],
    /// Changes of the ruleset to come.
    changes: &'a [(RulesetChange, Arc<Engine>)],
    ruleset: String,
    given_up: &'a BTreeSet<(Input, PartitionId, i64)>,
    may_give_up: &'a Plan,
    /// What the outcomes of POS events say of the shared profiles, by the events' offsets.
    told: BTreeMap<i64, Told>,
}

/// What an outcome says of the shared profiles.
#[derive(Clone, Debug, Default)]
struct Told(ProfileView);

impl ProfileSource for Told {
    fn view(&self, _question: &ProfileQuestion<'_>) -> ProfileView {
        self.0.clone()
    }
}

fn told(outcomes: &[Stored]) -> BTreeMap<i64, Told> {
    let told = |(_, record): &Stored| {
        let evidence = recorded::evidence(record.value.as_deref()?);
        let facts = evidence.iter().map(|(fact, value)| (&**fact, &**value));
        let view = ProfileView::of_evidence(facts).ok().filter(|_| !evidence.is_empty())?;
        Some((said(record).ok()?.source.offset, Told(view)))
    };
    outcomes.iter().filter_map(told).collect()
}

impl Again<'_> {
    /// Goes over to the ruleset that decided the record of `input` at `offset`.
    fn change_until(&mut self, input: Input, offset: i64) -> Result<(), String> {
        while let [(change, engine), later @ ..] = self.changes {
            let from = Input::offsets(&change.positions);
            if from[input as usize] > offset {
                break;
            }
            for input in Input::ALL.into_iter().rev() {
                self.feed_until(input, from[input as usize])?;
            }
            self.partition.decide_by(Arc::clone(engine));
            engine.ruleset().clone_into(&mut self.ruleset);
            self.changes = later;
        }
        Ok(())
    }

    fn feed_until(&mut self, input: Input, until: i64) -> Result<(), String> {
        let next = &mut self.next[input as usize];
        while let Some((offset, record)) = self.inputs[input as usize].get(*next) {
            if *offset >= until {
                break;
            }
            let record = in_record(&FLOW, (input as usize, self.partition.number(), *offset), record);
            *next += 1;
            if self.given_up.contains(&(input, record.partition, record.offset)) {
                let poison = self.may_give_up.poison && is_poison(record.value);
                let limited = self.may_give_up.outcome_bytes_max.or(self.may_give_up.letter_bytes_max);
                if !poison && limited.is_none() {
                    return Err(format!("{input:?} {offset} was given up for no reason"));
                }
                self.partition.on_failed_record(&record, &mut self.published);
                continue;
            }
            let told =
                self.told.get(offset).filter(|_| input == Input::PosEvents).cloned().unwrap_or_default();
            let profiles = self.may_give_up.profile_partitions.map(|_| &told as &dyn ProfileSource);
            let outside = Outside { schemas: &*SCHEMAS, profiles };
            let taken = self.partition.on_record(outside, &record, &mut self.published);
            taken.map_err(|interrupt| format!("{input:?} {offset}: {interrupt}"))?;
        }
        Ok(())
    }
}

/// The journal, from where it begins now and from its very beginning, folds to the state that the inputs give.
fn journal(
    world: &World,
    engine: &Arc<Engine>,
    options: &PartitionOptions,
    decided: &Partition,
    seen: &mut Seen,
) -> Result<(), String> {
    let number = decided.number();
    let log = &world.logs[&(Topic::Journal(&FLOW), number)];
    let trimmed: Vec<_> = log.committed(0).collect();
    let whole: Vec<_> = log.ever_committed().collect();
    *seen.entry("journal records").or_default() += whole.len() as u64;
    *seen.entry("journal records trimmed").or_default() += (whole.len() - trimmed.len()) as u64;
    for (name, records) in [("journal", trimmed), ("journal with what was trimmed", whole)] {
        let mut restore = Restore::new(Partition::new(Arc::clone(engine), number, options.clone()));
        for (at, record) in records {
            let value = record.value.as_deref().unwrap_or_default();
            restore.on_record(value).map_err(|fault| format!("{name} at {at}: {fault}"))?;
        }
        let folded = restore.finish().map_err(|fault| format!("{name}: {fault}"))?;
        if folded.positions() != decided.positions() {
            return Err(format!(
                "{name} ends at {:?}, its inputs at {:?}",
                folded.positions(),
                decided.positions()
            ));
        }
        if accounts(&folded) != accounts(decided)
            || folded.state().stream_time() != decided.state().stream_time()
        {
            let differing = |of: &Partition, from: &Partition| {
                let known = accounts(from);
                let differing =
                    accounts(of).into_iter().find(|(number, bytes)| known.get(number) != Some(bytes));
                differing.and_then(|(number, _)| {
                    of.state().accounts().get(&number).map(|found| format!("{found:?}"))
                })
            };
            return Err(format!(
                "{name} does not fold to the state that the inputs give\n  folded  {:?}\n  decided {:?}",
                differing(&folded, decided),
                differing(decided, &folded)
            ));
        }
    }
    Ok(())
}

/// The group is where the inputs were decided up to.
fn positions(world: &World, decided: &Partition) -> Result<(), String> {
    let group = world.group.positions(Unit { flow: &FLOW, partition: decided.number() });
    if group == *decided.positions() {
        return Ok(());
    }
    Err(format!("the group is at {group:?}, the journal at {:?}", decided.positions()))
}

fn accounts(partition: &Partition) -> BTreeMap<String, Vec<u8>> {
    let bytes = |account| {
        let mut writer = ByteWriter(Vec::new());
        write_account(&mut writer, account);
        writer.0
    };
    let accounts = partition.state().accounts();
    accounts.iter().map(|account| (account.number.to_string(), bytes(account))).collect()
}

/// The dead letters that were published.
fn letters(world: &World) -> Result<Vec<Letter>, String> {
    let mut found: Vec<Letter> = Vec::new();
    for partition in PartitionId::all(world.flows[&FLOW]) {
        for (_, record) in stored(world, (Topic::DeadLetters(&FLOW), partition)) {
            let header = |name| String::from_utf8_lossy(record.header(name).unwrap_or_default()).into_owned();
            let input = input_of(&header("source.topic"));
            let number = |name| header(name).parse::<i64>().map_err(|error| format!("{name}: {error}"));
            let partition = PartitionId::new(number("source.partition")? as i32);
            found.push((input, partition, number("source.offset")?, header("error.code")));
        }
    }
    found.sort();
    Ok(found)
}

/// The dead letters are those of the records that cannot be used, each once.
fn compare_letters(found: Vec<Letter>, mut expected: Vec<Letter>) -> Result<(), String> {
    expected.sort();
    if found == expected {
        return Ok(());
    }
    let differs = found.iter().zip(&expected).find(|(found, expected)| found != expected);
    Err(format!("{} dead letters, expected {}: first difference {differs:?}", found.len(), expected.len()))
}
