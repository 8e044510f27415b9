//! The types that our fields are read from, one by one.

use super::decimal;
use super::input::Input;
use super::plan::{Leaf, Slot};
use crate::codec::fault::{Fault, Read};
use crate::domain::limits::CHIPS_MAX;
use crate::domain::pos_event::Text;
use crate::domain::{Decimal, Field, Micros};
use std::borrow::Cow;

/// A string, or bytes that are UTF-8.
#[derive(Debug)]
pub(super) struct TextLeaf;

impl Leaf for TextLeaf {
    type Target<'a> = Option<Text<'a>>;

    #[inline]
    fn read<'a>(&self, input: &mut Input<'a, '_>, target: &mut Self::Target<'a>) -> Read<()> {
        *target = Some(Cow::Borrowed(input.text()?));
        Ok(())
    }
}

/// A decimal in so many fixed bytes, or in bytes behind their length.
#[derive(Debug)]
pub(super) struct DecimalLeaf {
    pub(super) fixed: Option<usize>,
    pub(super) scale: usize,
}

impl Leaf for DecimalLeaf {
    type Target<'a> = Field<'a, Decimal>;

    #[inline]
    fn read<'a>(&self, input: &mut Input<'a, '_>, target: &mut Self::Target<'a>) -> Read<()> {
        let length = match self.fixed {
            None => input.size()?,
            Some(length) => length,
        };
        *target = match input.short_integer(length) {
            Some(units) => decimal::read_short(units, self.scale),
            None => decimal::read(input.take(length)?, self.scale),
        };
        Ok(())
    }
}

/// A point in time.
#[derive(Debug)]
pub(super) struct TimeLeaf {
    pub(super) unit: TimeUnit,
}

/// What a writer's timestamp counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeUnit {
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

    fn read<'a>(&self, input: &mut Input<'a, '_>, target: &mut Self::Target<'a>) -> Read<()> {
        let (number, unit, micros) = match self.unit {
            TimeUnit::Micros => {
                let micros = input.long()?;
                (micros, "us", Some(micros))
            }
            TimeUnit::Nanos => {
                let nanos = input.long()?;
                (nanos, "ns", Some(nanos.div_euclid(1_000)))
            }
            TimeUnit::Millis => {
                let millis = input.long()?;
                (millis, "ms", millis.checked_mul(1_000))
            }
        };
        *target = match micros.map(Micros).filter(|time| time.has_a_date()) {
            Some(time) => Field::Value(time),
            None => Field::Invalid(format!("{number} {unit} since 1970").into()),
        };
        Ok(())
    }
}

/// A whole number.
#[derive(Debug)]
pub(super) enum LongLeaf {
    Long,
    Int,
}

impl Leaf for LongLeaf {
    type Target<'a> = Option<i64>;

    fn read<'a>(&self, input: &mut Input<'a, '_>, target: &mut Self::Target<'a>) -> Read<()> {
        *target = Some(match self {
            Self::Long => input.long()?,
            Self::Int => input.int()?.into(),
        });
        Ok(())
    }
}

/// True or false.
#[derive(Debug)]
pub(super) struct BooleanLeaf;

impl Leaf for BooleanLeaf {
    type Target<'a> = Option<bool>;

    fn read<'a>(&self, input: &mut Input<'a, '_>, target: &mut Self::Target<'a>) -> Read<()> {
        *target = Some(input.boolean()?);
        Ok(())
    }
}

/// The writer's symbols in order: our value, or the text where we have none.
#[derive(Debug)]
pub(super) struct SymbolLeaf<T>(pub(super) Box<[Result<T, Box<str>>]>);

impl<T: Copy + 'static> Leaf for SymbolLeaf<T> {
    type Target<'a> = Field<'a, T>;

    #[inline]
    fn read<'a>(&self, input: &mut Input<'a, '_>, target: &mut Self::Target<'a>) -> Read<()> {
        let index = input.size()?;
        *target = match self.0.get(index) {
            Some(Ok(value)) => Field::Value(*value),
            Some(Err(symbol)) => Field::Invalid(symbol.to_string().into()),
            None => return Err(Fault::unreadable(format!("the writer's enum has no symbol {index}"))),
        };
        Ok(())
    }
}

/// A short list of texts.
#[derive(Debug)]
pub(super) struct ChipsLeaf(pub(super) Slot<TextLeaf>);

impl Leaf for ChipsLeaf {
    type Target<'a> = Option<Vec<Text<'a>>>;

    fn read<'a>(&self, input: &mut Input<'a, '_>, target: &mut Self::Target<'a>) -> Read<()> {
        let chips = target.insert(Vec::new());
        items(input, CHIPS_MAX, |input, index, _| {
            let mut chip = None;
            self.0.read(input, &mut chip).map_err(|fault| fault.in_item(index))?;
            chips.extend(chip);
            Ok(())
        })
    }
}

/// Reads the blocks of an array of at most `items_max` items; `item` gets the index and how many of
/// its block are still to come, itself included.
pub(super) fn items<'a, 'p>(
    input: &mut Input<'a, 'p>,
    items_max: usize,
    mut item: impl FnMut(&mut Input<'a, 'p>, usize, usize) -> Read<()>,
) -> Read<()> {
    let mut index = 0;
    loop {
        let (count, bytes) = input.block()?;
        if count == 0 {
            return Ok(());
        }
        if count > items_max - index {
            return Err(Fault::unreadable(format!("more than {items_max} items")));
        }
        let left = input.left();
        for still in (1..=count).rev() {
            item(input, index, still)?;
            index += 1;
        }
        if bytes.is_some_and(|bytes| bytes != left - input.left()) {
            return Err(Fault::unreadable("a block of items is not as long as it says"));
        }
    }
}
