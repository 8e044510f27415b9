//! Overload: what waits on the brokers stays there.

use super::OPEN;
use crate::support::scene::{Running, Scene, WITHIN};
use crate::support::{Message, eventually, kafka};

/// A backlog of 600 MB: so many events, with so many bytes of a field that nobody knows.
const EVENTS: usize = 60_000;
const PADDING: usize = 10_000;
/// What docs/operations.md (Memory) allows one worker with these settings, on one broker, with held records and restores
/// left out (there is one input only, and no journal): 64 + 8 + 16 + 8 + 64 MiB and 200,000 records of 0.5 KB; and 100 MiB
/// for the program, its accounts, and what the allocator keeps.
const MEMORY_MAX_MIB: u64 = 64 + 8 + 16 + 8 + 64 + 100 + 100;

/// Events that the process says it has decided.
fn decided(running: &mut Running) -> usize {
    let (_, metrics) = running.page("/metrics");
    let counts = metrics.lines().filter(|line| line.starts_with("tillgate_events_total{"));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
}

#[test]
fn memory_does_not_grow_with_the_backlog() {
    let Some(kafka) = kafka() else { return };
    let scene = Scene::new(kafka, 2, &[OPEN, "kafka.workers=1"]);
    let padding = "x".repeat(PADDING);
    let event = |number: usize| {
        format!(
            r#"{{"accountNumber":"A{account}","eventType":"Purchase","time":"2025-01-06T12:00:00Z","posId":"P","totalAmount":1.00,"currency":"EUR","accountTransactionId":"T-{number}","countryCode":"DE","conversationLanguage":"DE","padding":"{padding}"}}"#,
            account = number % 1_000
        )
    };
    let message = |number: usize| Message::new(format!("A{}", number % 1_000), event(number));
    for first in (0..EVENTS).step_by(5_000) {
        kafka.produce(&scene.pos_events, (first..first + 5_000).map(message));
    }
    let mut running = scene.start(&[]);
    eventually(WITHIN * 2, "every event to be decided", || (decided(&mut running) >= EVENTS).then_some(()));
    let peak = running.memory_peak_mib();
    running.stop();
    let backlog = (EVENTS * PADDING) as u64 >> 20;
    assert!(backlog > MEMORY_MAX_MIB + 200, "the backlog is no test of the bound");
    assert!(peak < MEMORY_MAX_MIB, "{peak} MiB in memory, of a backlog of {backlog} MiB");
    println!("at most {peak} MiB in memory, with a backlog of {backlog} MiB");
}
