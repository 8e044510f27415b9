//! What is done with observations and reference records: each changes profiles, and what a batch has changed of what is
//! published goes out at its end, a record for each key.

use super::key::ProfileKey;
use super::observation::{OfKey, read};
use super::profile::{Profile, Publishing};
use super::record::ReferenceRecord;
use super::state::{ProfileChange, ProfileOpening, ProfileUpdate, ProfilesState};
use super::topics::{FLOW, OBSERVATIONS, PROFILES};
use crate::domain::PartitionId;
use crate::domain::flow::Flow;
use crate::domain::hashing::TableHash;
use crate::domain::limits;
use crate::domain::record::RecordTime;
use crate::pipeline::{
    Blueprint, Division, Effects, InputRecord, Interrupt, Keyed, Model, Outbound, PartitionSettings, State,
    Surroundings,
};
use std::collections::BTreeMap;

/// The model of this flow.
#[derive(Debug)]
pub struct Profiles {
    publishing: Publishing,
    /// By what keys belong on partitions.
    division: Division,
    /// The unit's partition.
    partition: PartitionId,
}

impl Profiles {
    /// Publishes of a terminal so many of the accounts that used it last.
    #[must_use]
    pub fn new(terminal_accounts: usize, division: Division) -> Self {
        Self { division, publishing: Publishing { terminal_accounts }, partition: PartitionId::new(0) }
    }

    /// Makes room for a key, and the profile, where there is none yet; false where all that is there must stay.
    fn open(
        &mut self,
        key: ProfileKey,
        id: Option<compact_str::CompactString>,
        effects: &mut Effects<'_, Self>,
    ) -> Result<bool, Interrupt> {
        if effects.state().get(&key).is_some() {
            return Ok(true);
        }
        if let Some(oldest) = to_forget(effects.state(), true) {
            effects.change(&ProfileChange::forgotten(oldest))?;
        }
        if effects.state().len() >= limits::PROFILES_PER_PARTITION_MAX {
            return Ok(false);
        }
        let now = effects.state().stream_time();
        effects.change(&ProfileChange::opened(key, ProfileOpening { now, id }))?;
        Ok(true)
    }

    fn observations(
        &mut self,
        record: &InputRecord<'_>,
        effects: &mut Effects<'_, Self>,
    ) -> Result<(), Interrupt> {
        let (now, keys) = match read(record.value.unwrap_or_default()) {
            Ok(read) => read,
            Err(fault) => {
                effects.dead_letter("400.001", &format!("these are no observations of tillgate: {fault}"));
                return Ok(());
            }
        };
        // A partition whose time ran ahead must not take that of all profiles along.
        effects.advance(match record.time {
            RecordTime::Written(written) => now.min(written.plus(limits::PROFILE_TIME_AHEAD)),
            _ => now,
        });
        let now = effects.state().stream_time();
        let mut elsewhere = 0;
        for OfKey { key, id, seen } in keys {
            if self.division.misplaced(key.text().as_bytes(), self.partition).is_some() {
                elsewhere += 1;
                continue;
            }
            if !self.open(key, id, effects)? {
                continue;
            }
            for observation in seen {
                effects.change(&ProfileChange::updated(key, ProfileUpdate::Seen { now, observation }))?;
            }
        }
        for _ in 0..limits::PROFILES_FORGOTTEN_AT_ONCE {
            let Some(oldest) = to_forget(effects.state(), false) else { break };
            effects.change(&ProfileChange::forgotten(oldest))?;
        }
        if elsewhere > 0 {
            let why =
                format!("{elsewhere} of its terminals and chips belong on other partitions: passed over");
            effects.dead_letter("400.003", &why);
        }
        Ok(())
    }

    fn record(&mut self, keyed: &Keyed<'_>, effects: &mut Effects<'_, Self>) -> Result<(), Interrupt> {
        let Some(key) = ProfileKey::parse(keyed.key) else {
            let why = "the key is neither pos/ nor nfc/ with 16 hexadecimal digits: write profile records with \
                       `tillgate profiles put` or `import`";
            effects.dead_letter("400.003", why);
            return Ok(());
        };
        let record = match keyed.record.value.map(|value| ReferenceRecord::read(key.kind, value)).transpose()
        {
            Ok(record) => record,
            Err(why) => {
                effects.dead_letter("400.001", &format!("the profile record cannot be read: {why}"));
                return Ok(());
            }
        };
        if record.as_ref().is_some_and(|record| !record.is_of(key)) {
            effects.dead_letter("400.003", "the posId that it tells is not that of its key");
            return Ok(());
        }
        if record.is_none() && effects.state().get(&key).is_none() {
            return Ok(());
        }
        if !self.open(key, None, effects)? {
            let most = limits::PROFILES_PER_PARTITION_MAX;
            let why = format!("the partition has {most} profiles that stay, and no room for a further one");
            effects.dead_letter("pos.state.unavailable", &why);
            return Ok(());
        }
        effects.change(&ProfileChange::updated(key, ProfileUpdate::Listed(record)))
    }
}

/// The profile that was used longest ago and may be forgotten: because that is long enough ago, or because there is no room for
/// a further one.
fn to_forget(state: &ProfilesState, for_room: bool) -> Option<ProfileKey> {
    let is_full = for_room && state.len() >= limits::PROFILES_PER_PARTITION_MAX;
    let long_ago = state.stream_time().minus(limits::PROFILE_MEMORY);
    state.oldest().filter(|profile| is_full || profile.seen < long_ago).map(|profile| profile.key)
}

/// The profiles that the batch has touched, as they were before it and as they are now.
fn changed(state: &ProfilesState) -> BTreeMap<ProfileKey, [Option<&Profile>; 2]> {
    let mut changed: BTreeMap<ProfileKey, [Option<&Profile>; 2]> = BTreeMap::new();
    for touched in state.touched() {
        for (place, profile) in touched.into_iter().enumerate() {
            if let Some(profile) = profile {
                // A key that was forgotten and came again may have been in another slot.
                changed.entry(profile.key).or_default()[place] = Some(profile);
            }
        }
    }
    changed
}

impl Model for Profiles {
    const FLOW: &'static Flow = &FLOW;
    type State = ProfilesState;
    type Outside<'a> = ();
    type Decided<'a> = ();

    fn empty(&self) -> ProfilesState {
        ProfilesState::new(TableHash::default())
    }

    fn ruleset(&self) -> u128 {
        0
    }

    fn decide(
        &mut self,
        (): (),
        keyed: &Keyed<'_>,
        effects: &mut Effects<'_, Self>,
    ) -> Result<(), Interrupt> {
        if let Some(misplaced) = keyed.misplaced {
            effects.dead_letter("pos.state.unavailable", &misplaced.to_string());
            return Ok(());
        }
        self.partition = keyed.unit.partition;
        match keyed.record.input {
            OBSERVATIONS => self.observations(keyed.record, effects),
            _ => self.record(keyed, effects),
        }
    }

    fn give_up(&mut self, _keyed: &Keyed<'_>, _effects: &mut Effects<'_, Self>) {}

    fn end_batch(&mut self, state: &ProfilesState, send: &mut dyn FnMut(&Outbound<'_>)) {
        for (key, [before, after]) in changed(state) {
            if let (Some(before), Some(after)) = (before, after)
                && before.says_the_same_as(after, self.publishing)
            {
                continue;
            }
            let published = |profile: Option<&Profile>| profile?.published(self.publishing);
            let (before, after) = (published(before), published(after));
            if before == after {
                continue;
            }
            let (text, value) = (key.text(), after.map(|published| published.json()));
            send(&Outbound {
                output: PROFILES,
                partition: Some(self.partition),
                key: text.as_bytes(),
                value: value.as_deref().map(str::as_bytes),
                headers: &[],
            });
        }
    }
}

/// Makes the parts of the flow's units.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// How units are journalled and divided up.
    pub settings: PartitionSettings,
    /// Accounts of a terminal that are published.
    pub terminal_accounts: usize,
}

/// It takes nothing from outside.
pub struct NoSurroundings;

impl Surroundings<Profiles> for NoSurroundings {
    fn with<T>(&mut self, _after_a_wait: bool, decide: impl FnOnce(()) -> T) -> T {
        decide(())
    }
}

impl Blueprint for Setup {
    type Model = Profiles;
    type Surroundings = NoSurroundings;

    fn model(&self) -> Profiles {
        Profiles::new(self.terminal_accounts, self.settings.division)
    }

    fn settings(&self) -> PartitionSettings {
        self.settings
    }

    fn surroundings(&self) -> NoSurroundings {
        NoSurroundings
    }
}
