//! What goes on while part of the cluster is away or slow.

use super::*;

/// Longest time between two outcomes of a partition, in milliseconds.
fn longest_gap(outcomes: &[Record], partition: i32) -> i64 {
    let times: Vec<i64> = outcomes
        .iter()
        .filter(|outcome| outcome.partition == partition)
        .map(|outcome| outcome.timestamp)
        .collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}

#[test]
fn goes_on_with_two_of_three_brokers_and_loses_nothing() {
    const PARTITIONS: usize = 6;
    let Some(kafka) = kafka_cluster(3) else { return };
    let settings = scene(&kafka, PARTITIONS).with(|kafka| kafka.workers = 2);
    let running = start(&settings, &Arc::default());
    running.await_active(PARTITIONS);
    let (events_topic, stop) = (settings.topics.pos_events().to_owned(), AtomicBool::new(false));
    let produced = std::thread::scope(|scope| {
        let producing = scope.spawn(|| {
            let mut produced = 0;
            while !stop.load(Ordering::Acquire) {
                kafka.produce(&events_topic, events(PARTITIONS, 60));
                produced += 60;
            }
            produced
        });
        kafka.await_committed(settings.topics.pos_outcomes(), 1_200, WITHIN);
        kafka.kill_broker(2);
        let seen = kafka.read_committed(settings.topics.pos_outcomes());
        let goal = |partition: usize| {
            let of = |outcomes: &[Record]| {
                outcomes.iter().filter(|outcome| outcome.partition == partition as i32).count()
            };
            of(&kafka.read_committed(settings.topics.pos_outcomes())) >= of(&seen) + 100
        };
        eventually(WITHIN * 2, "every partition to go on", || (0..PARTITIONS).all(goal).then_some(()));
        stop.store(true, Ordering::Release);
        producing.join().expect("no panic")
    });
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), produced, WITHIN);
    running.stop();
    assert_each_once(&outcomes, &even(PARTITIONS, produced));
    let gaps: Vec<i64> = (0..PARTITIONS as i32).map(|partition| longest_gap(&outcomes, partition)).collect();
    println!("longest pause of each partition after kill -9 of one of three brokers: {gaps:?} ms");
}

#[test]
fn cuts_no_journal_off_while_a_copy_of_it_is_away() {
    let Some(kafka) = kafka_cluster(3) else { return };
    let settings = scene(&kafka, 1);
    let switches: Arc<Switches> = Arc::default();
    switches.rotate.store(true, Ordering::Release);
    let reader: BaseConsumer = kafka.client().set("group.id", "none").create().expect("a reader");
    let journal = settings.topics.journal();
    let ends = || reader.fetch_watermarks(journal, 0, WITHIN).ok();
    let await_copies = |count: usize| {
        eventually(WITHIN, &format!("{count} copies in sync"), || {
            let metadata = reader.fetch_metadata(Some(journal), WITHIN).ok()?;
            (metadata.topics().first()?.partitions().first()?.isr().len() == count).then_some(())
        });
    };
    let running = start(&settings, &switches);
    let mut produced = 0;
    let mut decide_until = |what: &str, reached: &dyn Fn(i64, i64) -> bool| {
        eventually(WITHIN, what, || {
            kafka.produce(settings.topics.pos_events(), events(1, 10));
            produced += 10;
            kafka.await_committed(settings.topics.pos_outcomes(), produced, WITHIN);
            let (begin, end) = ends()?;
            reached(begin, end).then_some((begin, end))
        })
    };
    decide_until("a journal without its beginning", &|begin, _| begin > 0);
    kafka.kill_broker(2);
    await_copies(2);
    // What was asked for before the broker was missed has been done by then.
    let (kept, end) = decide_until("a rotation", &|_, _| true);
    let (begin, _) = decide_until("rotations that cut nothing off", &|_, now| now > end + 40);
    assert_eq!(begin, kept);
    kafka.start_broker(2);
    await_copies(3);
    decide_until("the rest to be cut off", &|begin, _| begin > end);
    running.stop();
}

#[test]
fn waits_for_room_where_the_producer_may_keep_little() {
    let Some(kafka) = kafka() else { return };
    // A batch leads to a hundred times of what fits.
    let settings = scene(kafka, 2).with(|kafka| kafka.producer_queue_bytes_max = 1_024);
    kafka.produce(settings.topics.pos_events(), events(2, 4_000));
    let running = start(&settings, &Arc::default());
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), 4_000, WITHIN);
    running.stop();
    assert_each_once(&outcomes, &even(2, 4_000));
}
