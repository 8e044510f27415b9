//! The types of our fields, one by one: which types of a writer each is read from, how, and how it is written.

use super::compile::{mismatch, unlabelled};
use super::datum::DatumReader;
use super::decimal;
use super::plan::Slot;
use super::schema::{Logical, Type, TypeUse, WriterSchema};
use super::write::{self, Unwritable};
use crate::codec::fault::{FieldFault, Read};
use crate::domain::decimal::Rounding;
use crate::domain::enums::OpenEnum;
use crate::domain::limits::CHIPS_MAX;
use crate::domain::pos_event::Text;
use crate::domain::visible::excerpt;
use crate::domain::{Decimal, Field, Micros};
use std::borrow::Cow;
use std::fmt;

/// A type of ours, as it is read from some type of the writer's.
pub trait Leaf: Sized + fmt::Debug {
    /// What is filled; its default stands for what is absent or null.
    type Target<'a>: Default + Absent;

    /// Resolves the writer's type, which is no union, against ours.
    fn compile(schema: &WriterSchema, writer: &TypeUse) -> Read<Self>;

    /// Reads one value.
    fn read<'a>(&self, reader: &mut DatumReader<'a, '_>, target: &mut Self::Target<'a>) -> Read<()>;

    /// Appends one as our own schema has it, or says why it has no place in this field.
    fn write(value: &Self::Target<'_>, field: &'static str, out: &mut Vec<u8>) -> Result<(), Unwritable>;
}

/// What a field's value may be: nothing.
pub trait Absent {
    /// Whether there is none.
    fn is_absent(&self) -> bool;
}

impl<T> Absent for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Absent for Field<'_, T> {
    fn is_absent(&self) -> bool {
        self.is_absent()
    }
}

/// The value of a field that must not be absent.
pub(super) fn present<T>(value: Option<T>, field: &'static str) -> Result<T, Unwritable> {
    value.ok_or(Unwritable { field, reason: "is absent" })
}

/// A string, or bytes that are UTF-8 and mean nothing else.
#[derive(Debug)]
pub struct TextLeaf;

impl Leaf for TextLeaf {
    type Target<'a> = Option<Text<'a>>;

    fn compile(schema: &WriterSchema, writer: &TypeUse) -> Read<Self> {
        match (schema.kind(writer), &writer.logical) {
            (Type::String, _) | (Type::Bytes, Logical::None) => Ok(Self),
            _ => Err(mismatch("a string", schema, writer)),
        }
    }

    #[inline]
    fn read<'a>(&self, reader: &mut DatumReader<'a, '_>, target: &mut Option<Text<'a>>) -> Read<()> {
        *target = Some(Cow::Borrowed(reader.text()?));
        Ok(())
    }

    fn write(value: &Option<Text<'_>>, field: &'static str, out: &mut Vec<u8>) -> Result<(), Unwritable> {
        write::text(present(value.as_deref(), field)?, out);
        Ok(())
    }
}

/// A decimal in so many fixed bytes, or in bytes behind their length; in our own schema with `SCALE` decimals.
#[derive(Debug)]
pub struct DecimalLeaf<const SCALE: u8> {
    fixed: Option<usize>,
    scale: usize,
}

impl<const SCALE: u8> Leaf for DecimalLeaf<SCALE> {
    type Target<'a> = Field<'a, Decimal>;

    fn compile(schema: &WriterSchema, writer: &TypeUse) -> Read<Self> {
        let fixed = match schema.kind(writer) {
            Type::Bytes => None,
            Type::Fixed(size) => Some(*size),
            _ => return Err(mismatch("a decimal", schema, writer)),
        };
        match &writer.logical {
            Logical::Decimal { scale } => Ok(Self { fixed, scale: *scale }),
            Logical::None => Err(unlabelled("a decimal with its precision and scale", schema, writer)),
            _ => Err(mismatch("a decimal with its precision and scale", schema, writer)),
        }
    }

    #[inline]
    fn read<'a>(&self, reader: &mut DatumReader<'a, '_>, target: &mut Field<'a, Decimal>) -> Read<()> {
        let length = match self.fixed {
            None => reader.size()?,
            Some(length) => length,
        };
        *target = match reader.short_integer(length) {
            Some(units) => decimal::read_short(units, self.scale),
            None => decimal::read(reader.take(length)?, self.scale),
        };
        Ok(())
    }

    fn write(value: &Field<'_, Decimal>, field: &'static str, out: &mut Vec<u8>) -> Result<(), Unwritable> {
        let refused = |reason| Unwritable { field, reason };
        let value = value.value().ok_or(refused("is absent or no decimal of 18 digits"))?;
        if value.decimals() > SCALE {
            return Err(refused("has more decimals than the schema"));
        }
        let scaled = value.quantize(SCALE, Rounding::Down);
        decimal::write(scaled.ok_or(refused("has more digits than the schema"))?.units(), out);
        Ok(())
    }
}

/// A point in time, from a timestamp of any unit.
#[derive(Debug)]
pub struct TimeLeaf {
    unit: TimeUnit,
}

/// What a writer's timestamp counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    Millis,
    Micros,
    Nanos,
}

impl TimeUnit {
    /// Avro's name of it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Millis => "timestamp-millis",
            Self::Micros => "timestamp-micros",
            Self::Nanos => "timestamp-nanos",
        }
    }
}

impl Leaf for TimeLeaf {
    type Target<'a> = Field<'a, Micros>;

    fn compile(schema: &WriterSchema, writer: &TypeUse) -> Read<Self> {
        const TIMESTAMP: &str =
            "a long with the logical type timestamp-millis, timestamp-micros or timestamp-nanos";
        match (schema.kind(writer), &writer.logical) {
            (Type::Long, Logical::Timestamp(unit)) => Ok(Self { unit: *unit }),
            (Type::Long | Type::Int, Logical::None) => Err(unlabelled(TIMESTAMP, schema, writer)),
            _ => Err(mismatch(TIMESTAMP, schema, writer)),
        }
    }

    fn read<'a>(&self, reader: &mut DatumReader<'a, '_>, target: &mut Field<'a, Micros>) -> Read<()> {
        let number = reader.long()?;
        let (unit, micros) = match self.unit {
            TimeUnit::Micros => ("us", Some(number)),
            TimeUnit::Nanos => ("ns", Some(number.div_euclid(1_000))),
            TimeUnit::Millis => ("ms", number.checked_mul(1_000)),
        };
        *target = match micros.map(Micros).filter(|time| time.has_a_date()) {
            Some(time) => Field::Value(time),
            None => Field::Invalid(format!("{number} {unit} since 1970").into()),
        };
        Ok(())
    }

    fn write(value: &Field<'_, Micros>, field: &'static str, out: &mut Vec<u8>) -> Result<(), Unwritable> {
        let Micros(micros) = value.value().ok_or(Unwritable { field, reason: "is absent or no time" })?;
        write::long(micros, out);
        Ok(())
    }
}

/// A whole number from long or int; one that means a decimal or a time is none.
#[derive(Debug)]
pub enum LongLeaf {
    Long,
    Int,
}

impl Leaf for LongLeaf {
    type Target<'a> = Option<i64>;

    fn compile(schema: &WriterSchema, writer: &TypeUse) -> Read<Self> {
        match (schema.kind(writer), &writer.logical) {
            (Type::Long, Logical::None | Logical::Other(_)) => Ok(Self::Long),
            (Type::Int, Logical::None | Logical::Other(_)) => Ok(Self::Int),
            _ => Err(mismatch("a long", schema, writer)),
        }
    }

    fn read<'a>(&self, reader: &mut DatumReader<'a, '_>, target: &mut Option<i64>) -> Read<()> {
        *target = Some(match self {
            Self::Long => reader.long()?,
            Self::Int => reader.int()?.into(),
        });
        Ok(())
    }

    fn write(value: &Option<i64>, field: &'static str, out: &mut Vec<u8>) -> Result<(), Unwritable> {
        write::long(present(*value, field)?, out);
        Ok(())
    }
}

/// True or false.
#[derive(Debug)]
pub struct BooleanLeaf;

impl Leaf for BooleanLeaf {
    type Target<'a> = Option<bool>;

    fn compile(schema: &WriterSchema, writer: &TypeUse) -> Read<Self> {
        match schema.kind(writer) {
            Type::Boolean => Ok(Self),
            _ => Err(mismatch("a boolean", schema, writer)),
        }
    }

    fn read<'a>(&self, reader: &mut DatumReader<'a, '_>, target: &mut Option<bool>) -> Read<()> {
        *target = Some(reader.boolean()?);
        Ok(())
    }

    fn write(value: &Option<bool>, field: &'static str, out: &mut Vec<u8>) -> Result<(), Unwritable> {
        write::boolean(present(*value, field)?, out);
        Ok(())
    }
}

/// An enum of the same name, read open: the writer's symbols in order, our value or the text where we have none.
#[derive(Debug)]
pub struct SymbolLeaf<T>(Box<[Result<T, Box<str>>]>);

impl<T: OpenEnum> Leaf for SymbolLeaf<T> {
    type Target<'a> = Field<'a, T>;

    fn compile(schema: &WriterSchema, writer: &TypeUse) -> Read<Self> {
        match schema.kind(writer) {
            Type::Enum { name: theirs, symbols } if &**theirs == T::NAME => {
                let known = |symbol: &str| T::sent(symbol).ok_or_else(|| symbol.into());
                Ok(Self(symbols.iter().map(|symbol| known(symbol)).collect()))
            }
            Type::Enum { name: theirs, .. } => {
                let (ours, theirs) = (T::NAME, excerpt(theirs));
                Err(FieldFault::unreadable(format!("expected the enum {ours}, found {theirs}")))
            }
            _ => Err(mismatch("an enum", schema, writer)),
        }
    }

    #[inline]
    fn read<'a>(&self, reader: &mut DatumReader<'a, '_>, target: &mut Field<'a, T>) -> Read<()> {
        let index = reader.size()?;
        *target = match self.0.get(index) {
            Some(Ok(value)) => Field::Value(*value),
            Some(Err(symbol)) => Field::Invalid(symbol.to_string().into()),
            None => return Err(FieldFault::unreadable(format!("the writer's enum has no symbol {index}"))),
        };
        Ok(())
    }

    fn write(value: &Field<'_, T>, field: &'static str, out: &mut Vec<u8>) -> Result<(), Unwritable> {
        let place = match value {
            Field::Value(value) => Some(value.place()),
            Field::Invalid(_) => Some(0),
            Field::Absent => None,
        };
        write::size(present(place, field)?, out);
        Ok(())
    }
}

/// A short list of texts.
#[derive(Debug)]
pub struct ChipsLeaf(Slot<TextLeaf>);

impl Leaf for ChipsLeaf {
    type Target<'a> = Option<Vec<Text<'a>>>;

    fn compile(schema: &WriterSchema, writer: &TypeUse) -> Read<Self> {
        match schema.kind(writer) {
            Type::Array(items) => Slot::compile_item(schema, items).map(Self),
            _ => Err(mismatch("an array", schema, writer)),
        }
    }

    fn read<'a>(&self, reader: &mut DatumReader<'a, '_>, target: &mut Option<Vec<Text<'a>>>) -> Read<()> {
        let chips = target.insert(Vec::new());
        items(reader, CHIPS_MAX, |reader, index, _| {
            let mut chip = None;
            self.0.read(reader, &mut chip).map_err(|fault| fault.in_item(index))?;
            chips.extend(chip);
            Ok(())
        })
    }

    fn write(
        value: &Option<Vec<Text<'_>>>,
        field: &'static str,
        out: &mut Vec<u8>,
    ) -> Result<(), Unwritable> {
        write::list(present(value.as_deref(), field)?, out, |chip, out| write::text(chip, out));
        Ok(())
    }
}

/// Reads the blocks of an array of at most `items_max` items; `item` gets the index and how many of
/// its block are still to come, itself included.
pub(in crate::codec) fn items<'a, 'p>(
    reader: &mut DatumReader<'a, 'p>,
    items_max: usize,
    mut item: impl FnMut(&mut DatumReader<'a, 'p>, usize, usize) -> Read<()>,
) -> Read<()> {
    let mut index = 0;
    loop {
        let (count, bytes) = reader.block()?;
        if count == 0 {
            return Ok(());
        }
        if count > items_max - index {
            return Err(FieldFault::unreadable(format!("more than {items_max} items")));
        }
        let left = reader.left();
        for still in (1..=count).rev() {
            item(reader, index, still)?;
            index += 1;
        }
        if bytes.is_some_and(|bytes| bytes != left - reader.left()) {
            return Err(FieldFault::unreadable("a block of items is not as long as it says"));
        }
    }
}
