//! Input that is gone before it was decided: never passed over in silence.

use super::*;
use tillgate::kafka::settings::OnLostInput;
use tillgate::telemetry::exporter::Exporter;

/// Offsets that have an outcome on a partition, in their order.
fn decided(outcomes: &[Record], partition: i32) -> Vec<i64> {
    let own = outcomes.iter().filter(|outcome| outcome.partition == partition);
    own.map(|outcome| outcome.text().split(':').nth(1).expect("an offset").parse().expect("a number"))
        .collect()
}

#[test]
fn stops_a_partition_whose_input_was_deleted_until_the_loss_is_accepted() {
    let Some(kafka) = kafka() else { return };
    let metrics = Exporter::install("none").expect("the first of this process");
    let counted = |count: u64| {
        metrics.render().contains(&format!("lost_input_records_total{{input=\"pos_events\"}} {count}\n"))
    };
    let settings = scene(kafka, 2);
    let (events_topic, outcomes_topic) = (settings.topics.pos_events(), settings.topics.pos_outcomes());
    kafka.produce(events_topic, events(2, 20));
    kafka.delete_records(events_topic, 0, 3);
    let switches = Arc::default();
    let running = start(&settings, &switches);
    let outcomes = kafka.await_committed(outcomes_topic, 17, WITHIN);
    running.stop();
    assert_eq!(decided(&outcomes, 0), (3..10).collect::<Vec<i64>>(), "what was gone before the first start");

    kafka.produce(events_topic, events(2, 20));
    kafka.delete_records(events_topic, 1, 15);
    let running = start(&settings, &switches);
    running.await_blocked(1, "begins at offset 15, and the state has read it up to offset 10: the 5 offsets");
    kafka.await_committed(outcomes_topic, 27, WITHIN);
    running.stop();
    assert!(counted(0));

    let accepted = settings.clone().with(|kafka| kafka.on_lost_input = OnLostInput::Skip);
    let running = start(&accepted, &switches);
    let outcomes = kafka.await_committed(outcomes_topic, 32, WITHIN);
    running.stop();
    assert_eq!(decided(&outcomes, 0), (3..20).collect::<Vec<i64>>());
    assert_eq!(decided(&outcomes, 1), (0..10).chain(15..20).collect::<Vec<i64>>());
    assert!(counted(5), "{}", metrics.render());

    let running = start(&settings, &switches);
    running.await_active(2);
    running.stop();
}

#[test]
fn sees_that_retention_has_overtaken_a_running_partition() {
    let Some(kafka) = kafka() else { return };
    let settings = scene(kafka, 2);
    let on = |partition, value: &str| Message::new("a", value).on(partition);
    let switches: Arc<Switches> = Arc::default();
    let running = start(&settings, &switches);
    running.await_active(2);
    kafka.produce(
        settings.topics.pos_events(),
        [on(0, "event"), on(0, "schema"), on(0, "event"), on(1, "event")],
    );
    running.await_blocked(0, "schema");
    kafka.produce(settings.topics.pos_events(), [on(0, "event"), on(0, "event")]);
    kafka.delete_records(settings.topics.pos_events(), 0, 4);
    switches.registry_up.store(true, Ordering::Release);
    running.await_blocked(0, "begins at offset 4, and the state has read it up to offset 1: the 3 offsets");
    kafka.produce(settings.topics.pos_events(), [on(1, "event")]);
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), 3, WITHIN);
    running.stop();
    assert_each_once(&outcomes, &[(0, 1), (1, 2)].into());
}

#[test]
fn refuses_a_topic_that_ends_before_what_the_state_has_read() {
    let Some(kafka) = kafka() else { return };
    let settings = scene(kafka, 1).with(|kafka| kafka.socket_timeout = Duration::from_secs(1));
    let events_topic = settings.topics.pos_events();
    kafka.produce(events_topic, events(1, 10));
    let running = start(&settings, &Arc::default());
    kafka.await_committed(settings.topics.pos_outcomes(), 10, WITHIN);
    running.stop();

    let cluster = Cluster::new(Arc::new(settings.clone())).expect("a cluster");
    // A deleted topic takes its group's offsets along, and goes away some time after the answer.
    cluster.admin().delete(&[events_topic]).expect("a deletion");
    eventually(WITHIN, "the topic to be recreated", || {
        cluster.admin().create(events_topic, 1, 0, &BTreeMap::new()).ok()
    });
    kafka.produce(events_topic, events(1, 3));
    for on_lost_input in [OnLostInput::Stop, OnLostInput::Skip] {
        let settings = settings.clone().with(|kafka| kafka.on_lost_input = on_lost_input);
        let running = start(&settings, &Arc::default());
        running.await_blocked(0, "ends at offset 3, and the state has read it up to offset 10");
        running.stop();
    }
    assert_eq!(kafka.read_committed(settings.topics.pos_outcomes()).len(), 10);
}
