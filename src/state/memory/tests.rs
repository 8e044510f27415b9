//! Packed events come out as they went in, whatever they are and in whatever order.

use super::*;
use proptest::prelude::*;

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        (-1_000_000i64..1_000_000).prop_map(|cents| cents * 100),
        -999_999_999_999_999_999i64..=999_999_999_999_999_999
    ]
    .prop_map(|units| Amount::new(units).expect("18 digits"))
}

fn symbol<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    (0..all.len()).prop_map(|place| all[place])
}

prop_compose! {
    fn event()(
        (partition, offset) in (any::<i32>().prop_map(PartitionId::new), any::<i64>()),
        (time, seen) in (any::<i64>(), any::<i64>()),
        [amount, counts, left] in [amount(), amount(), amount()],
        plain in any::<bool>(),
        (id, corrects, basket) in (0..3u64, 0..3u64, any::<u64>()),
        // More hashes than the head has room for.
        [chip, terminal] in [0..20u64, 0..20u64],
        original in prop::option::of((any::<i32>().prop_map(PartitionId::new), any::<i64>())),
        (event_type, category) in (symbol(EventType::ALL), prop::option::of(symbol(CategoryType::ALL))),
        (currency, country) in (symbol(Currency::ALL), symbol(CountryCode::ALL)),
        (verdict, gives_back, has_messages) in (symbol(Verdict::ALL), any::<bool>(), any::<bool>()),
    ) -> Remembered {
        Remembered {
            place: EventPlace { partition, offset },
            time: Micros(time),
            seen: Micros(if plain { time } else { seen }),
            amount,
            counts: if plain { amount } else { counts },
            left: if plain { amount } else { left },
            id, basket, corrects, terminal, chip,
            original: original.map(|(partition, offset)| EventPlace { partition, offset }),
            kind: MoneyKind { event_type, gives_back, category, currency, country },
            verdict,
            has_messages,
        }
    }
}

proptest! {
    #[test]
    fn events_come_out_as_they_went_in(events in prop::collection::vec(event(), 0..40)) {
        let memory: Memory = events.iter().collect();
        prop_assert_eq!(memory.iter().collect::<Vec<_>>(), events.clone());
        prop_assert_eq!(memory.len(), events.len());
        prop_assert_eq!(Memory::of_bytes(memory.bytes()), Some(memory));
    }

    #[test]
    fn an_edit_changes_one_event_and_no_other(events in prop::collection::vec(event(), 1..20), which in any::<prop::sample::Index>()) {
        let mut memory: Memory = events.iter().collect();
        let place = which.get(&events).place;
        prop_assert!(memory.edit(place, |event| event.left = Amount::ZERO));
        let mut expected = events;
        let event = expected.iter_mut().rev().find(|event| event.place == place).expect("it is there");
        event.left = Amount::ZERO;
        prop_assert_eq!(memory.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_forgotten_and_what_is_kept_are_all(events in prop::collection::vec(event(), 0..60), keep in any::<i64>(), most in 1..60usize) {
        let mut memory: Memory = events.iter().collect();
        let forgotten = memory.forget(Micros(keep), most);
        let kept: Vec<_> = memory.iter().collect();
        prop_assert_eq!(forgotten.len() + kept.len(), events.len());
        prop_assert!(forgotten.iter().all(|event| event.verdict != Verdict::Pending));
        let pending = events.iter().filter(|event| event.verdict == Verdict::Pending).count();
        prop_assert!(kept.len() <= most.max(pending));
    }

    #[test]
    fn damaged_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Some(memory) = Memory::of_bytes(&bytes) {
            prop_assert_eq!(memory.iter().count(), memory.len());
        }
    }
}
