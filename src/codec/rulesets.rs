//! The records of the rulesets topic: what each ruleset says, under its hash, and from where on a partition was decided
//! by which. Both are texts, so that a person can read them. Judges nothing.

use crate::domain::hashing::hash128;

/// From these positions on, a partition's records are decided by another ruleset than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RulesetChange {
    /// Hash of the ruleset.
    pub ruleset: u128,
    /// Next offset per input (POS events, account events) before the first record that it decided; none where nothing
    /// had been read.
    pub positions: [Option<i64>; 2],
}

/// A record of the rulesets topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulesetRecord<'a> {
    /// A ruleset: its hash, and the text that the hash is of.
    Ruleset(u128, &'a str),
    /// A change in a partition.
    Change(i32, RulesetChange),
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

/// Key and value of the record of a change.
#[must_use]
pub fn write_change(partition: i32, change: &RulesetChange) -> (String, String) {
    let [pos, account] = change.positions.map(|position| position.unwrap_or(0));
    (format!("partition/{partition}/{pos}/{account}"), hash_text(change.ruleset))
}

/// Reads a record of the topic.
///
/// # Errors
/// The record is neither: why.
pub fn read_ruleset_record<'a>(key: &str, value: &'a [u8]) -> Result<RulesetRecord<'a>, String> {
    let value = str::from_utf8(value).map_err(|_| format!("the value of {key} is not UTF-8"))?;
    if let Some(place) = key.strip_prefix("partition/") {
        let mut numbers = place.split('/').map(str::parse::<i64>);
        let (Some(Ok(partition)), Some(Ok(pos)), Some(Ok(account)), None) =
            (numbers.next(), numbers.next(), numbers.next(), numbers.next())
        else {
            return Err(format!("{key} is not partition/NUMBER/POSITION/POSITION"));
        };
        let partition = i32::try_from(partition).map_err(|_| format!("{key} names no partition"))?;
        let ruleset = read_hash(value).ok_or_else(|| format!("the value of {key} is no ruleset's hash"))?;
        let positions = [pos, account].map(|position| Some(position).filter(|position| *position > 0));
        return Ok(RulesetRecord::Change(partition, RulesetChange { ruleset, positions }));
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
        for positions in [[None, None], [Some(7), None], [Some(7), Some(12)]] {
            let change = RulesetChange { ruleset: 0xab << 64, positions };
            let (key, value) = write_change(3, &change);
            let read = read_ruleset_record(&key, value.as_bytes());
            assert_eq!(read, Ok(RulesetRecord::Change(3, change)), "{key}");
        }
        let text = "checks.a = 1\n";
        let read = read_ruleset_record(&hash_text(hash_of(text)), text.as_bytes());
        assert_eq!(read, Ok(RulesetRecord::Ruleset(hash_of(text), text)));
    }

    #[test]
    fn refuses_a_ruleset_that_was_altered_and_keys_that_say_nothing() {
        let hash = hash_text(hash_of("checks.a = 1\n"));
        for (key, value, part) in [
            (hash.as_str(), "checks.a = 2\n", "it was altered"),
            ("partition/1/2", "", "is not partition/NUMBER/POSITION/POSITION"),
            ("partition/1/2/3", "soon", "no ruleset's hash"),
            ("else", "", "neither a ruleset's hash nor a partition"),
        ] {
            let refused = read_ruleset_record(key, value.as_bytes()).unwrap_err();
            assert!(refused.contains(part), "{refused}");
        }
    }
}
