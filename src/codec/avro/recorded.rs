//! Outcomes of ours read from Avro, in the order of our own schema or of its first version: their place for a replay, and
//! all fields for an explanation. Which of the two wrote a datum is told by which reads the whole of it. What another schema
//! wrote is not read.

use super::datum::DatumReader;
use super::outcome::OutcomeLayout;
use super::skip::no_branch;
use crate::codec::fault::{FieldFault, Read};
use crate::codec::recorded::{FIELDS_MAX, POSITIONS_MAX, SourcePlace, amount, too_many_fields};
use crate::domain::enums::{ActionCode, EventType, MessageType, Verdict};
use smallvec::SmallVec;

/// The layouts, the latest first.
const LAYOUTS: [OutcomeLayout; 2] = [OutcomeLayout::Second, OutcomeLayout::First];

/// The layout of the datum; none where it is not one of ours.
#[must_use]
pub fn outcome_layout(datum: &[u8]) -> Option<OutcomeLayout> {
    LAYOUTS.into_iter().find(|layout| {
        read_fields(&mut DatumReader::new(datum, &[]), *layout, &mut FoundFields(None)).is_ok()
    })
}

/// Where the outcome says it comes from; none where the datum is not one of ours. What is broken behind the place does not
/// matter.
#[must_use]
pub fn outcome_place(datum: &[u8]) -> Option<SourcePlace<'_>> {
    let place = |layout| read_place(&mut DatumReader::new(datum, &[]), layout).ok();
    match outcome_layout(datum) {
        Some(layout) => place(layout),
        None => LAYOUTS.into_iter().find_map(place),
    }
}

fn read_place<'a>(input: &mut DatumReader<'a, '_>, layout: OutcomeLayout) -> Read<SourcePlace<'a>> {
    before_source(input, layout, &mut FoundFields(None))?;
    let topic = read_topic_name(input.text()?)?;
    let partition = input.long()?.try_into().map_err(|_| FieldFault::unreadable("no partition number"))?;
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
    Ok(SourcePlace { topic, partition, offset, positions })
}

/// The facts and values of the outcome's evidence; none where the datum is not one of ours.
#[must_use]
pub fn outcome_evidence(datum: &[u8]) -> Option<Vec<(String, String)>> {
    let layout = outcome_layout(datum)?;
    let mut input = DatumReader::new(datum, &[]);
    let mut found = Vec::new();
    let mut read = || -> Read<()> {
        before_source(&mut input, layout, &mut FoundFields(None))?;
        input.text()?;
        for _ in ["partition", "offset", "timestamp", "revision"] {
            input.long()?;
        }
        list(&mut input, |input, _| input.text().and_then(|_| input.long()).map(|_| ()))?;
        list(&mut input, |input, _| {
            found.push((input.text()?.to_owned(), input.text()?.to_owned()));
            Ok(())
        })
    };
    read().ok()?;
    Some(found)
}

/// Every field with its path, as JSON writes its value.
///
/// # Errors
/// The datum is not one of our schema: why.
pub fn outcome_fields(datum: &[u8], found: &mut Vec<(String, String)>) -> Result<(), String> {
    let layout = outcome_layout(datum).unwrap_or(OutcomeLayout::LATEST);
    let mut fields = FoundFields(Some(found));
    read_fields(&mut DatumReader::new(datum, &[]), layout, &mut fields).map_err(|fault| fault.to_text())?;
    if found.len() > FIELDS_MAX { Err(too_many_fields()) } else { Ok(()) }
}

/// Where fields go, if they are wanted at all; those beyond one too many are left out.
struct FoundFields<'f>(Option<&'f mut Vec<(String, String)>>);

impl FoundFields<'_> {
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

fn read_fields(
    input: &mut DatumReader<'_, '_>,
    layout: OutcomeLayout,
    fields: &mut FoundFields<'_>,
) -> Read<()> {
    before_source(input, layout, fields)?;
    let topic = read_topic_name(input.text()?)?;
    fields.put("source.topic", || quoted(topic));
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

/// A topic has a name: the branch of a null, read as another layout has it, is none.
fn read_topic_name(topic: &str) -> Read<&str> {
    if topic.is_empty() { Err(FieldFault::unreadable("a topic without a name")) } else { Ok(topic) }
}

fn before_source(
    input: &mut DatumReader<'_, '_>,
    layout: OutcomeLayout,
    fields: &mut FoundFields<'_>,
) -> Read<()> {
    let is_first = layout == OutcomeLayout::First;
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
        optional_text(input, fields, path("fieldReference"))?;
        if is_first { Ok(()) } else { optional_text(input, fields, path("detail")) }
    })?;
    optional_text(input, fields, "currency".into())?;
    for name in ["postedAmount", "balanceAfter", "availableAfter"] {
        if some(input)? {
            let units = units(input.prefixed()?)?;
            fields.put(name, || amount(units));
        }
    }
    let others: &[&str] = if is_first { &["supersedes"] } else { &["supersedes", "corrects", "repeats"] };
    others.iter().try_for_each(|name| optional_text(input, fields, (*name).into()))
}

fn some(input: &mut DatumReader<'_, '_>) -> Read<bool> {
    match input.size()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(no_branch(other)),
    }
}

fn text(input: &mut DatumReader<'_, '_>, fields: &mut FoundFields<'_>, path: Path) -> Read<()> {
    let text = input.text()?;
    fields.put(path, || quoted(text));
    Ok(())
}

fn optional_text(input: &mut DatumReader<'_, '_>, fields: &mut FoundFields<'_>, path: Path) -> Read<()> {
    if some(input)? { text(input, fields, path) } else { Ok(()) }
}

fn symbol<T: Copy>(
    input: &mut DatumReader<'_, '_>,
    fields: &mut FoundFields<'_>,
    path: Path,
    all: &[T],
    symbol: fn(T) -> &'static str,
) -> Read<()> {
    let value = *all.get(input.size()?).ok_or_else(|| FieldFault::unreadable("no such symbol"))?;
    fields.put(path, || quoted(symbol(value)));
    Ok(())
}

/// The ten-thousandths of an amount: big-endian, two's complement.
fn units(bytes: &[u8]) -> Read<i64> {
    let [first, ..] = bytes else { return Err(FieldFault::unreadable("an amount without bytes")) };
    if bytes.len() > 8 {
        return Err(FieldFault::unreadable("no amount of ours"));
    }
    let sign = if first & 0x80 == 0 { 0 } else { -1 };
    Ok(bytes.iter().fold(sign, |units, byte| units << 8 | i64::from(*byte)))
}

fn list<'a, 'p>(
    input: &mut DatumReader<'a, 'p>,
    mut item: impl FnMut(&mut DatumReader<'a, 'p>, usize) -> Read<()>,
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
