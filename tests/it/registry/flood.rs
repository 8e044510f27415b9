//! Many ids at once, unknown ones above all: they cost little, hold up nobody, and push nothing out.

use super::*;
use std::sync::Barrier;

/// What a worker does with a batch of records of these ids: one after the other, a look ahead at all behind the one
/// that waits.
fn read_batch(registry: &Registry, ids: &[u32]) {
    let mut next = 0;
    while let Some(id) = ids.get(next) {
        let answered = registry.answered();
        if registry.pos_event(&SchemaRef::Id(*id)).waiting().is_err() {
            next += 1;
            continue;
        }
        for id in &ids[next + 1..] {
            // Asking is all that is wanted.
            let _ = registry.pos_event(&SchemaRef::Id(*id));
        }
        // An answer may have come for another reader, and made room for this id: it is asked for again too.
        let can_go_on = || registry.pos_event(&SchemaRef::Id(*id)).waiting().is_err();
        eventually(SOON, "an answer", || (registry.answered() > answered || can_go_on()).then_some(()));
    }
}

#[test]
fn several_schemas_are_under_way_at_once() {
    let all_here = Arc::new(Barrier::new(4));
    let server = Server::start(move |_| {
        all_here.wait();
        found(POS_EVENT_SCHEMA)
    });
    let registry = server.registry_with(RegistrySettings { timeout: SOON, ..settings() }, UNKNOWN_FOR);
    read_batch(&registry, &[1, 2, 3, 4]);
    assert_eq!(server.requests().len(), 4);
    assert_eq!(registry.answered(), 4);
}

#[test]
fn three_thousand_unknown_ids_take_no_pauses_and_leave_the_known_ones_alone() {
    let server =
        Server::start(
            |request| {
                if request.line.ends_with("/7") { found(POS_EVENT_SCHEMA) } else { not_there() }
            },
        );
    let (backoff_min, backoff_max) = (SOON * 100, SOON * 100);
    let few = RegistrySettings { backoff_min, backoff_max, cache_max: 10, ..settings() };
    let registry = server.registry_with(few, SOON);
    settled(|| registry.pos_event(&SchemaRef::Id(7))).unwrap();
    let ids: Vec<u32> = (1_000..4_000).collect();
    read_batch(&registry, &ids);
    settled(|| registry.pos_event(&SchemaRef::Id(7))).unwrap();
    assert_eq!(server.requests().len(), 3_001, "each was asked for once");
    assert_eq!(registry.answered(), 3_001);
    assert_eq!(registry.trouble(), None);
}

#[test]
fn a_batch_of_more_schemas_than_are_kept_comes_to_its_end() {
    let server = Server::start(|_| found(POS_EVENT_SCHEMA));
    let registry = server.registry_with(RegistrySettings { cache_max: 2, ..settings() }, UNKNOWN_FOR);
    let ids: Vec<u32> = (1..=40).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| read_batch(&registry, &ids));
        scope.spawn(|| read_batch(&registry, &ids));
    });
}

#[test]
fn a_registry_that_is_back_is_asked_at_once_for_all_that_waits() {
    let server = Server::start(|_| Reply::Answer(503, String::new()));
    let hours = Duration::from_secs(36_000);
    let slow = RegistrySettings { backoff_min: hours, backoff_max: hours, ..settings() };
    let registry = server.registry_with(slow, UNKNOWN_FOR);
    for id in 1..=4 {
        assert_eq!(registry.pos_event(&SchemaRef::Id(id)).waiting(), Ok(()));
    }
    eventually(SOON, "four failures", || (server.requests().len() == 4).then_some(()));
    eventually(SOON, "trouble", || registry.trouble());
    server.behave(|_| found(POS_EVENT_SCHEMA));
    for id in (1..=5).rev() {
        settled(|| registry.pos_event(&SchemaRef::Id(id))).unwrap();
    }
    assert_eq!(registry.trouble(), None);
}
