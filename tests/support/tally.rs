//! A flow that is there to be moved: three inputs, a key of its own, two outputs, a state whose bytes depend on the order
//! of all that came. Nothing of the program knows it.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use tillgate::domain::PartitionId;
use tillgate::{
    codec::journal::{ByteReader, ByteWriter, JournalFault},
    domain::{
        Micros,
        flow::{Flow, FlowTopics},
        hashing::hash64,
        partitioner::Partitioner,
        record::RecordTime,
    },
    pipeline::{
        Blueprint, Division, Effects, FoldFault, Header, Interrupt, Keyed, Model, Outbound, Partition,
        PartitionSettings, State, Surroundings,
    },
};

/// Sales, counted; rates and closings, which the count is judged by.
pub static FLOW: Flow = Flow {
    name: "tally",
    key: "shop",
    entries: "shops",
    inputs: &["sales", "rates", "closings"],
    outputs: &["tallies", "echoes"],
    latest: &[],
    feeds: &[],
    own: &[],
    numbered: &[],
    asked: &[],
    ticks: None,
};
/// The same as an earlier release knew it: before there were closings.
pub static EARLIER: Flow = Flow {
    name: FLOW.name,
    key: FLOW.key,
    entries: FLOW.entries,
    inputs: &["sales", "rates"],
    outputs: FLOW.outputs,
    latest: &[],
    feeds: &[],
    own: &[],
    numbered: &[],
    asked: &[],
    ticks: None,
};

/// Which release decides.
pub trait Release: std::fmt::Debug + Send + Sync + 'static {
    /// The flow as it knows it.
    const FLOW: &'static Flow;
}

/// This one.
#[derive(Debug, Default)]
pub struct Now;

impl Release for Now {
    const FLOW: &'static Flow = &FLOW;
}

/// An earlier one, which knows two inputs.
#[derive(Debug, Default)]
pub struct Earlier;

impl Release for Earlier {
    const FLOW: &'static Flow = &EARLIER;
}

/// Places of inputs and outputs.
pub const SALES: usize = 0;
pub const TALLIES: usize = 0;
pub const ECHOES: usize = 1;
/// What its rules would have as their hash.
pub const RULESET: u128 = 0x7a11;

/// Its topics, each name behind `prefix`.
pub fn topics(prefix: &str) -> FlowTopics {
    let named = |names: &[&str]| names.iter().map(|name| format!("{prefix}{name}")).collect();
    FlowTopics {
        flow: &FLOW,
        inputs: named(FLOW.inputs),
        outputs: named(FLOW.outputs),
        dead_letters: format!("{prefix}tally.dead-letters"),
        journal: format!("{prefix}tally.journal"),
    }
}

/// Its topics as the earlier release knows them.
pub fn earlier_topics(prefix: &str) -> FlowTopics {
    let FlowTopics { mut inputs, outputs, dead_letters, journal, .. } = topics(prefix);
    inputs.truncate(EARLIER.inputs.len());
    FlowTopics { flow: &EARLIER, inputs, outputs, dead_letters, journal }
}

/// What makes its units.
pub struct Setup(pub PartitionSettings);

/// The same of the earlier release.
pub struct EarlierSetup(pub PartitionSettings);

impl Blueprint for EarlierSetup {
    type Model = Tally<Earlier>;
    type Surroundings = Nothing;

    fn model(&self) -> Tally<Earlier> {
        Tally::default()
    }

    fn settings(&self) -> PartitionSettings {
        self.0
    }

    fn surroundings(&self) -> Nothing {
        Nothing
    }
}

/// Settings under which journals turn over often.
pub fn settings(partitions: u32) -> PartitionSettings {
    PartitionSettings {
        checkpoint_records_per_entry: 2,
        rotation_records_min: 10,
        journal_record_bytes_max: 2_000,
        division: Division { partitioner: Partitioner::Murmur2, partitions },
    }
}

/// A unit with nothing in it.
pub fn unit(partition: PartitionId, settings: PartitionSettings) -> Partition<Tally> {
    Partition::of(Tally::default(), partition, settings)
}

impl Blueprint for Setup {
    type Model = Tally;
    type Surroundings = Nothing;

    fn model(&self) -> Tally {
        Tally::default()
    }

    fn settings(&self) -> PartitionSettings {
        self.0
    }

    fn surroundings(&self) -> Nothing {
        Nothing
    }
}

/// It takes nothing from outside.
pub struct Nothing;

impl<R: Release> Surroundings<Tally<R>> for Nothing {
    fn with<T>(&mut self, _after_a_wait: bool, decide: impl FnOnce(()) -> T) -> T {
        decide(())
    }
}

/// Decides: a value that begins with "ok" counts.
#[derive(Debug)]
pub struct Tally<R = Now> {
    text: String,
    release: PhantomData<R>,
}

impl<R> Default for Tally<R> {
    fn default() -> Self {
        Self { text: String::new(), release: PhantomData }
    }
}

/// What a message says, for whoever takes it apart.
pub struct Said;

impl<R: Release> Model for Tally<R> {
    const FLOW: &'static Flow = R::FLOW;
    type State = Shops;
    type Outside<'a> = ();
    type Decided<'a> = Said;

    fn empty(&self) -> Shops {
        Shops::default()
    }

    fn ruleset(&self) -> u128 {
        RULESET
    }

    fn decide(
        &mut self,
        (): (),
        keyed: &Keyed<'_>,
        effects: &mut Effects<'_, Self>,
    ) -> Result<(), Interrupt> {
        let (record, key) = (keyed.record, keyed.key);
        let value = record.value.unwrap_or_default();
        if keyed.misplaced.is_some() {
            effects.dead_letter("tally.elsewhere", "its shop is counted elsewhere");
            return Ok(());
        }
        if !value.starts_with(b"ok") {
            effects.dead_letter("400.001", "it does not begin with ok");
            return Ok(());
        }
        if let RecordTime::Written(time) = record.time {
            effects.advance(time);
        }
        effects.change(&Change { shop: key.to_owned(), input: record.input as u8, hash: hash64(value) })?;
        let Shop { count, chains, .. } = *effects.state().get(key).expect("it was just changed");
        let own = chains[record.input];
        // A sale says where every input stood, which tells what its shop was made of; an echo only what its own input gave.
        self.text = if record.input == SALES {
            let time = effects.state().stream_time;
            let positions: Vec<String> =
                keyed.positions.iter().map(|position| position.unwrap_or(0).to_string()).collect();
            let all = chains.map(|chain| format!("{chain:016x}")).join(" ");
            format!("{} {} {all} {count} {}", record.offset, positions.join(" "), time.0)
        } else {
            format!("{} {own:016x}", record.offset)
        };
        let header = [Header { name: "chain", value: self.text.as_bytes() }];
        match record.input {
            SALES => effects.send(
                &Said,
                &Outbound {
                    output: TALLIES,
                    partition: Some(keyed.unit.partition),
                    key: key.as_bytes(),
                    value: Some(self.text.as_bytes()),
                    headers: &[],
                },
            ),
            // One in so many says so by a tombstone with a header.
            _ if own.is_multiple_of(3) => effects.send(
                &Said,
                &Outbound {
                    output: ECHOES,
                    partition: None,
                    key: key.as_bytes(),
                    value: None,
                    headers: &header,
                },
            ),
            _ => {}
        }
        Ok(())
    }

    fn give_up(&mut self, keyed: &Keyed<'_>, effects: &mut Effects<'_, Self>) {
        if keyed.record.input == SALES {
            let text = format!("{} failed", keyed.record.offset);
            let (key, value) = (keyed.key.as_bytes(), Some(text.as_bytes()));
            let partition = Some(keyed.unit.partition);
            effects.send(&Said, &Outbound { output: TALLIES, partition, key, value, headers: &[] });
        }
    }
}

/// What happens to a shop.
#[derive(Debug)]
pub struct Change {
    shop: String,
    input: u8,
    hash: u64,
}

/// A shop: how much came of it, and of each input a hash of all of that in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shop {
    name: String,
    count: u64,
    chains: [u64; 3],
}

/// The shops of a unit.
#[derive(Clone, Debug, Default)]
pub struct Shops {
    stream_time: Micros,
    shops: Vec<Shop>,
    slots: BTreeMap<String, usize>,
    /// As they were when the batch began.
    kept: Option<Box<Shops>>,
}

impl Shops {
    fn get(&self, name: &str) -> Option<&Shop> {
        self.slots.get(name).map(|slot| &self.shops[*slot])
    }

    /// The shops by name, and the time.
    pub fn all(&self) -> (Micros, BTreeMap<&str, (u64, [u64; 3])>) {
        let shops = self.shops.iter().map(|shop| (&*shop.name, (shop.count, shop.chains)));
        (self.stream_time, shops.collect())
    }

    fn touch(&mut self) {
        if self.kept.is_none() {
            self.kept = Some(Box::new(self.clone()));
        }
    }

    fn put(&mut self, shop: Shop) {
        match self.slots.get(&shop.name) {
            Some(slot) => self.shops[*slot] = shop,
            None => {
                self.slots.insert(shop.name.clone(), self.shops.len());
                self.shops.push(shop);
            }
        }
    }

    fn make(&mut self, change: &Change) {
        let mut shop = self.get(&change.shop).cloned().unwrap_or_default();
        shop.name.clone_from(&change.shop);
        shop.count += 1;
        let chain = &mut shop.chains[usize::from(change.input) % 3];
        *chain = hash64(&[chain.to_le_bytes(), change.hash.to_le_bytes()].concat());
        self.put(shop);
    }
}

fn read_change(input: &mut ByteReader<'_>) -> Result<Change, JournalFault> {
    Ok(Change { shop: input.text()?.to_owned(), input: input.byte()?, hash: input.long()? })
}

fn read_shop(input: &mut ByteReader<'_>) -> Result<Shop, JournalFault> {
    let (name, count) = (input.text()?.to_owned(), input.unsigned()?);
    Ok(Shop { name, count, chains: [input.long()?, input.long()?, input.long()?] })
}

impl State for Shops {
    type Change<'a> = Change;

    fn stream_time(&self) -> Micros {
        self.stream_time
    }

    fn advance(&mut self, time: Micros) {
        self.touch();
        self.stream_time = self.stream_time.max(time);
    }

    fn set_time(&mut self, time: Micros) {
        self.touch();
        self.stream_time = time;
    }

    fn entries(&self) -> usize {
        self.shops.len()
    }

    fn key(&self, slot: u32) -> Option<&str> {
        self.shops.get(slot as usize).map(|shop| &*shop.name)
    }

    fn apply(&mut self, change: &Change) -> Result<(), String> {
        self.touch();
        self.make(change);
        Ok(())
    }

    fn keep(&mut self) {
        self.kept = None;
    }

    fn undo(&mut self) {
        if let Some(kept) = self.kept.take() {
            *self = *kept;
        }
    }

    fn write_change(change: &Change, out: &mut ByteWriter) {
        out.text(&change.shop);
        out.byte(change.input);
        out.long(change.hash);
    }

    fn write_entry(&self, slot: u32, out: &mut ByteWriter) {
        let Shop { name, count, chains } = &self.shops[slot as usize];
        out.text(name);
        out.unsigned(*count);
        chains.iter().for_each(|chain| out.long(*chain));
    }

    fn fold_changes(
        &mut self,
        count: usize,
        input: &mut ByteReader<'_>,
        pass_over: bool,
    ) -> Result<(), FoldFault> {
        for _ in 0..count {
            let change = read_change(input)?;
            // A shop that is not there may have been there before: it comes as a whole.
            if !pass_over || self.slots.contains_key(&change.shop) {
                self.make(&change);
            }
        }
        Ok(())
    }

    fn fold_entries(&mut self, count: usize, input: &mut ByteReader<'_>) -> Result<(), JournalFault> {
        for _ in 0..count {
            let shop = read_shop(input)?;
            self.put(shop);
        }
        Ok(())
    }

    fn keys(changes: usize, entries: usize, input: &mut ByteReader<'_>) -> Result<Vec<String>, JournalFault> {
        let mut keys = Vec::new();
        for _ in 0..changes {
            keys.push(read_change(input)?.shop);
        }
        for _ in 0..entries {
            keys.push(read_shop(input)?.name);
        }
        Ok(keys)
    }
}
