//! The bare half of `benches/restore.sh`: reads a journal as any consumer of committed records would, looks at every byte,
//! keeps nothing, and says how long it took. What a restore can never be faster than. Writes nothing and joins no group.

use std::hint::black_box;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use tillgate::domain::hashing::hash64;

/// No broker keeps a reader waiting so long.
const STEP: Duration = Duration::from_secs(30);

/// Seconds that all threads of this process have had of a processor. Linux alone says it.
fn processor_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux's /proc").flatten();
    let texts = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok());
    texts.filter_map(|text| text.split(' ').next()?.parse::<f64>().ok()).sum::<f64>() / 1e9
}

#[allow(clippy::disallowed_methods, reason = "it measures time")]
fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [bootstrap, topic] = args.as_slice() else {
        eprintln!("usage: cargo bench --bench restore -- BOOTSTRAP JOURNAL_TOPIC (see benches/restore.sh)");
        return;
    };
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "bench-restore")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        // Else the end of each partition is told half a second late.
        .set("fetch.wait.max.ms", "10")
        .create()
        .expect("a client");
    let began = Instant::now();
    let metadata = consumer.fetch_metadata(Some(topic), STEP).expect("the brokers");
    let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, partitions as i32 - 1);
    list.set_all_offsets(Offset::Beginning).expect("offsets");
    consumer.assign(&list).expect("assigned");
    let (mut records, mut bytes, mut ended) = (0_u64, 0_u64, 0);
    while ended < partitions {
        match consumer.poll(STEP) {
            Some(Ok(record)) => {
                records += 1;
                let value = record.payload().unwrap_or_default();
                bytes += value.len() as u64;
                black_box(hash64(value));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => panic!("{error}"),
            None => panic!("nothing came for {STEP:?}"),
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{records} records {bytes} bytes {seconds:.3} s {:.3} s of CPU", processor_seconds());
}
