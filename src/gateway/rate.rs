//! How many requests a client may send: a bucket of tokens for each, which fills at the rate and holds the burst.
//!
//! Never remembers more than [`CLIENTS_MAX`] clients: one whose bucket is full again is as good as forgotten, and where none
//! is, the one that asked longest ago is forgotten. Each process counts by itself.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Clients whose buckets are remembered: some 100 bytes each.
pub const CLIENTS_MAX: usize = 10_000;

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A client that is known by its name.
    Client(String),
    /// Whoever asks from an address; of IPv6 from its network of 64 bits, as one machine has all of that.
    Address(IpAddr),
}

impl Who {
    /// Those who ask from `address`.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from(network))
            }
            address => address,
        })
    }
}

/// The buckets of all clients.
#[derive(Debug)]
pub struct Rates {
    /// Time for which one request pays.
    each: Duration,
    /// Time that a full bucket holds.
    full: Duration,
    buckets: Mutex<Buckets>,
}

/// For each client when its bucket will be full, and the same the other way round, to find who is forgotten first.
#[derive(Debug, Default)]
struct Buckets {
    of: BTreeMap<Who, Instant>,
    by_time: BTreeMap<(Instant, Who), ()>,
}

impl Rates {
    /// `rate` requests a second, `burst` at once, each at least 1; nothing for a rate of 0: no limit.
    #[must_use]
    pub fn new(rate: u32, burst: u32) -> Option<Self> {
        let each = Duration::from_secs(1).checked_div(rate)?;
        Some(Self { each, full: each.saturating_mul(burst.max(1)), buckets: Mutex::default() })
    }

    /// Takes a token of the bucket of `who`.
    ///
    /// # Errors
    /// How long it takes until there is one.
    pub fn take(&self, who: Who, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let until = buckets.of.get(&who).map_or(now, |until| (*until).max(now));
        // A bucket that is full at `until` lacks as much as the time up to then.
        let after = until + self.each;
        let Some(wait) = (after - now).checked_sub(self.full).filter(|wait| !wait.is_zero()) else {
            buckets.set(who, after);
            return Ok(());
        };
        Err(wait)
    }

    /// How many clients are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).of.len()
    }
}

impl Buckets {
    fn set(&mut self, who: Who, until: Instant) {
        if let Some(before) = self.of.insert(who.clone(), until) {
            self.by_time.remove(&(before, who.clone()));
        }
        self.by_time.insert((until, who), ());
        if self.of.len() > CLIENTS_MAX
            && let Some(((_, who), ())) = self.by_time.pop_first()
        {
            self.of.remove(&who);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str) -> Who {
        Who::Client(name.to_owned())
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let rates = Rates::new(10, 3).expect("a limit");
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        for _ in 0..3 {
            assert_eq!(rates.take(client("a"), at(0)), Ok(()));
        }
        assert_eq!(rates.take(client("a"), at(0)), Err(Duration::from_millis(100)));
        assert_eq!(rates.take(client("b"), at(0)), Ok(()));
        assert_eq!(rates.take(client("a"), at(60)), Err(Duration::from_millis(40)));
        assert_eq!(rates.take(client("a"), at(100)), Ok(()));
        assert_eq!(rates.take(client("a"), at(100)), Err(Duration::from_millis(100)));
        // A pause fills the bucket, and no more than that.
        for _ in 0..3 {
            assert_eq!(rates.take(client("a"), at(60_000)), Ok(()));
        }
        assert!(rates.take(client("a"), at(60_000)).is_err());
    }

    #[test]
    fn no_rate_is_no_limit() {
        assert!(Rates::new(0, 100).is_none());
    }

    #[test]
    fn remembers_so_many_clients_and_forgets_who_has_most_tokens() {
        let rates = Rates::new(1, 5).expect("a limit");
        let begun = Instant::now();
        for _ in 0..5 {
            assert_eq!(rates.take(client("busy"), begun), Ok(()));
        }
        for number in 0..CLIENTS_MAX * 2 {
            assert_eq!(rates.take(client(&number.to_string()), begun), Ok(()));
        }
        assert_eq!(rates.remembered(), CLIENTS_MAX);
        assert!(rates.take(client("busy"), begun).is_err(), "who floods is not forgotten for others");
    }

    #[test]
    fn addresses_of_one_network_of_ipv6_are_one_client() {
        let at = |text: &str| Who::at(text.parse().expect("an address"));
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:10.0.0.7"), at("10.0.0.7"));
        assert_ne!(at("10.0.0.7"), at("10.0.0.8"));
    }
}
