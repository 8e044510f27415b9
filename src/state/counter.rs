//! What was charged to a chip since its customer last identified strongly. Counts and starts again; what is too much is not
//! its business.

use crate::domain::enums::Currency;
use crate::domain::{Amount, limits};

/// What was charged to one chip in one currency since its customer last identified. Where nothing was, there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// [`super::id_hash`] of the chip; 0: the account's own, of charges without a chip.
    pub chip: u64,
    /// The currency.
    pub currency: Currency,
    /// How much, in sum.
    pub sum: Amount,
    /// How often.
    pub number: u32,
}

/// An account's counters, by chip and currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(Box<[Counter]>);

impl Counters {
    /// Those of a journal; none where they are not in order.
    #[must_use]
    pub fn of(counters: Vec<Counter>) -> Option<Self> {
        counters.is_sorted_by(|left, right| key(left) < key(right)).then(|| Self(counters.into()))
    }

    /// All of them, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Counter] {
        &self.0
    }

    /// Counts a charge. Where no further chip has room it counts as the account's own, so that it is not forgotten.
    pub(super) fn count(&mut self, chip: u64, currency: Currency, amount: Amount) {
        let chip = if Counter::has_room(&self.0, chip, currency) { chip } else { 0 };
        match self.0.binary_search_by_key(&(chip, currency as u8), key) {
            Ok(place) => {
                let counter = &mut self.0[place];
                counter.sum = counter.sum.saturating_plus(amount);
                counter.number = counter.number.saturating_add(1);
            }
            Err(place) => {
                let mut counters = std::mem::take(&mut self.0).into_vec();
                counters.reserve_exact(1);
                counters.insert(place, Counter { chip, currency, sum: amount, number: 1 });
                self.0 = counters.into();
            }
        }
    }

    /// The customer has identified with this chip: nothing counts that came before.
    pub(super) fn start_again(&mut self, chip: u64) {
        let others = self.0.iter().filter(|counter| counter.chip != chip);
        self.0 = others.copied().collect();
    }
}

impl Counter {
    /// Whether a chip has a counter in this currency among these, or could have one. The account's own always could.
    #[must_use]
    pub fn has_room(counters: &[Self], chip: u64, currency: Currency) -> bool {
        let of_chips = || counters.iter().filter(|counter| counter.chip != 0).count();
        chip == 0
            || counters.binary_search_by_key(&(chip, currency as u8), key).is_ok()
            || of_chips() < limits::COUNTERS_MAX
    }
}

fn key(counter: &Counter) -> (u64, u8) {
    (counter.chip, counter.currency as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn amount(cents: i64) -> Amount {
        Amount::from_minor(cents).expect("an amount")
    }

    proptest! {
        #[test]
        fn counters_are_those_of_a_plain_table(
            steps in prop::collection::vec((0u64..6, 1usize..6, 1i64..9_000, any::<bool>()), 0..120),
        ) {
            let (mut counters, mut table) = (Counters::default(), BTreeMap::new());
            for (chip, currency, cents, identified) in steps {
                if identified && cents % 4 == 0 {
                    counters.start_again(chip);
                    table.retain(|(other, _), _| *other != chip);
                } else {
                    counters.count(chip, Currency::ALL[currency], amount(cents));
                    let (sum, number) = table.entry((chip, currency)).or_insert((0, 0));
                    *sum += cents;
                    *number += 1;
                }
            }
            let found = counters.as_slice().iter().map(|counter| {
                ((counter.chip, counter.currency.index()), (counter.sum, counter.number))
            });
            let expected = table.into_iter().map(|(key, (sum, number))| (key, (amount(sum), number)));
            prop_assert!(found.eq(expected));
            prop_assert_eq!(Counters::of(counters.as_slice().to_vec()), Some(counters));
        }
    }

    #[test]
    fn where_no_further_chip_has_room_the_accounts_own_counts_until_one_is_free() {
        let mut counters = Counters::default();
        for chip in 1..=limits::COUNTERS_MAX as u64 + 2 {
            counters.count(chip, Currency::Eur, amount(100));
        }
        counters.count(1, Currency::Eur, amount(100));
        let own = Counter { chip: 0, currency: Currency::Eur, sum: amount(200), number: 2 };
        assert_eq!(counters.as_slice().len(), limits::COUNTERS_MAX + 1);
        assert_eq!(counters.as_slice()[0], own);
        assert_eq!(counters.as_slice()[1].sum, amount(200));
        assert!(!Counter::has_room(counters.as_slice(), 1, Currency::Sek), "one a currency");
        counters.start_again(7);
        counters.count(9_999, Currency::Eur, amount(300));
        assert_eq!(counters.as_slice()[0], own);
        assert_eq!(counters.as_slice().last().map(|counter| counter.sum), Some(amount(300)));
    }

    #[test]
    fn counters_out_of_order_are_none() {
        let counter = |chip| Counter { chip, currency: Currency::Eur, sum: amount(1), number: 1 };
        assert_eq!(Counters::of(vec![counter(2), counter(1)]), None);
        assert_eq!(Counters::of(vec![counter(1), counter(1)]), None);
    }
}
