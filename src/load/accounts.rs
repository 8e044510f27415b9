//! The accounts of a run: each is a function of seed and index, so that a million of them take no memory.
//!
//! Correct events only ever go to accounts in good standing; what mistakes leave behind (holds, full
//! windows) stays on accounts that are there for it.

use super::country::{COUNTRIES, currency, languages, price_level};
use super::mistakes::Mistake;
use super::settings::{ACCOUNTS_MAX, LoadSettings};
use crate::domain::Micros;
use crate::domain::account_event::{AccountChange, AccountEvent, Update};
use crate::domain::enums::{CountryCode, Currency, Language};
use crate::domain::hashing::{hash64, hash128};
use std::ops::Range;

/// How an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AccountStanding {
    /// In order: correct events go here.
    Good,
    /// In order, but a place where mistakes end up that leave a hold.
    Careless,
    /// Never had an accepted purchase.
    Newcomer,
    /// Social security number not known, in a country that asks for it.
    WithoutSsn,
    /// Stopped.
    Stopped,
    /// In dunning.
    Dunning,
    /// Closed.
    Closed,
    /// In default, not satisfied.
    InDefault,
    /// Flagged for review.
    Review,
    /// Flagged as blocked.
    Blocked,
    /// With an open chargeback.
    Chargeback,
}

const DAY: Micros = Micros(86_400 * 1_000_000);
/// Accounts of each standing but the good one, per mille of those; at least as many as the mistakes need.
const TROUBLED_PER_MILLE: u64 = 5;

const TROUBLED: [AccountStanding; 10] = [
    AccountStanding::Careless,
    AccountStanding::Newcomer,
    AccountStanding::WithoutSsn,
    AccountStanding::Stopped,
    AccountStanding::Dunning,
    AccountStanding::Closed,
    AccountStanding::InDefault,
    AccountStanding::Review,
    AccountStanding::Blocked,
    AccountStanding::Chargeback,
];

/// Every account of a run.
#[derive(Clone, Debug)]
pub struct LoadAccounts {
    seed: u64,
    good: u32,
    troubled: [u32; TROUBLED.len()],
    stride: u64,
    opened_at: Micros,
}

/// One account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadAccount {
    /// Position among all accounts of the run.
    pub index: u32,
    /// How it stands.
    pub standing: AccountStanding,
    /// Where it was opened.
    pub country: CountryCode,
    /// Language of its holder.
    pub language: Language,
    /// Its limit, minor units.
    pub limit_minor: i64,
    /// Whether the social security number is known.
    pub ssn_known: bool,
    hash: u64,
}

impl LoadAccounts {
    /// The accounts of a run.
    #[must_use]
    pub fn new(settings: &LoadSettings) -> Self {
        let good = settings.accounts;
        let share = (u64::from(good) * TROUBLED_PER_MILLE / 1_000) as u32;
        let troubled = TROUBLED.map(|standing| share.max(pool(settings, standing)));
        Self {
            seed: settings.seed,
            good,
            troubled,
            stride: stride(u64::from(good)),
            opened_at: settings.start.minus(DAY),
        }
    }

    /// How many there are, troubled ones included.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.good + self.troubled.iter().sum::<u32>()
    }

    /// The account at `index`.
    #[must_use]
    pub fn at(&self, index: u32) -> LoadAccount {
        let standing = self.standing_of(index);
        let hash = hash64(&[self.seed.to_le_bytes(), u64::from(index).to_le_bytes()].concat());
        let country = match standing {
            AccountStanding::WithoutSsn => CountryCode::No,
            _ => COUNTRIES[index as usize % COUNTRIES.len()],
        };
        let languages = languages(country);
        let limit_euros = match standing {
            AccountStanding::Good => 2_000 + (hash >> 8) % 9 * 500,
            _ => 1_000_000,
        };
        LoadAccount {
            index,
            standing,
            country,
            language: languages[(hash >> 16) as usize % languages.len()],
            limit_minor: price_level(currency(country), limit_euros as i64 * 100),
            ssn_known: standing != AccountStanding::WithoutSsn && !(hash >> 24).is_multiple_of(10),
            hash,
        }
    }

    /// The account in good standing whose turn it is: all of them, in a scattered order, then again.
    #[must_use]
    pub fn in_turn(&self, slot: u64) -> LoadAccount {
        let good = u64::from(self.good);
        self.at((slot % good * self.stride % good) as u32)
    }

    /// The accounts of a troubled standing in turn, the `turn`-th of them.
    #[must_use]
    pub fn troubled(&self, standing: AccountStanding, turn: u64) -> LoadAccount {
        match self.groups().find(|(group, _)| *group == standing) {
            Some((_, places)) => self.at(places.start + (turn % places.len() as u64) as u32),
            None => self.in_turn(turn),
        }
    }

    /// Where the accounts of each troubled standing are.
    fn groups(&self) -> impl Iterator<Item = (AccountStanding, Range<u32>)> {
        let ends = self.troubled.iter().scan(self.good, |end, count| {
            *end += count;
            Some(*end - count..*end)
        });
        TROUBLED.into_iter().zip(ends)
    }

    fn standing_of(&self, index: u32) -> AccountStanding {
        let group = self.groups().find(|(_, places)| places.contains(&index));
        group.map_or(AccountStanding::Good, |(standing, _)| standing)
    }

    /// A number that no account of the run has.
    #[must_use]
    pub fn unknown_number(choice: u32) -> String {
        format!("4099{choice:010}")
    }

    /// Account events that open the account at `index` and bring it into its standing, in order.
    #[must_use]
    pub fn opening_events(&self, index: u32) -> Vec<AccountEvent> {
        let account = self.at(index);
        let mut changes = vec![
            AccountChange::Limit { amount: account.limit_minor },
            AccountChange::Update(Box::new(Update {
                party_id: Some(format!("party_{:016x}", account.hash)),
                currency: Some(account.currency().symbol().to_owned()),
                country_code: Some(account.country.symbol().to_owned()),
                ssn_known: Some(account.ssn_known),
                nfc_ids: Some((0..account.chips()).map(|chip| account.chip(chip)).collect()),
                ..Update::default()
            })),
        ];
        changes.extend(account.standing.change());
        changes
            .into_iter()
            .enumerate()
            .map(|(ordinal, change)| AccountEvent {
                id: event_id(self.seed, account.index, ordinal as u64),
                account: account.number(),
                change,
                created_at: Some(self.opened_at),
                idempotency_key: None,
            })
            .collect()
    }

    /// When the accounts were opened: a day before the first event.
    #[must_use]
    pub fn opened_at(&self) -> Micros {
        self.opened_at
    }

    /// A payment that settles what the account owes.
    #[must_use]
    pub fn payment(&self, account: &LoadAccount, amount: i64, slot: u64, time: Micros) -> AccountEvent {
        AccountEvent {
            id: event_id(self.seed, account.index, 1_000 + slot),
            account: account.number(),
            change: AccountChange::Payment { amount, status: "success".to_owned(), reverses: None },
            created_at: Some(time),
            idempotency_key: None,
        }
    }
}

impl LoadAccount {
    /// The account number, 14 digits.
    #[must_use]
    pub fn number(&self) -> String {
        format!("4070{:010}", self.index)
    }

    /// Its currency.
    #[must_use]
    pub fn currency(&self) -> Currency {
        currency(self.country)
    }

    /// The same account as a till in another `country` meets it, where people speak English with its holder.
    #[must_use]
    pub fn abroad(self, country: CountryCode) -> Self {
        Self { country, language: Language::En, ..self }
    }

    /// How many chips it has.
    #[must_use]
    pub fn chips(&self) -> u32 {
        1 + ((self.hash >> 32) % 3 / 2) as u32
    }

    /// The id of a chip: seven bytes as hex, the first of them 04 as on real ones.
    #[must_use]
    pub fn chip(&self, chip: u32) -> String {
        let serial = self.hash.rotate_left(chip * 16) & 0xffff_ffff_ffff;
        format!("04{serial:012X}")
    }
}

impl AccountStanding {
    /// How many there are.
    pub const COUNT: usize = TROUBLED.len() + 1;

    /// What brings an account into this standing, where that takes an event.
    fn change(self) -> Option<AccountChange> {
        let flag =
            |name: &str| AccountChange::Flag { name: name.to_owned(), set: true, transaction_id: None };
        Some(match self {
            Self::Good | Self::Careless | Self::Newcomer | Self::WithoutSsn => return None,
            Self::Stopped => flag("stopped"),
            Self::Dunning => flag("dunning"),
            Self::Review => flag("review"),
            Self::Blocked => flag("blocked"),
            Self::Chargeback => flag("chargeback"),
            Self::InDefault => AccountChange::Default { satisfied: false },
            Self::Closed => AccountChange::Close { reason: Some("closed by the customer".to_owned()) },
        })
    }
}

/// `acc_evt_` and 24 characters that depend on account and ordinal.
fn event_id(seed: u64, account: u32, ordinal: u64) -> String {
    let position = [seed.to_le_bytes(), u64::from(account).to_le_bytes(), ordinal.to_le_bytes()].concat();
    let digits = format!("{:032x}", hash128(&position));
    format!("acc_evt_{}", &digits[..24])
}

/// How many accounts of a standing it takes so that the mistakes made there do not add up: what a
/// mistake leaves behind is gone after a day, and two events a day leave room below every bound.
fn pool(settings: &LoadSettings, standing: AccountStanding) -> u32 {
    let slots_a_day = (DAY.0 / settings.step.0.max(1)).unsigned_abs().min(settings.count);
    let per_million: u64 = Mistake::ALL
        .into_iter()
        .filter(|mistake| mistake.standing() == standing)
        .map(|mistake| u64::from(settings.mistakes.share(mistake)) * u64::from(mistake.events()))
        .sum();
    let events_a_day = u128::from(slots_a_day) * u128::from(per_million) / 1_000_000;
    (events_a_day / 2 + 1).min(u128::from(ACCOUNTS_MAX / TROUBLED.len() as u32)) as u32
}

/// A step through `count` accounts that meets every one before any comes again.
fn stride(count: u64) -> u64 {
    let mut stride = count * 618 / 1_000 + 1;
    while common_divisor(stride, count) != 1 {
        stride += 1;
    }
    stride
}

fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
