//! Recorded dead letters, found by the record they are of, and compared with what a replay makes of it. They stand in
//! a topic of their own order, so they are all held: in short, without their values.

use super::report::{Comparison, FieldDifference, place};
use super::source::RecordBuffer;
use crate::codec::{NoSchema, schema_of};
use crate::domain::PartitionId;
use crate::domain::dead_letter::{ATTEMPT, KEY_BYTES, LEFT_OUT, SAID, VALUE_BYTES, header_bytes, renamed};
use crate::domain::hashing::hash128;
use crate::domain::promise::Promise;
use std::collections::{BTreeMap, BTreeSet};

/// Dead letters that are held at most, about 300 bytes each.
pub const LETTERS_MAX: usize = 1_000_000;

/// A recorded dead letter.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Partition and offset in the topic of dead letters.
    pub at: (PartitionId, i64),
    /// Its code and message.
    pub code: String,
    message: String,
    attempt: String,
    /// Sizes of the input's value, key and headers, where those are not whole.
    left_out: [Option<String>; 3],
    key: Option<u128>,
    value: Option<(u128, usize)>,
    /// Hash of the headers that stand before tillgate's.
    before: u128,
}

/// Which record a dead letter is of: partition, input by its place in the flow, offset.
pub type Of = (PartitionId, usize, i64);

impl Letter {
    /// Reads a record of the topic; `topics` are those of the inputs.
    ///
    /// # Errors
    /// It is no dead letter of these inputs: why.
    pub fn read(
        partition: PartitionId,
        record: &RecordBuffer,
        topics: &[String],
    ) -> Result<(Of, Self), String> {
        let find = |name: &str| record.headers.iter().rposition(|(header, _)| header == name.as_bytes());
        let begin = find(SAID[0]).ok_or_else(|| format!("it has no header {}", SAID[0]))?;
        let mut found: [String; 6] = Default::default();
        for (place, name) in SAID.iter().enumerate() {
            match record.headers.get(begin + place) {
                Some((header, Some(value))) if header == name.as_bytes() => {
                    found[place] = String::from_utf8_lossy(value).into_owned();
                }
                _ => return Err(format!("header {name} is not where it belongs")),
            }
        }
        let [code, message, topic, source_partition, offset, attempt] = found;
        let mut left_out: [Option<String>; 3] = Default::default();
        let mut behind = record.headers[begin + SAID.len()..].iter();
        let mut next = behind.next();
        for (size, name) in left_out.iter_mut().zip(LEFT_OUT) {
            if let Some((_, Some(value))) = next.filter(|(found, _)| found == name.as_bytes()) {
                *size = Some(String::from_utf8_lossy(value).into_owned());
                next = behind.next();
            }
        }
        if next.is_some() {
            return Err(format!("headers follow after {ATTEMPT}"));
        }
        let input = topics.iter().position(|input| *input == topic);
        let input = input.ok_or_else(|| format!("it is of topic {topic}, which is not an input"))?;
        let source_partition = source_partition.parse().map(PartitionId::new);
        let source_partition = source_partition.map_err(|_| "source.partition is no number")?;
        let offset = offset.parse().map_err(|_| "source.offset is no number")?;
        let letter = Self {
            at: (partition, record.offset),
            code,
            message,
            attempt,
            left_out,
            key: record.key().map(hash128),
            value: record.value().map(|value| (hash128(value), value.len())),
            before: hash_of_headers(&record.headers[..begin]),
        };
        Ok(((source_partition, input, offset), letter))
    }

    /// Whether the record was given up because the program failed on it again and again, or because its results could
    /// not be delivered: that is not in the record, so a replay takes it from here.
    #[must_use]
    pub fn is_of_a_failure(&self) -> bool {
        self.code == "500"
    }

    /// Why the schema of `record` could not be had, where that is what is wrong: a registry may say something else by now,
    /// and what a partition had asked it for by then is in no record, so a replay takes it from here.
    #[must_use]
    pub fn no_schema(&self, record: &RecordBuffer) -> Option<NoSchema> {
        let schema = schema_of(record.value().unwrap_or_default(), record.schema_guid())?;
        self.message.starts_with(&schema.to_string()).then(|| NoSchema(self.message.clone()))
    }

    /// What differs from the dead letter of `record` with this code and message.
    #[must_use]
    pub fn differences(&self, record: &RecordBuffer, code: &str, message: &str) -> Vec<FieldDifference> {
        let mut found = Vec::new();
        let mut compare = |name: &str, recorded: &str, replayed: &str| {
            if recorded != replayed {
                found.push(FieldDifference::new(name, Some(recorded), Some(replayed)));
            }
        };
        compare("error.code", &self.code, code);
        compare("error.message", &self.message, message);
        if !self.is_of_a_failure() {
            compare("attempt", &self.attempt, "1");
        }
        const AS_IT_CAME: &str = "as the input's";
        let yes = |same: bool| if same { AS_IT_CAME } else { "other bytes than the input's" };
        let [value_size, key_size, headers_size] = self.left_out.each_ref().map(Option::as_deref);
        let key = record.key();
        if let Some(size) = key_size {
            compare(KEY_BYTES, size, &key.map_or(0, <[u8]>::len).to_string());
        } else {
            compare("key", yes(self.key == key.map(hash128)), AS_IT_CAME);
        }
        let own = as_in_a_letter(&record.headers);
        if let Some(size) = headers_size {
            let bytes: usize =
                record.headers.iter().map(|(name, value)| header_bytes(name, value.as_deref())).sum();
            compare(LEFT_OUT[2], size, &bytes.to_string());
        } else {
            compare("headers before error.code", yes(self.before == hash_of_headers(&own)), AS_IT_CAME);
        }
        let whole = record.value().map_or(0, <[u8]>::len);
        let kept = self.value.map_or(if value_size.is_some() { 0 } else { whole }, |(_, length)| length);
        let same = match (self.value, record.value()) {
            (Some((hash, length)), Some(value)) => {
                value.get(..length).is_some_and(|value| hash128(value) == hash)
            }
            (None, value) => value.is_none() || value_size.is_some(),
            _ => false,
        };
        compare("value", yes(same), AS_IT_CAME);
        let cut = (kept < whole || (value_size.is_some() && self.value.is_none())).then(|| whole.to_string());
        compare(VALUE_BYTES, value_size.unwrap_or("-"), cut.as_deref().unwrap_or("-"));
        found
    }
}

impl LettersOf {
    /// Takes the dead letter of a record of an input out.
    pub fn take(&mut self, input: usize, offset: i64) -> Option<Letter> {
        self.letters.remove(&(input, offset))
    }

    /// Holds the dead letter that was recorded of a record, if any, against the one that the replay gives, if any. `topic` is
    /// that of dead letters; then the record's place in words, and its input.
    pub fn compare(
        &mut self,
        recorded: Option<Letter>,
        replayed: Option<(&str, &str)>,
        record: &RecordBuffer,
        (topic, here, input): (&str, String, usize),
        findings: &mut Comparison<'_>,
    ) {
        let at = |letter: &Letter| place(topic, letter.at.0, letter.at.1);
        match (recorded, replayed) {
            (None, None) => {}
            (Some(letter), None) => {
                let what = "a dead letter was recorded, and the replay can judge the record";
                findings.unexpected(what, Some(at(&letter)), Some(here));
            }
            (None, Some(_)) if record.offset < self.gone_below(input) => self.gone += 1,
            (None, Some((code, message))) => {
                let fields = [("error.code", code), ("error.message", message)];
                let fields = fields.map(|(name, value)| FieldDifference::new(name, None, Some(value)));
                findings.missing("a dead letter is missing", here, || fields.into());
            }
            (Some(letter), Some((code, message))) => {
                let found = letter.differences(record, code, message);
                if found.is_empty() {
                    findings.identical();
                } else {
                    findings.different("a dead letter differs", at(&letter), here, || found);
                }
            }
        }
    }

    fn gone_below(&self, input: usize) -> i64 {
        self.gone_below.get(input).copied().unwrap_or(0)
    }

    /// Dead letters that are left of records between these positions, which the replay did not come by. `topics` are those of
    /// dead letters and of the inputs. Gives what is to be said of those that are gone.
    pub fn finish(
        &self,
        (from, to): (&[i64], &[i64]),
        partition: PartitionId,
        (letters_topic, topics): (&str, &[String]),
        findings: &mut Comparison<'_>,
    ) -> Option<String> {
        for ((input, offset), letter) in &self.letters {
            if (from[*input]..to[*input]).contains(offset) {
                let what = "a dead letter was recorded, and the input it is of is not there";
                let at = place(letters_topic, letter.at.0, letter.at.1);
                findings.unexpected(what, Some(at), Some(place(&topics[*input], partition, *offset)));
            }
        }
        let gone = self.gone;
        (gone > 0).then(|| {
            format!(
                "{gone} dead letters were not compared: topic {letters_topic} has lost its oldest records"
            )
        })
    }
}

/// The record's own headers under the names that they have in a dead letter.
fn as_in_a_letter(headers: &[(Vec<u8>, Option<Vec<u8>>)]) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    headers
        .iter()
        .map(|(name, value)| (renamed(name).unwrap_or_else(|| name.clone()), value.clone()))
        .collect()
}

fn hash_of_headers(headers: &[(Vec<u8>, Option<Vec<u8>>)]) -> u128 {
    let mut bytes = Vec::new();
    for (name, value) in headers {
        for part in [Some(&name[..]), value.as_deref()] {
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(part.unwrap_or_default());
        }
    }
    hash128(&bytes)
}

/// The dead letters of one input partition.
#[derive(Debug, Default)]
pub struct LettersOf {
    letters: BTreeMap<(usize, i64), Letter>,
    /// By input: of records below this offset, letters may have been deleted.
    gone_below: Vec<i64>,
    /// Records whose letters are not there any more.
    pub gone: u64,
}

/// All dead letters, by input partition, and what is wrong with the topic.
#[derive(Debug, Default)]
pub struct Letters {
    /// Their topic.
    topic: String,
    of: BTreeMap<PartitionId, BTreeMap<(usize, i64), Letter>>,
    count: usize,
    /// Partitions of the topic whose oldest records were deleted.
    trimmed: BTreeSet<PartitionId>,
    /// Offsets of the first and the last one of each input partition, by partition of the topic: each stands there in order.
    ends: BTreeMap<(PartitionId, PartitionId, usize), [i64; 2]>,
    /// Records that are no dead letters, that come twice, or out of order: each with the promise that it breaks.
    pub faults: Vec<String>,
}

impl Letters {
    /// None yet, of this topic.
    #[must_use]
    pub fn of(topic: &str) -> Self {
        Self { topic: topic.to_owned(), ..Self::default() }
    }

    /// Takes a record of the topic; `wanted` says whether its input partition is of interest.
    ///
    /// # Errors
    /// There are more than are held.
    pub fn add(
        &mut self,
        partition: PartitionId,
        record: &RecordBuffer,
        topics: &[String],
        wanted: impl Fn(PartitionId) -> bool,
    ) -> Result<(), String> {
        let here = place(&self.topic, partition, record.offset);
        let ((source, input, offset), letter) = match Letter::read(partition, record, topics) {
            Ok(found) => found,
            Err(why) => {
                self.faults.push(Promise::DeadLetters.broken(format_args!("{here}: {why}")));
                return Ok(());
            }
        };
        if !wanted(source) {
            return Ok(());
        }
        if self.count == LETTERS_MAX {
            return Err(format!("more than {LETTERS_MAX} dead letters: verify some partitions at a time"));
        }
        let [_, last] = self.ends.entry((partition, source, input)).or_insert([offset; 2]);
        let before = std::mem::replace(last, offset);
        let fault = match self.of.entry(source).or_default().insert((input, offset), letter) {
            Some(first) => format!("has one already, at {}/{}", first.at.0, first.at.1),
            None if before > offset => "stands behind a later record's".to_owned(),
            None => {
                self.count += 1;
                return Ok(());
            }
        };
        let topic = &topics[input];
        let fault = Promise::DeadLetters.broken(format_args!("{here}: {topic} {source}/{offset} {fault}"));
        self.faults.push(fault);
        Ok(())
    }

    /// Notes that the oldest records of a partition of the topic were deleted.
    pub fn has_lost(&mut self, partition: PartitionId) {
        self.trimmed.insert(partition);
    }

    /// Those of one input partition, of a flow with so many inputs.
    pub fn take(&mut self, partition: PartitionId, inputs: usize) -> LettersOf {
        // In each partition of the topic those of an input stand in its order: behind the first that is there none was deleted.
        let below = |input: usize| {
            let first = |of: &PartitionId| {
                self.ends.get(&(*of, partition, input)).map_or(i64::MAX, |[first, _]| *first)
            };
            self.trimmed.iter().map(first).max().unwrap_or(0)
        };
        let gone_below = (0..inputs).map(below).collect();
        LettersOf { letters: self.of.remove(&partition).unwrap_or_default(), gone_below, gone: 0 }
    }
}
