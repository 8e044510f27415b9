//! The parameters of all checks, and their overrides by country and currency.

use super::{
    account, basket, correction, fanout, form, identity, limit, nfc, repeat, sense, terminal, time, travel,
    velocity,
};
use crate::domain::enums::{CountryCode, Currency};
use crate::domain::{Amount, Micros};

/// The parameters of every check: `checks.*` of the config.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSet {
    /// `checks.form`
    pub form: form::Parameters,
    /// `checks.basket`
    pub basket: basket::Parameters,
    /// `checks.sense`
    pub sense: sense::Parameters,
    /// `checks.time`
    pub time: time::Parameters,
    /// `checks.repeat`
    pub repeat: repeat::Parameters,
    /// `checks.account`
    pub account: account::Parameters,
    /// `checks.limit`
    pub limit: limit::Parameters,
    /// `checks.identity`
    pub identity: identity::Parameters,
    /// `checks.nfc`
    pub nfc: nfc::Parameters,
    /// `checks.nfc.travel`
    pub travel: travel::Parameters,
    /// `checks.pos`
    pub terminal: terminal::Parameters,
    /// `checks.velocity.fanout`
    pub fanout: fanout::Parameters,
    /// `checks.velocity`
    pub velocity: velocity::Parameters,
    /// `checks.correction`
    pub correction: correction::Parameters,
    /// `checks.pending.hold_time`: how long a Pending event may stay so, in stream time.
    pub hold_time: Micros,
    /// `checks.pending.rejudge`: whether a grant is judged by what holds then.
    pub rejudge: bool,
}

/// An amount for each currency that has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerCurrency([Option<Amount>; Currency::ALL.len()]);

impl PerCurrency {
    /// Sets the amount of a currency.
    pub fn set(&mut self, currency: Currency, amount: Amount) {
        self.0[currency.index()] = Some(amount);
    }

    /// The amount of a currency, where there is one.
    #[must_use]
    pub fn get(&self, currency: Currency) -> Option<Amount> {
        self.0[currency.index()]
    }
}

/// A set of a contract enum's symbols, by index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SymbolSet(pub u16);

impl SymbolSet {
    /// Whether no symbol is in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds the symbol with this index.
    pub fn insert(&mut self, index: usize) {
        self.0 |= 1 << index;
    }

    /// Whether the symbol with this index is in it.
    #[must_use]
    pub fn has(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }
}

/// How long an account remembers what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memories {
    /// Events that were accepted or wait.
    pub events: Micros,
    /// Those that corrections may still take of, and book-keeping.
    pub originals: Micros,
    /// Refused events, where windows count them.
    pub attempts: Option<Micros>,
    /// Whether any of these windows asks for their kind.
    pub kinds_of_attempts: bool,
    /// Refused events, for their repeats.
    pub refused: Micros,
    /// Account events.
    pub account_events: Micros,
}

const COUNTRIES: usize = CountryCode::ALL.len();
const CURRENCIES: usize = Currency::ALL.len();

/// The parameter sets of a ruleset: the base, and those that overrides make of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSets {
    sets: Vec<ParameterSet>,
    by_country_and_currency: [[u8; CURRENCIES]; COUNTRIES],
}

impl ParameterSets {
    /// Parameters without overrides.
    #[must_use]
    pub fn new(base: ParameterSet) -> Self {
        Self { sets: vec![base], by_country_and_currency: [[0; CURRENCIES]; COUNTRIES] }
    }

    /// Lets events of this country and currency be judged by `set`.
    pub fn set_for(&mut self, country: CountryCode, currency: Currency, set: ParameterSet) {
        let place = self.sets.iter().position(|known| *known == set).unwrap_or_else(|| {
            self.sets.push(set);
            self.sets.len() - 1
        });
        self.by_country_and_currency[country.index()][currency.index()] = place as u8;
    }

    /// The parameters for events of this country and currency (`Unrecognized` where there is none).
    #[must_use]
    pub fn of(&self, country: CountryCode, currency: Currency) -> &ParameterSet {
        &self.sets[usize::from(self.by_country_and_currency[country.index()][currency.index()])]
    }

    /// The most that any set has of something.
    pub fn most<T: Ord + Default>(&self, of: impl Fn(&ParameterSet) -> T) -> T {
        self.sets.iter().map(of).max().unwrap_or_default()
    }

    /// What a flag of this name does at the most, whatever the event.
    #[must_use]
    pub fn strongest_flag_effect(&self, name: &str) -> account::FlagEffect {
        let effects = self.sets.iter().map(|set| set.account.flag_effect(name));
        effects.max().unwrap_or(account::FlagEffect::Ignore)
    }

    /// How long events must be remembered: for repeats, and for the longest window of any set and a local day as they are
    /// seen by an event that comes as late as it may.
    #[must_use]
    pub fn memory(&self) -> Memories {
        let events = self.most(|set| {
            let windows = set.velocity.memory().max(set.repeat.near_duplicate_within);
            let windows = windows.max(if set.travel.travel.enabled { set.travel.within } else { Micros(0) });
            windows.plus(set.time.older_than).max(set.repeat.remember)
        });
        let attempts = |set: &ParameterSet| Some(set.velocity.attempts_memory()?.plus(set.time.older_than));
        Memories {
            events,
            originals: self.most(|set| set.correction.originals).max(events),
            attempts: self.sets.iter().filter_map(attempts).max(),
            kinds_of_attempts: self.most(|set| set.velocity.asks_for_kinds_of_attempts()),
            refused: self.most(|set| set.repeat.remember),
            account_events: self.most(|set| set.repeat.account_events),
        }
    }
}
