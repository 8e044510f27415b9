//! What is published of all profiles, as this process has read it so far: every decision of every worker reads it, one
//! thread writes it. What a decision has read goes into its outcome, so nothing hangs on how far it was.

use super::key::ProfileKey;
use super::published::{Published, PublishedChip, PublishedTerminal, SeenAccount, SeenPlace};
use crate::domain::profile_view::{
    ChipView, FraudCount, LastUse, Listed, Position, ProfileQuestion, ProfileView, TerminalView,
};
use crate::domain::{Micros, limits};
use crate::pipeline::Latest;
use dashmap::DashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// The published profiles by key.
#[derive(Debug, Default)]
pub struct Board(DashMap<ProfileKey, Arc<Published>, BuildHasherDefault<HashOfHash>>);

/// Keys are digests, which nobody can aim at: they need no hash of their own.
#[derive(Clone, Copy, Debug, Default)]
pub struct HashOfHash(u64);

impl Hasher for HashOfHash {
    fn finish(&self) -> u64 {
        // The table takes its place and its tag from both ends.
        self.0 ^ self.0.rotate_left(32)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 ^= hash;
    }

    fn write_isize(&mut self, kind: isize) {
        self.0 ^= kind as u64;
    }
}

impl Latest for Board {
    fn set(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), String> {
        let key =
            str::from_utf8(key).ok().and_then(ProfileKey::parse).ok_or("the key is that of no profile")?;
        match value {
            None => {
                self.0.remove(&key);
            }
            Some(value) => {
                self.0.insert(key, Arc::new(Published::read(value)?));
            }
        }
        Ok(())
    }
}

impl Board {
    /// How many profiles there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A profile as it is now.
    #[must_use]
    pub fn get(&self, key: ProfileKey) -> Option<Arc<Published>> {
        self.0.get(&key).map(|found| Arc::clone(&found))
    }

    fn terminal(&self, hash: u64) -> Option<Arc<Published>> {
        self.get(ProfileKey::terminal(hash)?).filter(|found| matches!(**found, Published::Terminal(_)))
    }

    fn position(&self, terminal: u64) -> Option<Position> {
        match &*self.terminal(terminal)? {
            Published::Terminal(terminal) => terminal.record.as_ref()?.position,
            Published::Chip(_) => None,
        }
    }

    /// What they say to a question.
    #[must_use]
    pub fn view(&self, question: &ProfileQuestion<'_>) -> ProfileView {
        let mut view = ProfileView::default();
        match ProfileKey::terminal(question.terminal).map(|key| self.get(key)) {
            Some(Some(found)) => {
                if let Published::Terminal(terminal) = &*found {
                    view.terminal = of_terminal(terminal, question);
                }
            }
            Some(None) => view.terminal.listed = question.unlisted.then_some(Listed::No),
            None => {}
        }
        if let Some(found) = ProfileKey::chip(question.chip).and_then(|key| self.get(key))
            && let Published::Chip(chip) = &*found
        {
            view.chip = self.of_chip(chip, question);
        }
        let position = view.terminal.position.take();
        if question.travel > Micros(0) {
            let places = question.others.iter().take(limits::PLACES_PER_DECISION_MAX);
            view.places =
                places.filter_map(|terminal| Some((*terminal, self.position(*terminal)?))).collect();
            view.places.sort_unstable();
            view.places.dedup();
            // Where it stands is of interest only where there is something to be far from.
            let is_elsewhere = !view.places.is_empty() || view.chip.last.is_some();
            view.terminal.position = position.filter(|_| is_elsewhere);
        }
        view
    }

    fn of_chip(&self, chip: &PublishedChip, question: &ProfileQuestion<'_>) -> ChipView {
        let others = || chip.accounts.iter().filter(|seen| seen.account != question.account);
        let apart = |time: Micros| time.0.abs_diff(question.time.0);
        // Of places elsewhere the one that is nearest in time.
        let places = others().filter_map(|seen| seen.place).filter(|place| {
            place.terminal != question.terminal && apart(place.time) < question.travel.0.unsigned_abs()
        });
        let last = places.min_by_key(|place| (apart(place.time), place.time, place.terminal));
        let last = last.map(|SeenPlace { time, country, terminal }| {
            let position = self.position(terminal);
            LastUse { time, country, terminal, position }
        });
        // Who is known to have the chip shares it.
        let counts = |seen: &&SeenAccount| {
            !chip.registered.contains(&seen.account) && apart(seen.time) < question.span.0.unsigned_abs()
        };
        ChipView {
            blocked: chip.record.as_ref().is_some_and(|record| record.blocked),
            of_another: question.owner
                && !chip.registered.is_empty()
                && !chip.registered.contains(&question.account),
            other_accounts: others().filter(counts).count() as u32,
            last,
        }
    }
}

fn of_terminal(terminal: &PublishedTerminal, question: &ProfileQuestion<'_>) -> TerminalView {
    let record = terminal.record.as_ref();
    let country = record.and_then(|record| record.country).or(terminal.country);
    let near = |seen: &&SeenAccount| {
        seen.account != question.account
            && seen.time.0.abs_diff(question.time.0) < question.span.0.unsigned_abs()
    };
    let listed = record.map(|record| if record.disabled { Listed::Disabled } else { Listed::Enabled });
    TerminalView {
        listed: match listed {
            Some(Listed::Disabled) => listed,
            // That it is as it should be is of interest only where the opposite would be.
            _ if question.unlisted => listed.or(Some(Listed::No)),
            _ => None,
        },
        other_name: terminal
            .name
            .as_deref()
            .filter(|name| question.name.as_deref().is_some_and(|own| own != *name))
            .map(str::to_owned),
        other_country: country.filter(|country| question.country.is_some_and(|own| own != *country)),
        position: record.and_then(|record| record.position),
        other_accounts: terminal.accounts.iter().filter(near).count() as u32,
        fraud: fraud(terminal, question.fraud_days),
    }
}

/// Nothing where none was confirmed.
fn fraud(terminal: &PublishedTerminal, (from, until): (i32, i32)) -> FraudCount {
    let days = terminal.days.iter().filter(|of| (from..until).contains(&of.day));
    let count = days.fold(FraudCount::default(), |sum, of| FraudCount {
        confirmed: sum.confirmed.saturating_add(of.confirmed),
        judged: sum.judged.saturating_add(of.judged),
    });
    if count.confirmed == 0 { FraudCount::default() } else { count }
}
