//! Outcomes of ours read from Avro, in the order of our own schema: their place for a replay, and all fields for an
//! explanation. What another schema wrote is not read.

use super::input::Input;
use super::skip::no_branch;
use crate::codec::fault::{Fault, Read};
use crate::codec::recorded::{FIELDS_MAX, POSITIONS_MAX, Place, amount, too_many_fields};
use crate::domain::enums::{ActionCode, EventType, MessageType, Verdict};
use smallvec::SmallVec;

/// Where the outcome says it comes from; none where the datum is not one of ours.
pub fn outcome_place(datum: &[u8]) -> Option<Place<'_>> {
    read_place(&mut Input::new(datum, &[])).ok()
}

fn read_place<'a>(input: &mut Input<'a, '_>) -> Read<Place<'a>> {
    before_source(input, &mut Fields(None))?;
    let topic = input.text()?;
    let partition = i32::try_from(input.long()?).map_err(|_| Fault::unreadable("no partition number"))?;
    let offset = input.long()?;
    let _timestamp = input.long()?;
    let _revision = input.long()?;
    let mut positions = SmallVec::new();
    list(input, |input, index| {
        let position = (input.text()?, input.long()?);
        if index < POSITIONS_MAX {
            positions.push(position);
        }
        Ok(())
    })?;
    Ok(Place { topic, partition, offset, positions })
}

/// Every field with its path, as JSON writes its value.
///
/// # Errors
/// The datum is not one of our schema: why.
pub fn outcome_fields(datum: &[u8], found: &mut Vec<(String, String)>) -> Result<(), String> {
    read_fields(&mut Input::new(datum, &[]), &mut Fields(Some(found))).map_err(|fault| fault.to_text())?;
    if found.len() > FIELDS_MAX { Err(too_many_fields()) } else { Ok(()) }
}

/// Where fields go, if they are wanted at all; those beyond one too many are left out.
struct Fields<'f>(Option<&'f mut Vec<(String, String)>>);

impl Fields<'_> {
    fn put(&mut self, path: impl Into<Path>, value: impl FnOnce() -> String) {
        self.put_named(
            || match path.into() {
                Path(_, None, name) => name.to_owned(),
                Path(index, Some(list), name) => format!("{list}[{index}].{name}"),
            },
            value,
        );
    }

    fn put_named(&mut self, path: impl FnOnce() -> String, value: impl FnOnce() -> String) {
        if let Some(found) = &mut self.0
            && found.len() <= FIELDS_MAX
        {
            found.push((path(), value()));
        }
    }
}

/// Index and list, where the field stands in one, and its name.
#[derive(Clone, Copy)]
struct Path(usize, Option<&'static str>, &'static str);

impl From<&'static str> for Path {
    fn from(name: &'static str) -> Self {
        Self(0, None, name)
    }
}

fn read_fields(input: &mut Input<'_, '_>, fields: &mut Fields<'_>) -> Read<()> {
    before_source(input, fields)?;
    text(input, fields, "source.topic".into())?;
    for name in ["source.partition", "source.offset", "source.timestamp", "accountRevision"] {
        let number = input.long()?;
        fields.put(name, || number.to_string());
    }
    list(input, |input, _| {
        let (topic, position) = (input.text()?, input.long()?);
        fields.put_named(|| format!("positions.{topic}"), || position.to_string());
        Ok(())
    })?;
    list(input, |input, index| {
        text(input, fields, Path(index, Some("evidence"), "fact"))?;
        text(input, fields, Path(index, Some("evidence"), "value"))
    })?;
    text(input, fields, "ruleset".into())?;
    input.end()
}

fn before_source(input: &mut Input<'_, '_>, fields: &mut Fields<'_>) -> Read<()> {
    text(input, fields, "transactionId".into())?;
    text(input, fields, "accountNumber".into())?;
    optional_text(input, fields, "accountTransactionId".into())?;
    symbol(input, fields, "eventType".into(), EventType::ALL, EventType::symbol)?;
    if some(input)? {
        let micros = input.long()?;
        fields.put("eventTime", || micros.to_string());
    }
    let added = input.boolean()?;
    fields.put("eventAdded", || added.to_string());
    symbol(input, fields, "outcome".into(), Verdict::ALL, Verdict::symbol)?;
    list(input, |input, index| {
        let path = |name| Path(index, Some("riskCheckMessages"), name);
        symbol(input, fields, path("type"), MessageType::ALL, MessageType::symbol)?;
        text(input, fields, path("code"))?;
        text(input, fields, path("message"))?;
        optional_text(input, fields, path("customerFacingMessage"))?;
        symbol(input, fields, path("actionCode"), ActionCode::ALL, ActionCode::symbol)?;
        optional_text(input, fields, path("fieldReference"))
    })?;
    optional_text(input, fields, "currency".into())?;
    for name in ["postedAmount", "balanceAfter", "availableAfter"] {
        if some(input)? {
            let units = units(input.prefixed()?)?;
            fields.put(name, || amount(units));
        }
    }
    optional_text(input, fields, "supersedes".into())
}

fn some(input: &mut Input<'_, '_>) -> Read<bool> {
    match input.size()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(no_branch(other)),
    }
}

fn text(input: &mut Input<'_, '_>, fields: &mut Fields<'_>, path: Path) -> Read<()> {
    let text = input.text()?;
    fields.put(path, || quoted(text));
    Ok(())
}

fn optional_text(input: &mut Input<'_, '_>, fields: &mut Fields<'_>, path: Path) -> Read<()> {
    if some(input)? { text(input, fields, path) } else { Ok(()) }
}

fn symbol<T: Copy>(
    input: &mut Input<'_, '_>,
    fields: &mut Fields<'_>,
    path: Path,
    all: &[T],
    symbol: fn(T) -> &'static str,
) -> Read<()> {
    let value = *all.get(input.size()?).ok_or_else(|| Fault::unreadable("no such symbol"))?;
    fields.put(path, || quoted(symbol(value)));
    Ok(())
}

/// The ten-thousandths of an amount: big-endian, two's complement.
fn units(bytes: &[u8]) -> Read<i64> {
    let [first, ..] = bytes else { return Err(Fault::unreadable("an amount without bytes")) };
    if bytes.len() > 8 {
        return Err(Fault::unreadable("no amount of ours"));
    }
    let sign = if first & 0x80 == 0 { 0 } else { -1 };
    Ok(bytes.iter().fold(sign, |units, byte| units << 8 | i64::from(*byte)))
}

fn list<'a, 'p>(
    input: &mut Input<'a, 'p>,
    mut item: impl FnMut(&mut Input<'a, 'p>, usize) -> Read<()>,
) -> Read<()> {
    let mut index = 0;
    loop {
        let (count, _) = input.block()?;
        if count == 0 {
            return Ok(());
        }
        for _ in 0..count {
            item(input, index)?;
            index += 1;
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
