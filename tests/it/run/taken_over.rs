//! What a dead process left open, and how long whoever comes after it waits: its transactions would stay open for longer
//! than any of these tests waits.

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::*;

/// How long the dead one's transaction stays open if nobody ends it, in milliseconds.
const OPEN_FOR: &str = "300000";

/// A settled group that has decided 20 events, and whose only process has left in good order.
fn decided(kafka: &Kafka) -> ClusterSettings {
    let settings = scene(kafka, 2);
    kafka.produce(settings.topics.pos_events(), events(2, 20));
    let running = start(&settings, &Arc::default());
    kafka.await_committed(settings.topics.pos_outcomes(), 20, WITHIN);
    running.stop();
    settings
}

/// The process before, as its coordinator sees it, with a transaction begun.
fn undead(kafka: &Kafka, settings: &ClusterSettings) -> BaseProducer {
    let producer: BaseProducer = kafka
        .client()
        .set("transactional.id", settings.transactional_id(0))
        .set("transaction.timeout.ms", OPEN_FOR)
        .create()
        .expect("a producer");
    producer.init_transactions(WITHIN).expect("its id");
    producer.begin_transaction().expect("a transaction");
    producer
}

/// Another process decides 20 more events, and the dead one's transaction cannot be committed any more.
fn assert_goes_on(kafka: &Kafka, first: ClusterSettings, dead: &BaseProducer) {
    let second = ClusterSettings { instance: "2".into(), ..first };
    kafka.produce(second.topics.pos_events(), events(2, 20));
    let running = start(&second, &Arc::default());
    running.await_active(2);
    let outcomes = kafka.await_committed(second.topics.pos_outcomes(), 40, WITHIN);
    running.stop();
    assert_each_once(&outcomes, &even(2, 40));
    dead.commit_transaction(WITHIN).expect_err("it was fenced");
}

#[test]
fn fences_a_writer_that_died_between_its_positions_and_its_journal_record() {
    let Some(kafka) = kafka() else { return };
    let settings = decided(kafka);
    let dead = undead(kafka, &settings);
    let nobody: BaseConsumer =
        kafka.client().set("group.id", &settings.kafka.group_id).create().expect("a consumer");
    let membership = nobody.group_metadata().expect("the group's name");
    let mut list = TopicPartitionList::new();
    for partition in 0..2 {
        let offset = Offset::Offset(15);
        list.add_partition_offset(settings.topics.pos_events(), partition, offset).expect("an offset");
    }
    dead.send_offsets_to_transaction(&list, &membership, WITHIN).expect("positions that are held");
    assert_goes_on(kafka, settings, &dead);
}

#[test]
fn lets_readers_of_outcomes_go_on_where_a_writer_died_after_its_outcomes() {
    let Some(kafka) = kafka() else { return };
    let settings = decided(kafka);
    let dead = undead(kafka, &settings);
    let record = BaseRecord::to(settings.topics.pos_outcomes()).partition(1).key("a").payload("1:20:21:0");
    dead.send(record).expect("room");
    dead.flush(WITHIN).expect("an outcome that is held");
    assert_goes_on(kafka, settings, &dead);
}
