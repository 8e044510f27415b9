//! The rulesets that decided, each made into an engine again, and from where on which one decided a partition. Guesses
//! nothing: a ruleset that is not there, or cannot be read as it was meant, decides nothing.

use crate::codec::rulesets::{RulesetChange, RulesetRecord, hash_of, hash_text, read_ruleset_record};
use crate::config::{is_of_contact, read_rules, read_ruleset};
use crate::contact::Rules;
use crate::domain::PartitionId;
use crate::engine::Engine;
use crate::pos::{FLOW, INPUTS, Input};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rulesets and changes.
#[derive(Clone, Debug, Default)]
pub struct Rulebook {
    engines: BTreeMap<u128, Result<Arc<Engine>, String>>,
    /// Those of contact decisions.
    rules: BTreeMap<u128, Result<Arc<Rules>, String>>,
    changes: BTreeMap<PartitionId, Vec<RulesetChange>>,
    /// Records of the topic that are neither, with what is wrong: told where something that is looked for is not found.
    unreadable: Vec<String>,
}

/// How many positions a change has: ticks came later than the others.
const POSITIONS: std::ops::RangeInclusive<usize> = INPUTS - 1..=INPUTS;
/// Records that say nothing are told up to so many.
const UNREADABLE_TOLD: usize = 3;

impl Rulebook {
    /// Takes a record of the rulesets topic, the newest of its key last. A tombstone takes nothing away: what stands
    /// under a hash is what the hash is of.
    pub fn add_record(&mut self, key: &[u8], value: Option<&[u8]>) {
        let Some(value) = value else { return };
        let key = String::from_utf8_lossy(key);
        match read_ruleset_record(&key, value) {
            Ok(RulesetRecord::Ruleset(_, text)) => self.add_ruleset(text),
            Ok(RulesetRecord::Change { flow, .. }) if flow != FLOW.name => {}
            Ok(RulesetRecord::Change { change, .. })
                if !POSITIONS.contains(&change.positions.iter().len()) =>
            {
                self.unreadable(format!("{key} has not a position for each input"));
            }
            Ok(RulesetRecord::Change { partition, mut change, .. }) => {
                change.positions = change.positions.with_later_inputs(&FLOW);
                let changes = self.changes.entry(partition).or_default();
                changes.retain(|known| known.positions != change.positions);
                changes.push(change);
                changes.sort_by_key(|change| Input::offsets(&change.positions));
            }
            Err(why) => self.unreadable(why),
        }
    }

    fn unreadable(&mut self, why: String) {
        if self.unreadable.len() < UNREADABLE_TOLD {
            self.unreadable.push(why);
        }
    }

    /// Takes the text of a ruleset.
    pub fn add_ruleset(&mut self, text: &str) {
        let hash = hash_of(text);
        if is_of_contact(text) {
            let rules =
                || read_rules(&hash_text(hash), text).map(Arc::new).map_err(|faults| faults.to_string());
            self.rules.entry(hash).or_insert_with(rules);
            return;
        }
        let engine = || match read_ruleset(&hash_text(hash), text) {
            Ok(ruleset) => Ok(Arc::new(Engine::new(ruleset.checks, ruleset.texts, text))),
            Err(faults) => Err(faults.to_string()),
        };
        self.engines.entry(hash).or_insert_with(engine);
    }

    /// The engine of a ruleset.
    ///
    /// # Errors
    /// There is none: why, and what to do.
    pub fn engine(&self, ruleset: u128) -> Result<Arc<Engine>, String> {
        match self.engines.get(&ruleset) {
            Some(Ok(engine)) => Ok(Arc::clone(engine)),
            Some(Err(why)) => Err(format!("ruleset {} cannot be read: {why}", hash_text(ruleset))),
            None => {
                let beside: String = self.unreadable.iter().map(|why| format!("; {why}")).collect();
                Err(format!(
                    "ruleset {} is not kept: write it by the configuration of then, `tillgate config ruleset --to \
                     DIR`, and give --rulesets DIR{beside}",
                    hash_text(ruleset)
                ))
            }
        }
    }

    /// The rules of contact decisions.
    ///
    /// # Errors
    /// There are none: why, and what to do.
    pub fn rules(&self, ruleset: u128) -> Result<Arc<Rules>, String> {
        let name = hash_text(ruleset);
        match self.rules.get(&ruleset) {
            Some(Ok(rules)) => Ok(Arc::clone(rules)),
            Some(Err(why)) => Err(format!("contact rules {name} cannot be read: {why}")),
            None => Err(format!("contact rules {name} are not kept: give their text by --rulesets DIR")),
        }
    }

    /// Any of the rules of contact decisions, for states that are only folded.
    #[must_use]
    pub fn any_rules(&self) -> Option<Arc<Rules>> {
        self.rules.values().find_map(|rules| rules.as_ref().ok().cloned())
    }

    /// Any of the engines, for states that are only folded; none where no ruleset can be read.
    #[must_use]
    pub fn any_engine(&self) -> Option<Arc<Engine>> {
        self.engines.values().find_map(|engine| engine.as_ref().ok().cloned())
    }

    /// The changes of a partition in their order.
    #[must_use]
    pub fn changes(&self, partition: PartitionId) -> &[RulesetChange] {
        self.changes.get(&partition).map_or(&[], Vec::as_slice)
    }
}
