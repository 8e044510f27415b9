//! What a run is made from. The same settings give the same bytes, on every machine and release.

use super::country::COUNTRIES;
use super::mistakes::Mistake;
use super::till::Till;
use crate::domain::Micros;
use thiserror::Error;

/// Events of one account lie at least this far apart where the step is left to us: at the default
/// parameters an hour keeps correct events clear of every velocity window, amounts included.
pub const ACCOUNT_GAP: Micros = Micros(3_600 * 1_000_000);
/// When a run starts where nobody says: 2025-01-06T06:00:00Z, a Monday.
pub const START: Micros = Micros(1_736_143_200_000_000);
/// Accounts at most: eight bytes each are kept for what they owe.
pub const ACCOUNTS_MAX: u32 = 64_000_000;
/// Terminals at most: their names are kept.
pub const TERMINALS_MAX: u32 = 1_000_000;
/// Lines of a basket on average, at most; the largest has twice as many.
pub const LINES_MAX: u32 = 2_000;

/// Settings of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadSettings {
    /// Chooses the run.
    pub seed: u64,
    /// POS events to generate, mistakes included; account events come on top.
    pub count: u64,
    /// Accounts in good standing that correct events go to.
    pub accounts: u32,
    /// Terminals, spread over all countries and kinds of shops.
    pub terminals: u32,
    /// Lines of a basket on average.
    pub lines: u32,
    /// How tills round.
    pub till: Till,
    /// Lines with a discount, per mille.
    pub discounts: u16,
    /// Lines that are returned goods, per mille.
    pub returns: u16,
    /// Time of the first event.
    pub start: Micros,
    /// From one event to the next; account events take no time of their own.
    pub step: Micros,
    /// How often which mistake is made.
    pub mistakes: MistakeShares,
}

/// How often which mistake is made, per million events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MistakeShares([u32; Mistake::ALL.len()]);

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SettingsFault {
    /// A number out of its range.
    #[error("{name} is {value}: give a number from {low} to {high}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// What it was.
        value: i64,
        /// Smallest allowed.
        low: i64,
        /// Largest allowed.
        high: i64,
    },
    /// Shares that add up to more than every event.
    #[error("the mistakes add up to {sum} per mille: lower them to 1000 or less")]
    TooManyMistakes {
        /// Their sum.
        sum: u64,
    },
}

impl MistakeShares {
    /// No mistakes.
    pub const NONE: Self = Self([0; Mistake::ALL.len()]);

    /// `per_mille` of all events, every kind alike. A kind that takes several events is begun less often.
    #[must_use]
    pub fn even(per_mille: u16) -> Self {
        let mut shares = Self::NONE;
        let each = u32::from(per_mille) * 1_000 / Mistake::ALL.len() as u32;
        for (share, mistake) in shares.0.iter_mut().zip(Mistake::ALL) {
            *share = each / mistake.events();
        }
        shares
    }

    /// Sets one kind.
    pub fn set(&mut self, mistake: Mistake, per_mille: u16) {
        self.0[mistake as usize] = u32::from(per_mille) * 1_000;
    }

    /// How often this kind is begun, per million.
    #[must_use]
    pub fn share(&self, mistake: Mistake) -> u32 {
        self.0[mistake as usize]
    }

    /// The kind that a draw below a million falls on.
    #[must_use]
    pub fn of_draw(&self, mut draw: u32) -> Option<Mistake> {
        for (share, mistake) in self.0.iter().zip(Mistake::ALL) {
            if draw < *share {
                return Some(mistake);
            }
            draw -= share;
        }
        None
    }

    fn sum(&self) -> u64 {
        self.0.iter().map(|share| u64::from(*share)).sum()
    }
}

impl Default for LoadSettings {
    fn default() -> Self {
        let accounts = 10_000;
        Self {
            seed: 1,
            count: 100_000,
            accounts,
            terminals: 2_700,
            lines: 4,
            till: Till::Exact,
            discounts: 80,
            returns: 10,
            start: START,
            step: Self::step_for(accounts),
            mistakes: MistakeShares::even(50),
        }
    }
}

impl LoadSettings {
    /// The step that leaves [`ACCOUNT_GAP`] between two events of one account.
    #[must_use]
    pub fn step_for(accounts: u32) -> Micros {
        Micros((ACCOUNT_GAP.0 + i64::from(accounts.max(1)) - 1) / i64::from(accounts.max(1)))
    }

    /// Whether the settings can be.
    ///
    /// # Errors
    /// The first setting that cannot.
    pub fn validated(self) -> Result<Self, SettingsFault> {
        let per_mille = 1_000;
        for (name, value, low, high) in [
            ("accounts", i64::from(self.accounts), 1, i64::from(ACCOUNTS_MAX)),
            ("terminals", i64::from(self.terminals), COUNTRIES.len() as i64, i64::from(TERMINALS_MAX)),
            ("lines", i64::from(self.lines), 1, i64::from(LINES_MAX)),
            ("discounts", i64::from(self.discounts), 0, per_mille),
            ("returns", i64::from(self.returns), 0, per_mille),
            ("step in microseconds", self.step.0, 0, ACCOUNT_GAP.0 * 24),
        ] {
            if value < low || value > high {
                return Err(SettingsFault::OutOfRange { name, value, low, high });
            }
        }
        if self.mistakes.sum() > 1_000_000 {
            return Err(SettingsFault::TooManyMistakes { sum: self.mistakes.sum() / 1_000 });
        }
        Ok(self)
    }

    /// The time of a slot: event time advances with the sequence, no clock is asked.
    #[must_use]
    pub fn time_of(&self, slot: u64) -> Micros {
        let slot = i64::try_from(slot).unwrap_or(i64::MAX);
        self.start.plus(Micros(self.step.0.saturating_mul(slot)))
    }
}
