//! Two flows in one process on a real Kafka: other inputs, another key, other partitions, the same workers and
//! transactions. Nothing of `kafka/` or `pipeline/` knows the second one.

use super::*;
use crate::support::tally::{self, FLOW, SALES, TALLIES};
use tillgate::codec::journal::read_record;
use tillgate::config::GroupProtocol;
use tillgate::domain::hashing::hash64;
use tillgate::kafka::cluster::topics;
use tillgate::kafka::units::Units;
use tillgate::pipeline::Deciders;

const PARTITIONS: u32 = 3;

/// The topics of two flows, of which the second has its own number of partitions.
fn two(kafka: &Kafka) -> ClusterSettings {
    let mut settings = scene(kafka, 2);
    let topics = tally::topics(&format!("{}.", settings.kafka.group_id));
    for topic in &topics.inputs {
        kafka.create_topic(topic, PARTITIONS as i32, &[]);
    }
    settings.topics.flows.push(topics);
    let cluster = Cluster::new(Arc::new(settings.clone())).expect("a cluster");
    let layout = &topics::TopicLayout { partitions: PARTITIONS as usize, ..topics::TopicLayout::default() };
    eventually(WITHIN, "the topics of both flows", || {
        let counts = topics::plan(cluster.admin(), &settings, layout)
            .and_then(|rows| topics::apply(cluster.admin(), &settings, layout, &rows))
            .and_then(|()| topics::verify(cluster.admin(), &settings));
        counts.is_ok_and(|counts| counts == [2, PARTITIONS]).then_some(())
    });
    settings
}

fn start_both(settings: &ClusterSettings) -> Running {
    let tallies = Units::of(tally::Setup(tally::settings(PARTITIONS)));
    let flows: Vec<Arc<dyn Deciders>> = vec![Arc::new(Echoes::default()), Arc::new(tallies)];
    Running::start_all(settings, flows)
}

/// Records of the second flow where their keys belong, one input after the other.
fn feed(kafka: &Kafka, settings: &ClusterSettings, from: usize, count: usize) {
    let division = tally::settings(PARTITIONS).division;
    for (input, topic) in settings.topics.of(&FLOW).inputs.iter().enumerate() {
        let records = (from..from + count).filter(|number| number % 3 == input).map(|number| {
            let shop = format!("shop-{}", number % 7);
            let partition = division.partitioner.partition_of(shop.as_bytes(), PARTITIONS);
            let value = if number % 50 == 0 { "no".to_owned() } else { format!("ok {number}") };
            Message::new(shop, value).on(partition)
        });
        kafka.produce(topic, records.collect::<Vec<_>>());
    }
}

/// Each sale that counts has one tally, in the order of the offsets, and each says what its shop was made of up to the
/// positions that it names.
fn assert_tallied(kafka: &Kafka, settings: &ClusterSettings, tallies: &[Record]) {
    let topics = settings.topics.of(&FLOW);
    let mut inputs = BTreeMap::new();
    for (input, topic) in topics.inputs.iter().enumerate() {
        for record in kafka.read_committed(topic) {
            inputs.entry((record.partition, input)).or_insert_with(Vec::new).push(record);
        }
    }
    for partition in 0..PARTITIONS as i32 {
        let of = |input| inputs.get(&(partition, input)).map_or(&[][..], Vec::as_slice);
        let counts = |record: &&Record| record.text().starts_with("ok");
        let sales: Vec<i64> = of(SALES).iter().filter(counts).map(|record| record.offset).collect();
        let own: Vec<&Record> = tallies.iter().filter(|tally| tally.partition == partition).collect();
        let tallied: Vec<i64> = own.iter().map(|tally| number(tally.text().split(' ').next())).collect();
        assert_eq!(tallied, sales, "partition {partition}");
        for tally in own {
            let mut words = tally.text().split(' ').skip(1);
            let positions = [(); 3].map(|()| number(words.next()));
            let shop = tally.key.as_deref().expect("a shop");
            for (input, position) in positions.into_iter().enumerate() {
                // The sale itself is of it.
                let until = position + i64::from(input == SALES);
                let made = of(input).iter().filter(counts).filter(|record| record.offset < until);
                let made = made.filter(|record| record.key.as_deref() == Some(shop));
                let chain = made.fold(0_u64, |chain, record| {
                    let link = hash64(record.text().as_bytes());
                    hash64(&[chain.to_le_bytes(), link.to_le_bytes()].concat())
                });
                assert_eq!(
                    words.next(),
                    Some(&*format!("{chain:016x}")),
                    "{} of input {input}",
                    tally.text()
                );
            }
        }
    }
}

fn number(word: Option<&str>) -> i64 {
    word.and_then(|word| word.parse().ok()).expect("a number")
}

#[test]
fn two_flows_share_workers_and_transactions_and_each_keeps_its_own_promises() {
    let Some(kafka) = kafka() else { return };
    let settings = two(kafka).with(|kafka| kafka.workers = 2);
    let outputs = settings.topics.of(&FLOW).outputs.clone();
    feed(kafka, &settings, 0, 600);
    kafka.produce(settings.topics.pos_events(), events(2, 200));
    let first = start_both(&settings);
    let second = ClusterSettings { instance: "2".into(), ..settings.clone() };
    let second = start_both(&second.with(|kafka| kafka.standby = 1));
    let sales_of = |count: usize| (0..count).filter(|n| n % 3 == SALES && n % 50 != 0).count();
    kafka.await_committed(&outputs[TALLIES], sales_of(600), WITHIN);
    kafka.await_committed(settings.topics.pos_outcomes(), 200, WITHIN);
    // What the first one has is taken over, of both flows.
    first.stop();
    second.await_active(2 + PARTITIONS as usize);
    feed(kafka, &settings, 600, 600);
    kafka.produce(settings.topics.pos_events(), events(2, 200));
    let tallies = kafka.await_committed(&outputs[TALLIES], sales_of(1_200), WITHIN);
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), 400, WITHIN);
    second.stop();
    assert_each_once(&outcomes, &even(2, 400));
    assert_tallied(kafka, &settings, &tallies);
    let letters = kafka.read_committed(&settings.topics.of(&FLOW).dead_letters);
    assert_eq!(letters.len(), 24, "one in fifty records says no");
    let journal = kafka.read_committed(&settings.topics.of(&FLOW).journal);
    let head = read_record(journal[0].value.as_deref().expect("a record")).expect("a record").head;
    assert_eq!((head.flow.as_str(), head.positions.iter().len()), ("tally", 3));
}

/// An earlier release beside this one, which has an input more: each decides what the group gives to it whole. Nothing is
/// decided twice while they share the group, and once the earlier one is gone nothing is left undecided.
fn rolls_over_from_a_release_that_knew_fewer_inputs(group_protocol: GroupProtocol) {
    let Some(kafka) = kafka() else { return };
    let settings = two(kafka).with(|kafka| kafka.group_protocol = group_protocol);
    let prefix = format!("{}.", settings.kafka.group_id);
    let outputs = settings.topics.of(&FLOW).outputs.clone();
    let mut earlier = settings.clone();
    earlier.topics.flows.retain(|topics| topics.flow != &FLOW);
    earlier.topics.flows.push(tally::earlier_topics(&prefix));
    let start_earlier = |instance: &str| {
        let tallies = Units::of(tally::EarlierSetup(tally::settings(PARTITIONS)));
        let flows: Vec<Arc<dyn Deciders>> = vec![Arc::new(Echoes::default()), Arc::new(tallies)];
        Running::start_all(&ClusterSettings { instance: instance.to_owned(), ..earlier.clone() }, flows)
    };
    let sales_of = |count: usize| (0..count).filter(|n| n % 3 == SALES && n % 50 != 0).count();
    let (one, two) = (start_earlier("1"), start_earlier("2"));
    feed(kafka, &settings, 0, 300);
    kafka.await_committed(&outputs[TALLIES], sales_of(300), WITHIN);
    // One of both is replaced: three inputs beside two.
    one.stop();
    let three = start_both(&ClusterSettings { instance: "3".into(), ..settings.clone() });
    feed(kafka, &settings, 300, 300);
    // Some partitions stand still while they are mixed, whichever the group gives in parts.
    eventually(WITHIN, "the later release to have partitions beside the earlier one", || {
        (!three.health.partitions().is_empty()).then_some(())
    });
    two.stop();
    three.await_active(2 + PARTITIONS as usize);
    feed(kafka, &settings, 600, 300);
    let tallies = kafka.await_committed(&outputs[TALLIES], sales_of(900), WITHIN);
    three.stop();
    let offsets: Vec<(i32, i64)> =
        tallies.iter().map(|tally| (tally.partition, number(tally.text().split(' ').next()))).collect();
    let mut sales = Vec::new();
    for record in kafka.read_committed(&settings.topics.of(&FLOW).inputs[SALES]) {
        sales.extend(record.text().starts_with("ok").then_some((record.partition, record.offset)));
    }
    let by_partition = |mut all: Vec<(i32, i64)>| {
        all.sort_by_key(|(partition, _)| *partition);
        all
    };
    assert_eq!(by_partition(offsets), by_partition(sales), "each sale once, in its order");
    let heads = kafka.read_committed(&settings.topics.of(&FLOW).journal);
    let heads = heads.iter().map(|record| {
        let head = read_record(record.value.as_deref().expect("a record")).expect("a record").head;
        (record.partition, head.positions.iter().len())
    });
    for partition in 0..PARTITIONS as i32 {
        let inputs: Vec<usize> =
            heads.clone().filter(|(of, _)| *of == partition).map(|(_, inputs)| inputs).collect();
        assert!(inputs.is_sorted(), "partition {partition}: nobody goes back to fewer inputs: {inputs:?}");
        assert_eq!(inputs.last(), Some(&3), "partition {partition}");
    }
}

#[test]
fn an_input_more_rolls_over_in_a_group_of_the_brokers() {
    rolls_over_from_a_release_that_knew_fewer_inputs(GroupProtocol::Consumer);
}

#[test]
fn an_input_more_rolls_over_in_a_group_of_its_own_protocol() {
    rolls_over_from_a_release_that_knew_fewer_inputs(GroupProtocol::Classic);
}
