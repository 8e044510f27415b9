//! In which fields two records differ that should be the same bytes. Looks at them once they are known to differ.

use super::compare::Encoded;
use super::report::FieldDifference;
use crate::codec::recorded;

/// The fields in which two records differ, in the order of the replayed one; those that it has not come last. Of a recorded one
/// that is not there, no bytes, all fields of the replayed one.
#[must_use]
pub fn differing(recorded: &[u8], replayed: &[u8]) -> Vec<FieldDifference> {
    let first = recorded.iter().zip(replayed).position(|(left, right)| left != right);
    let first = first.unwrap_or(recorded.len().min(replayed.len()));
    let bytes = |value: &[u8]| {
        let around = &value[first.saturating_sub(20).min(value.len())..(first + 20).min(value.len())];
        around.escape_ascii().to_string()
    };
    let in_bytes = |field: String| {
        let (recorded, replayed) = (Some(bytes(recorded)), Some(bytes(replayed)));
        vec![FieldDifference { field, recorded, replayed }]
    };
    let mut theirs = match recorded::fields(recorded) {
        Ok(fields) => fields,
        Err(_) if recorded.is_empty() => Vec::new(),
        Err(why) => return in_bytes(format!("(byte {first}; the recorded bytes cannot be read: {why})")),
    };
    let mut found = Vec::new();
    for (field, ours) in recorded::fields(replayed).unwrap_or_default() {
        let at = theirs.iter().position(|(theirs, _)| *theirs == field);
        let recorded = at.map(|at| theirs.remove(at).1);
        if recorded.as_ref() != Some(&ours) {
            found.push(FieldDifference { field, recorded, replayed: Some(ours) });
        }
    }
    let alone = theirs.into_iter();
    found.extend(alone.map(|(field, value)| FieldDifference {
        field,
        recorded: Some(value),
        replayed: None,
    }));
    if found.is_empty() { in_bytes(format!("(byte {first}; every field says the same)")) } else { found }
}

/// The same of two records with their keys.
#[must_use]
pub fn differing_records(
    (key, value): (Option<&[u8]>, &[u8]),
    (replayed_key, replayed): &Encoded,
) -> Vec<FieldDifference> {
    let mut fields = if value == replayed { Vec::new() } else { differing(value, replayed) };
    fields.extend(FieldDifference::of_keys(key, replayed_key));
    fields
}
