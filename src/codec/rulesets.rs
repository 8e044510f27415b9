//! The records of the rulesets topic: what each ruleset says, under its hash, and from where on a unit was decided by
//! which. Both are texts, so that a person can read them. Judges nothing.

use super::journal::FIRST_FLOW;
use crate::domain::PartitionId;
use crate::domain::flow::Positions;
use crate::domain::hashing::hash128;

/// From these positions on, a unit's records are decided by another ruleset than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesetChange {
    /// Hash of the ruleset.
    pub ruleset: u128,
    /// Next offset per input, in the flow's order, before the first record that it decided; none where nothing had been
    /// read.
    pub positions: Positions,
}

/// A record of the rulesets topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulesetRecord<'a> {
    /// A ruleset: its hash, and the text that the hash is of.
    Ruleset(u128, &'a str),
    /// A change in a unit.
    Change {
        /// Name of the unit's flow.
        flow: &'a str,
        /// Partition number, from 0.
        partition: PartitionId,
        /// Which ruleset decides, and from where on.
        change: RulesetChange,
    },
}

/// A ruleset's hash as it is written: 32 hexadecimal digits.
#[must_use]
pub fn hash_text(ruleset: u128) -> String {
    format!("{ruleset:032x}")
}

/// Reads what [`hash_text`] wrote.
#[must_use]
pub fn read_hash(text: &str) -> Option<u128> {
    let digits = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if digits { u128::from_str_radix(text, 16).ok() } else { None }
}

/// The hash of a ruleset's text.
#[must_use]
pub fn hash_of(text: &str) -> u128 {
    hash128(text.as_bytes())
}

/// Key and value of the record of a change. The first flow there was has no name in it.
#[must_use]
pub fn write_change(flow: &str, partition: PartitionId, change: &RulesetChange) -> (String, String) {
    let mut key = if flow == FIRST_FLOW { String::new() } else { format!("{flow}/") };
    key.push_str(&format!("{PARTITION}{partition}"));
    for position in change.positions.iter() {
        key.push_str(&format!("/{}", position.unwrap_or(0)));
    }
    (key, hash_text(change.ruleset))
}

/// What stands before the number of a partition.
const PARTITION: &str = "partition/";

/// Reads a record of the topic.
///
/// # Errors
/// The record is neither: why.
pub fn read_ruleset_record<'a>(key: &'a str, value: &'a [u8]) -> Result<RulesetRecord<'a>, String> {
    let value = str::from_utf8(value).map_err(|_| format!("the value of {key} is not UTF-8"))?;
    if let Some((flow, place)) = key.split_once(PARTITION) {
        let flow = if flow.is_empty() { Some(FIRST_FLOW) } else { flow.strip_suffix('/') };
        let numbers: Result<Vec<i64>, _> = place.split('/').map(str::parse::<i64>).collect();
        let (Some(flow), Ok([partition, positions @ ..])) = (flow, numbers.as_deref()) else {
            return Err(format!(
                "{key} is not partition/NUMBER/POSITION/..., with a flow's name before it or none"
            ));
        };
        let partition = PartitionId::try_from(*partition).map_err(|_| format!("{key} names no partition"))?;
        let ruleset = read_hash(value).ok_or_else(|| format!("the value of {key} is no ruleset's hash"))?;
        let positions = positions.iter().map(|position| Some(*position).filter(|position| *position > 0));
        let change = RulesetChange { ruleset, positions: positions.collect() };
        return Ok(RulesetRecord::Change { flow, partition, change });
    }
    let named = read_hash(key).ok_or_else(|| format!("{key} is neither a ruleset's hash nor a partition"))?;
    let is = hash_of(value);
    if is != named {
        return Err(format!("the ruleset kept as {key} has the hash {}: it was altered", hash_text(is)));
    }
    Ok(RulesetRecord::Ruleset(named, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for (flow, positions) in [
            ("pos", [None, None].into()),
            ("pos", [Some(7), None].into()),
            ("orders", [Some(7), None, Some(12)].into()),
        ] {
            let change = RulesetChange { ruleset: 0xab << 64, positions };
            let (key, value) = write_change(flow, 3.into(), &change);
            let read = read_ruleset_record(&key, value.as_bytes());
            assert_eq!(read, Ok(RulesetRecord::Change { flow, partition: 3.into(), change }), "{key}");
        }
        let change = RulesetChange { ruleset: 1, positions: [Some(7), Some(9)].into() };
        assert_eq!(
            write_change("pos", 3.into(), &change).0,
            "partition/3/7/9",
            "as it was before there were other flows"
        );
        let text = "checks.a = 1\n";
        let key = hash_text(hash_of(text));
        let read = read_ruleset_record(&key, text.as_bytes());
        assert_eq!(read, Ok(RulesetRecord::Ruleset(hash_of(text), text)));
    }

    #[test]
    fn refuses_a_ruleset_that_was_altered_and_keys_that_say_nothing() {
        let hash = hash_text(hash_of("checks.a = 1\n"));
        for (key, value, part) in [
            (hash.as_str(), "checks.a = 2\n", "it was altered"),
            ("partition/one/2", "", "is not partition/NUMBER/POSITION"),
            ("partition/1/2/3", "soon", "no ruleset's hash"),
            ("else", "", "neither a ruleset's hash nor a partition"),
        ] {
            let refused = read_ruleset_record(key, value.as_bytes()).unwrap_err();
            assert!(refused.contains(part), "{refused}");
        }
    }
}
