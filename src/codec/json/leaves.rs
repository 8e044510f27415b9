//! The types of our fields as JSON has them. Null and a member that is not there are the same.

use super::reader::JsonReader;
use super::write::{Writer, string};
use crate::codec::avro::leaves::{
    BooleanLeaf, ChipsLeaf, DecimalLeaf, Leaf, LongLeaf, SymbolLeaf, TextLeaf, TimeLeaf,
};
use crate::codec::avro::plan::RecordPlan;
use crate::codec::fault::{FieldFault, Read};
use crate::codec::record::{RecordFields, SeenMembers};
use crate::domain::decimal::NumberFault;
use crate::domain::enums::OpenEnum;
use crate::domain::limits::CHIPS_MAX;
use crate::domain::pos_event::Text;
use crate::domain::visible::excerpt;
use crate::domain::{Decimal, Field, Micros};

/// A type of ours in JSON.
pub trait JsonLeaf: Leaf {
    /// Reads one value.
    fn read_json<'a>(reader: &mut JsonReader<'a>) -> Read<Self::Target<'a>>;

    /// Adds a member, where there is a value.
    fn write_json(value: &Self::Target<'_>, name: &str, object: &mut Writer<'_>);
}

/// Reads an object into a record: each known member at most once.
#[inline]
pub(in crate::codec) fn read_object<'a, F: RecordFields>(
    reader: &mut JsonReader<'a>,
    record: &mut F::Record<'a>,
) -> Read<()> {
    let mut seen = SeenMembers::default();
    reader.object(|reader, name| {
        F::read_member(record, &mut seen, reader, &name).map_err(|fault| fault.in_field(&excerpt(&name)))
    })
}

/// A value that may be null.
#[inline]
fn optional<'a, T>(
    reader: &mut JsonReader<'a>,
    read: impl FnOnce(&mut JsonReader<'a>) -> Read<T>,
) -> Read<Option<T>> {
    if reader.null()? { Ok(None) } else { read(reader).map(Some) }
}

impl JsonLeaf for TextLeaf {
    #[inline]
    fn read_json<'a>(reader: &mut JsonReader<'a>) -> Read<Option<Text<'a>>> {
        optional(reader, JsonReader::string)
    }

    fn write_json(value: &Option<Text<'_>>, name: &str, object: &mut Writer<'_>) {
        object.text(name, value.as_deref());
    }
}

impl JsonLeaf for BooleanLeaf {
    fn read_json(reader: &mut JsonReader<'_>) -> Read<Option<bool>> {
        optional(reader, JsonReader::boolean)
    }

    fn write_json(value: &Option<bool>, name: &str, object: &mut Writer<'_>) {
        if let Some(value) = value {
            object.boolean(name, *value);
        }
    }
}

/// A whole number of minor units; `5e2` is one, `5.5` is not.
impl JsonLeaf for LongLeaf {
    fn read_json(reader: &mut JsonReader<'_>) -> Read<Option<i64>> {
        optional(reader, |reader| {
            let token = reader.number()?;
            match Decimal::parse(token).map(Decimal::normalised) {
                Ok((units, 0)) => Ok(units),
                _ => Err(FieldFault::unreadable(format!(
                    "{} is no whole number of minor units of at most 18 digits",
                    excerpt(token)
                ))),
            }
        })
    }

    fn write_json(value: &Option<i64>, name: &str, object: &mut Writer<'_>) {
        if let Some(value) = value {
            object.integer(name, *value);
        }
    }
}

impl<const SCALE: u8> JsonLeaf for DecimalLeaf<SCALE> {
    #[inline]
    fn read_json<'a>(reader: &mut JsonReader<'a>) -> Read<Field<'a, Decimal>> {
        if reader.null()? {
            return Ok(Field::Absent);
        }
        let token = reader.number()?;
        Ok(Decimal::parse(token).map_or_else(|_| Field::Invalid(token.into()), Field::Value))
    }

    /// What is no value is written as it was: a number token as a number, anything else as a string.
    fn write_json(value: &Field<'_, Decimal>, name: &str, object: &mut Writer<'_>) {
        match value {
            Field::Absent => {}
            Field::Value(decimal) => object.decimal(name, *decimal),
            Field::Invalid(text) if Decimal::parse(text) == Err(NumberFault::Malformed) => {
                object.text(name, Some(text));
            }
            Field::Invalid(token) => object.key(name).extend_from_slice(token.as_bytes()),
        }
    }
}

impl JsonLeaf for TimeLeaf {
    #[inline]
    fn read_json<'a>(reader: &mut JsonReader<'a>) -> Read<Field<'a, Micros>> {
        Ok(match TextLeaf::read_json(reader)? {
            None => Field::Absent,
            Some(text) => Micros::parse_rfc3339(&text).map_or(Field::Invalid(text), Field::Value),
        })
    }

    fn write_json(value: &Field<'_, Micros>, name: &str, object: &mut Writer<'_>) {
        match value {
            Field::Absent => {}
            Field::Value(time) => object.time(name, Some(*time)),
            Field::Invalid(text) => object.text(name, Some(text)),
        }
    }
}

impl<T: OpenEnum> JsonLeaf for SymbolLeaf<T> {
    #[inline]
    fn read_json<'a>(reader: &mut JsonReader<'a>) -> Read<Field<'a, T>> {
        Ok(match TextLeaf::read_json(reader)? {
            None => Field::Absent,
            Some(text) => T::sent(&text).map_or(Field::Invalid(text), Field::Value),
        })
    }

    fn write_json(value: &Field<'_, T>, name: &str, object: &mut Writer<'_>) {
        match value {
            Field::Absent => {}
            Field::Value(value) => object.text(name, Some(value.written())),
            Field::Invalid(text) => object.text(name, Some(text)),
        }
    }
}

impl JsonLeaf for ChipsLeaf {
    fn read_json<'a>(reader: &mut JsonReader<'a>) -> Read<Option<Vec<Text<'a>>>> {
        optional(reader, |reader| {
            let mut chips = Vec::new();
            reader.array(|reader, index| {
                if index == CHIPS_MAX {
                    return Err(FieldFault::unreadable(format!("more than {CHIPS_MAX} chips")));
                }
                chips.push(reader.string().map_err(|fault| fault.in_item(index))?);
                Ok(())
            })?;
            Ok(chips)
        })
    }

    fn write_json(value: &Option<Vec<Text<'_>>>, name: &str, object: &mut Writer<'_>) {
        if let Some(chips) = value {
            object.list(name, chips, string);
        }
    }
}

/// A record within a record.
impl<F: RecordFields> JsonLeaf for RecordPlan<F> {
    fn read_json<'a>(reader: &mut JsonReader<'a>) -> Read<Option<F::Record<'a>>> {
        optional(reader, |reader| {
            let mut record = F::Record::default();
            read_object::<F>(reader, &mut record)?;
            Ok(record)
        })
    }

    fn write_json(value: &Option<F::Record<'_>>, name: &str, object: &mut Writer<'_>) {
        if let Some(record) = value {
            object.nested(name, |object| F::write_members(record, object));
        }
    }
}
