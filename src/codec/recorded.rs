//! Recorded outcomes, read again: where they say they stand, which a replay merges by, and their fields one by one, to
//! explain a difference. Never reads them as decisions: a replay decides for itself. Never goes deeper than an outcome can
//! be, nor holds more of it, whoever wrote it.

use super::avro::{self, OutcomeLayout};
use super::json::Members;
use crate::domain::PartitionId;
use crate::domain::decimal::Decimal;
use serde_json::value::RawValue;
use smallvec::SmallVec;

/// The bytes before an Avro datum that say which schema it has; none before JSON.
pub type Framing<'a> = &'a [u8];

const CONFLUENT_BYTES: usize = 5;
const SINGLE_OBJECT_BYTES: usize = 10;
/// How deep an outcome may nest to be explained; ours nest 3 deep.
const DEPTH_MAX: usize = 16;
/// Fields of an outcome that are explained; ours have a few hundred.
pub(super) const FIELDS_MAX: usize = 10_000;

/// Where an outcome says it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePlace<'a> {
    /// Topic of the input record.
    pub topic: &'a str,
    /// Partition number, from 0.
    pub partition: PartitionId,
    /// Offset in its partition, from 0.
    pub offset: i64,
    /// Next offsets of other inputs, by topic.
    pub positions: SmallVec<[(&'a str, i64); 2]>,
}

impl SourcePlace<'_> {
    /// Next offset of the input whose topic this is. The only one there is besides `optional` counts whatever its name: a
    /// name that was altered then shows as what it is.
    #[must_use]
    pub fn position(&self, topic: &str, optional: &str) -> Option<i64> {
        let mut others = self.positions.iter().filter(|(name, _)| *name != optional);
        match (others.next(), others.next()) {
            (Some((_, position)), None) => Some(*position),
            _ => self.position_of(topic),
        }
    }

    /// Next offset of the input whose topic this is, where it is named.
    #[must_use]
    pub fn position_of(&self, topic: &str) -> Option<i64> {
        self.positions.iter().find(|(name, _)| *name == topic).map(|(_, position)| *position)
    }
}

/// Positions that an outcome can name: as many as a flow has inputs.
pub(super) const POSITIONS_MAX: usize = 16;

/// The framing of an outcome's value: nothing for JSON. None where it is neither.
#[must_use]
pub fn framing(value: &[u8]) -> Option<Framing<'_>> {
    match value {
        [b'{', ..] => Some(&[]),
        [0, ..] => value.get(..CONFLUENT_BYTES),
        [0xc3, 0x01, ..] => value.get(..SINGLE_OBJECT_BYTES),
        _ => None,
    }
}

/// How an outcome's value is written: its framing, and the layout behind it, which JSON has none of.
#[must_use]
pub fn form(value: &[u8]) -> Option<(Framing<'_>, Option<OutcomeLayout>)> {
    match framing(value)? {
        [] => Some((&[], None)),
        framing => Some((framing, Some(avro::outcome_layout(&value[framing.len()..])?))),
    }
}

/// Where the outcome says it comes from; none where that cannot be read.
#[must_use]
pub fn place(value: &[u8]) -> Option<SourcePlace<'_>> {
    match framing(value)? {
        [] => place_in_json(str::from_utf8(value).ok()?),
        framing => avro::outcome_place(&value[framing.len()..]),
    }
}

/// Looks for the source from the end: as a key it stands there once, because within a text its quotes are escaped.
fn place_in_json(value: &str) -> Option<SourcePlace<'_>> {
    const SOURCE: &str = ",\"source\":{\"topic\":\"";
    const POSITIONS: &str = ",\"positions\":{";
    let source = &value[value.rfind(SOURCE)? + SOURCE.len()..];
    let (topic, source) = source.split_once('"')?;
    let partition = number(source.strip_prefix(",\"partition\":")?)?;
    let offset = number(text_after(source, ",\"offset\":")?)?;
    let mut left = text_after(source, POSITIONS)?;
    let mut positions = SmallVec::new();
    while let Some(name) = left.strip_prefix('"').filter(|_| positions.len() < POSITIONS_MAX) {
        let (topic, value) = name.split_once("\":")?;
        positions.push((topic, number(value)?));
        left = value.trim_start_matches(|letter: char| letter.is_ascii_digit());
        left = left.strip_prefix(',').unwrap_or(left);
    }
    Some(SourcePlace { topic, partition: partition.try_into().ok()?, offset, positions })
}

/// The facts and values of the outcome's evidence; nothing where it has none, or cannot be read.
#[must_use]
pub fn evidence(value: &[u8]) -> Vec<(String, String)> {
    let found = match framing(value) {
        None => None,
        Some([]) => str::from_utf8(value).ok().and_then(evidence_in_json),
        Some(framing) => avro::outcome_evidence(&value[framing.len()..]),
    };
    found.unwrap_or_default()
}

fn evidence_in_json(value: &str) -> Option<Vec<(String, String)>> {
    #[derive(serde::Deserialize)]
    struct EvidenceFact {
        fact: String,
        value: String,
    }
    // As for the source: within a text its quotes are escaped.
    const EVIDENCE: &str = ",\"evidence\":";
    let list = &value[value.rfind(EVIDENCE)? + EVIDENCE.len()..];
    if !list.starts_with("[{") {
        return None;
    }
    let facts = serde_json::Deserializer::from_str(list).into_iter::<Vec<EvidenceFact>>().next()?.ok()?;
    Some(facts.into_iter().map(|EvidenceFact { fact, value }| (fact, value)).collect())
}

fn text_after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.find(mark).map(|at| &text[at + mark.len()..])
}

fn number(text: &str) -> Option<i64> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// Every field with its path and value as JSON has it, in the outcome's order.
///
/// # Errors
/// The value is no outcome: why.
pub fn fields(value: &[u8]) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    match framing(value) {
        None => return Err("neither JSON nor Avro with its schema".to_owned()),
        Some([]) => {
            let raw: &RawValue = serde_json::from_slice(value).map_err(|error| error.to_string())?;
            flatten(String::new(), raw, DEPTH_MAX, &mut found)?;
        }
        Some(framing) => avro::outcome_fields(&value[framing.len()..], &mut found)?,
    }
    Ok(found)
}

/// An amount as outcomes have it, out of its ten-thousandths.
pub(super) fn amount(ten_thousandths: i64) -> String {
    Decimal::new(ten_thousandths.into(), 4).map_or_else(String::new, |decimal| decimal.to_string())
}

/// What an outcome with more fields than are explained is.
pub(super) fn too_many_fields() -> String {
    format!("it has more than {FIELDS_MAX} fields")
}

/// Adds the fields of a value, which may nest `depth` deep.
fn flatten(
    path: String,
    raw: &RawValue,
    depth: usize,
    found: &mut Vec<(String, String)>,
) -> Result<(), String> {
    let Some(left) = depth.checked_sub(1) else { return Err(format!("it nests more than {DEPTH_MAX} deep")) };
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match raw.get().as_bytes().first() {
        Some(b'{') => {
            let Members(members) = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
            members.iter().try_for_each(|(name, member)| flatten(below(name), member, left, found))
        }
        Some(b'[') => {
            let elements: Vec<&RawValue> =
                serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
            if elements.is_empty() {
                return Ok(());
            }
            (0..)
                .zip(elements)
                .try_for_each(|(index, element)| flatten(format!("{path}[{index}]"), element, left, found))
        }
        _ if found.len() >= FIELDS_MAX => Err(too_many_fields()),
        _ => {
            found.push((path, raw.get().to_owned()));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_that_nests_a_million_deep_is_refused() {
        for (open, close) in [("{\"a\":", "}"), ("[", "]")] {
            let text = format!("{{\"a\":{}1{}}}", open.repeat(1_000_000), close.repeat(1_000_000));
            let refused = fields(text.as_bytes()).expect_err("no outcome nests so deep");
            assert!(refused.contains("16 deep"), "{refused}");
            assert_eq!(place(text.as_bytes()), None);
        }
    }

    #[test]
    fn an_outcome_of_millions_of_fields_is_refused() {
        let text = format!("{{\"a\":[{}1]}}", "1,".repeat(1_000_000));
        assert!(fields(text.as_bytes()).expect_err("too many").contains("more than 10000 fields"));
    }
}
