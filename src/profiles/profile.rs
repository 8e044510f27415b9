//! One profile as its unit keeps it: what observations and reference records make of it, what is published of it, and its
//! bytes in the journal.

use super::key::{ProfileKey, ProfileKind};
use super::observation::{Observation, Use};
use super::published::{Published, PublishedChip, PublishedDay, PublishedTerminal, SeenAccount, SeenPlace};
use super::record::{ChipRecord, ReferenceRecord, TerminalRecord, read_record, write_record};
use crate::codec::journal::{ByteReader, ByteWriter, JournalFault};
use crate::domain::enums::{CountryCode, Verdict};
use crate::domain::{Micros, limits};
use compact_str::CompactString;
use smallvec::SmallVec;

/// A profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What it is of.
    pub(super) key: ProfileKey,
    /// The key as text.
    pub(super) text: CompactString,
    /// The stream time at which something was seen of it last.
    pub(super) seen: Micros,
    /// Its id, for people; terminals alone have one.
    pub(super) id: Option<Box<str>>,
    body: ProfileBody,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ProfileBody {
    /// In a box: nearly all profiles are chips', and have few bytes.
    Terminal(Box<TerminalProfile>),
    Chip(ChipProfile),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct TerminalProfile {
    record: Option<TerminalRecord>,
    name: Option<CompactString>,
    country: Option<CountryCode>,
    /// When the event happened that told name and country.
    accepted: Micros,
    accounts: LastUses,
    /// Counts by day, the earliest first.
    days: Vec<DayCounts>,
    /// Confirmed fraud: the day of the event, and the hash of its transactionId; the oldest first.
    frauds: Vec<(i32, u64)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ChipProfile {
    record: Option<ChipRecord>,
    /// Hashes of the accounts that it is registered for, in the order they were told.
    registered: SmallVec<[u64; 1]>,
    accounts: LastUses,
}

/// What was answered at a terminal on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct DayCounts {
    day: i32,
    accepted: u32,
    pending: u32,
    rejected: u32,
}

impl DayCounts {
    fn judged(&self) -> u32 {
        self.accepted.saturating_add(self.pending).saturating_add(self.rejected)
    }
}

/// The accounts that used it last, each with its last use, in no order that counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct LastUses(SmallVec<[SeenAccount; 1]>);

impl LastUses {
    fn note(&mut self, seen: SeenAccount) {
        if let Some(known) = self.0.iter_mut().find(|known| known.account == seen.account) {
            known.time = known.time.max(seen.time);
            let is_later = |place: &SeenPlace| known.place.is_none_or(|known| place.time >= known.time);
            known.place = seen.place.filter(is_later).or(known.place);
            return;
        }
        self.0.push(seen);
        if self.0.len() > limits::PROFILE_ACCOUNTS_MAX {
            let oldest = (0..self.0.len()).min_by_key(|place| (self.0[*place].time, self.0[*place].account));
            self.0.swap_remove(oldest.unwrap_or(0));
        }
    }

    /// The latest first, at most so many.
    fn latest(&self, most: usize) -> Vec<SeenAccount> {
        if most == 0 {
            return Vec::new();
        }
        let mut all = self.0.to_vec();
        all.sort_by_key(|seen| (std::cmp::Reverse(seen.time), seen.account));
        all.truncate(most);
        all
    }

    fn write(&self, out: &mut ByteWriter) {
        out.unsigned(self.0.len() as u64);
        for seen in &self.0 {
            out.long(seen.account);
            out.signed(seen.time.0);
            out.byte(seen.place.map_or(u8::MAX, |place| place.country as u8));
            if let Some(place) = seen.place {
                out.signed(place.time.0);
                out.long(place.terminal);
            }
        }
    }

    fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        let mut all = SmallVec::new();
        for _ in 0..input.count()? {
            let (account, time) = (input.long()?, Micros(input.signed()?));
            let place = match country(input)? {
                None => None,
                Some(country) => {
                    Some(SeenPlace { time: Micros(input.signed()?), country, terminal: input.long()? })
                }
            };
            all.push(SeenAccount { account, time, place });
        }
        Ok(Self(all))
    }
}

/// What every unit of the flow publishes alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Publishing {
    /// Accounts of a terminal that are published; 0: nobody asks for them.
    pub(super) terminal_accounts: usize,
}

impl Profile {
    /// Of which nothing was seen yet.
    pub(super) fn new(key: ProfileKey, now: Micros, id: Option<&str>) -> Self {
        let body = match key.kind {
            ProfileKind::Terminal => ProfileBody::Terminal(Box::default()),
            ProfileKind::Chip => ProfileBody::Chip(ChipProfile::default()),
        };
        Self { key, text: key.text(), seen: now, id: id.map(Box::from), body }
    }

    /// Whether it is known from elsewhere than its uses, so that it is kept however long nobody uses it.
    pub(super) fn is_listed(&self) -> bool {
        match &self.body {
            ProfileBody::Terminal(terminal) => terminal.record.is_some(),
            ProfileBody::Chip(chip) => chip.record.is_some() || !chip.registered.is_empty(),
        }
    }

    /// Takes in what was seen at a stream time.
    pub(super) fn observe(&mut self, observation: &Observation, now: Micros) {
        self.seen = self.seen.max(now);
        match (&mut self.body, observation) {
            (ProfileBody::Terminal(terminal), Observation::Used(seen)) => terminal.note_use(seen),
            (ProfileBody::Terminal(terminal), Observation::Fraud { transaction, time, on }) => {
                terminal.fraud(*transaction, time.utc_day(), *on);
            }
            (ProfileBody::Chip(chip), Observation::Used(seen)) => chip.note_use(seen),
            (ProfileBody::Chip(chip), Observation::Registered { account, on }) => {
                chip.register(*account, *on)
            }
            // Nobody writes these.
            (ProfileBody::Terminal(_), Observation::Registered { .. })
            | (ProfileBody::Chip(_), Observation::Fraud { .. }) => {}
        }
    }

    /// Takes in a reference record, or that there is none any more.
    pub(super) fn set_record(&mut self, record: Option<ReferenceRecord>) {
        match (&mut self.body, record) {
            (ProfileBody::Terminal(terminal), Some(ReferenceRecord::Terminal(record))) => {
                self.id = record.pos_id.as_deref().map(Box::from).or(self.id.take());
                terminal.record = Some(record);
            }
            (ProfileBody::Chip(chip), Some(ReferenceRecord::Chip(record))) => chip.record = Some(record),
            (ProfileBody::Terminal(terminal), _) => terminal.record = None,
            (ProfileBody::Chip(chip), _) => chip.record = None,
        }
    }

    /// Whether decisions elsewhere can learn something of it: nearly all chips are used by one account, and registered for
    /// none.
    fn is_public(&self) -> bool {
        match &self.body {
            ProfileBody::Terminal(_) => true,
            ProfileBody::Chip(chip) => self.is_listed() || chip.accounts.0.len() > 1,
        }
    }

    /// Whether surely the same is published of both: two profiles of one key.
    pub(super) fn says_the_same_as(&self, other: &Self, publishing: Publishing) -> bool {
        match (&self.body, &other.body) {
            (ProfileBody::Terminal(one), ProfileBody::Terminal(other_one)) => {
                self.id == other.id
                    && (&one.record, &one.name, one.country)
                        == (&other_one.record, &other_one.name, other_one.country)
                    && (publishing.terminal_accounts == 0 || one.accounts == other_one.accounts)
                    && one.frauds == other_one.frauds
                    && (one.frauds.is_empty() || one.days == other_one.days)
            }
            (ProfileBody::Chip(one), ProfileBody::Chip(other_one)) => {
                let alone = |chip: &ChipProfile| chip.accounts.0.len() <= 1;
                (&one.record, &one.registered) == (&other_one.record, &other_one.registered)
                    && (alone(one) && alone(other_one) || one.accounts == other_one.accounts)
            }
            _ => false,
        }
    }

    /// What is published of it; none where there is nothing to say.
    pub(super) fn published(&self, publishing: Publishing) -> Option<Published> {
        if !self.is_public() {
            return None;
        }
        Some(match &self.body {
            ProfileBody::Terminal(terminal) => Published::Terminal(PublishedTerminal {
                pos_id: self.id.as_ref().map(ToString::to_string),
                record: terminal.record.clone(),
                name: terminal.name.as_ref().map(ToString::to_string),
                country: terminal.country,
                accounts: terminal.accounts.latest(publishing.terminal_accounts),
                days: terminal.published_days(),
            }),
            ProfileBody::Chip(chip) => Published::Chip(PublishedChip {
                record: chip.record.clone(),
                registered: chip.registered.to_vec(),
                // One account alone is of no concern to any other.
                accounts: match chip.accounts.0.len() {
                    0 | 1 => Vec::new(),
                    _ => chip.accounts.latest(limits::PROFILE_ACCOUNTS_MAX),
                },
            }),
        })
    }

    /// Appends it, but for its kind.
    pub(super) fn write_fields(&self, out: &mut ByteWriter) {
        out.long(self.key.hash);
        out.signed(self.seen.0);
        out.optional_text(self.id.as_deref());
        match &self.body {
            ProfileBody::Terminal(terminal) => terminal.write(out),
            ProfileBody::Chip(chip) => chip.write(out),
        }
    }

    /// What [`Self::write_fields`] wrote of one of this kind.
    pub(super) fn read_fields(kind: ProfileKind, input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        let key = ProfileKey { kind, hash: input.long()? };
        let seen = Micros(input.signed()?);
        let id = input.optional_text()?.map(Box::from);
        let body = match kind {
            ProfileKind::Terminal => ProfileBody::Terminal(Box::new(TerminalProfile::read(input)?)),
            ProfileKind::Chip => ProfileBody::Chip(ChipProfile::read(input)?),
        };
        Ok(Self { key, text: key.text(), seen, id, body })
    }
}

impl TerminalProfile {
    fn note_use(&mut self, seen: &Use) {
        // One that came late says how it was, not how it is.
        if seen.verdict == Verdict::Accepted && seen.time >= self.accepted {
            self.accepted = seen.time;
            self.country = Some(seen.country);
            if seen.name.is_some() {
                self.name.clone_from(&seen.name);
            }
        }
        let Use { account, time, .. } = *seen;
        self.accounts.note(SeenAccount { account, time, place: None });
        self.count(time.utc_day(), seen.verdict, seen.granted);
    }

    fn count(&mut self, day: i32, verdict: Verdict, granted: bool) {
        let place = self.days.partition_point(|known| known.day < day);
        if self.days.get(place).is_none_or(|known| known.day != day) {
            self.days.insert(place, DayCounts { day, ..DayCounts::default() });
        }
        let counts = &mut self.days[place];
        if granted {
            counts.pending = counts.pending.saturating_sub(1);
        }
        let count = match verdict {
            Verdict::Accepted => &mut counts.accepted,
            Verdict::Pending => &mut counts.pending,
            Verdict::Rejected | Verdict::NotEvaluated => &mut counts.rejected,
        };
        *count = count.saturating_add(1);
        let beyond = self.days.len().saturating_sub(limits::PROFILE_DAYS_MAX);
        self.days.drain(..beyond);
    }

    fn fraud(&mut self, transaction: u64, day: i32, on: bool) {
        self.frauds.retain(|(_, known)| *known != transaction);
        if on {
            self.frauds.push((day, transaction));
            let beyond = self.frauds.len().saturating_sub(limits::PROFILE_FRAUDS_MAX);
            self.frauds.drain(..beyond);
        }
    }

    /// Without fraud nobody asks how many there were.
    fn published_days(&self) -> Vec<PublishedDay> {
        if self.frauds.is_empty() {
            return Vec::new();
        }
        let confirmed = |day: i32| self.frauds.iter().filter(|(of, _)| *of == day).count() as u32;
        let day = |counts: &DayCounts| PublishedDay {
            day: counts.day,
            judged: counts.judged(),
            confirmed: confirmed(counts.day).min(counts.judged()),
        };
        self.days.iter().map(day).collect()
    }

    fn write(&self, out: &mut ByteWriter) {
        write_record(self.record.clone().map(ReferenceRecord::Terminal), out);
        out.optional_text(self.name.as_deref());
        out.byte(self.country.map_or(u8::MAX, |country| country as u8));
        out.signed(self.accepted.0);
        self.accounts.write(out);
        out.unsigned(self.days.len() as u64);
        for DayCounts { day, accepted, pending, rejected } in &self.days {
            out.signed((*day).into());
            [accepted, pending, rejected].into_iter().for_each(|count| out.unsigned((*count).into()));
        }
        out.unsigned(self.frauds.len() as u64);
        for (day, transaction) in &self.frauds {
            out.signed((*day).into());
            out.long(*transaction);
        }
    }

    fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        let record = match read_record(ProfileKind::Terminal, input)? {
            Some(ReferenceRecord::Terminal(record)) => Some(record),
            _ => None,
        };
        let name = input.optional_text()?.map(CompactString::from);
        let country = country(input)?;
        let accepted = Micros(input.signed()?);
        let accounts = LastUses::read(input)?;
        let day = |input: &mut ByteReader<'_>| {
            i32::try_from(input.signed()?).map_err(|_| JournalFault::Damaged("a day is out of range"))
        };
        let count = |input: &mut ByteReader<'_>| {
            u32::try_from(input.unsigned()?).map_err(|_| JournalFault::Damaged("a count is out of range"))
        };
        let mut days = Vec::new();
        for _ in 0..input.count()? {
            let day = day(input)?;
            days.push(DayCounts {
                day,
                accepted: count(input)?,
                pending: count(input)?,
                rejected: count(input)?,
            });
        }
        let mut frauds = Vec::new();
        for _ in 0..input.count()? {
            frauds.push((day(input)?, input.long()?));
        }
        Ok(Self { record, name, country, accepted, accounts, days, frauds })
    }
}

impl ChipProfile {
    fn note_use(&mut self, seen: &Use) {
        let Use { account, time, country, terminal, .. } = *seen;
        let stands = matches!(seen.verdict, Verdict::Accepted | Verdict::Pending) && terminal != 0;
        let place = stands.then_some(SeenPlace { time, country, terminal });
        self.accounts.note(SeenAccount { account, time, place });
    }

    fn register(&mut self, account: u64, on: bool) {
        self.registered.retain(|known| *known != account);
        if on {
            self.registered.push(account);
            if self.registered.len() > limits::PROFILE_OWNERS_MAX {
                self.registered.remove(0);
            }
        }
    }

    fn write(&self, out: &mut ByteWriter) {
        write_record(self.record.clone().map(ReferenceRecord::Chip), out);
        out.unsigned(self.registered.len() as u64);
        self.registered.iter().for_each(|account| out.long(*account));
        self.accounts.write(out);
    }

    fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        let record = match read_record(ProfileKind::Chip, input)? {
            Some(ReferenceRecord::Chip(record)) => Some(record),
            _ => None,
        };
        let registered = (0..input.count()?).map(|_| input.long()).collect::<Result<_, _>>()?;
        Ok(Self { record, registered, accounts: LastUses::read(input)? })
    }
}

fn country(input: &mut ByteReader<'_>) -> Result<Option<CountryCode>, JournalFault> {
    match input.byte()? {
        u8::MAX => Ok(None),
        index => {
            let known = CountryCode::ALL.get(usize::from(index));
            known.copied().map(Some).ok_or(JournalFault::Damaged("a country is none"))
        }
    }
}
