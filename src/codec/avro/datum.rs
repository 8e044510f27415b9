//! The bytes of an Avro datum, taken from the front. Nothing is taken, and nothing allocated, that is not there.

use super::skip::Skip;
use crate::codec::fault::{FieldFault, Read};
use crate::domain::varint::{self, Broken};

/// What is left of a datum.
pub struct DatumReader<'a, 'p> {
    rest: &'a [u8],
    /// Shapes of the writer's types, for values that are passed over.
    pub(super) shapes: &'p [Skip],
    /// Steps that passing over may still take: bounds lists of items that have no bytes.
    steps: usize,
}

impl<'a, 'p> DatumReader<'a, 'p> {
    pub(in crate::codec) fn new(datum: &'a [u8], shapes: &'p [Skip]) -> Self {
        const STEPS_MIN: usize = 10_000;
        const STEPS_PER_BYTE: usize = 16;
        Self { rest: datum, shapes, steps: STEPS_MIN + STEPS_PER_BYTE * datum.len() }
    }

    /// Nothing may follow.
    pub(in crate::codec) fn end(&self) -> Read<()> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(FieldFault::unreadable(format!("{bytes} bytes follow the datum"))),
        }
    }

    /// Bytes that are left.
    pub(in crate::codec) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Counts one step of passing over.
    pub(in crate::codec) fn step(&mut self) -> Read<()> {
        match self.steps.checked_sub(1) {
            Some(steps) => {
                self.steps = steps;
                Ok(())
            }
            None => Err(FieldFault::unreadable("more empty items than the datum has bytes for")),
        }
    }

    /// The next `length` bytes.
    #[inline]
    pub(in crate::codec) fn take(&mut self, length: usize) -> Read<&'a [u8]> {
        match self.rest.split_at_checked(length) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.broken_off(length)),
        }
    }

    /// A zigzag varint.
    #[inline]
    pub(in crate::codec) fn long(&mut self) -> Read<i64> {
        varint::take_signed(&mut self.rest).map_err(|broken| match broken {
            Broken::Off => self.broken_off(self.rest.len() + 1),
            Broken::TooLong => FieldFault::unreadable("a whole number beyond 64 bits"),
        })
    }

    /// A zigzag varint that must fit 32 bits.
    pub(in crate::codec) fn int(&mut self) -> Read<i32> {
        i32::try_from(self.long()?).map_err(|_| FieldFault::unreadable("an int beyond 32 bits"))
    }

    pub(in crate::codec) fn boolean(&mut self) -> Read<bool> {
        match self.take(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            other => Err(FieldFault::unreadable(format!("{} is no boolean", other[0]))),
        }
    }

    /// A length or an index: a varint that is not below 0.
    #[inline]
    pub(in crate::codec) fn size(&mut self) -> Read<usize> {
        let value = self.long()?;
        usize::try_from(value).map_err(|_| FieldFault::unreadable(format!("{value} is no length or index")))
    }

    /// The next `length` bytes as a big-endian two's complement, if that is at a glance: 1 to 8 bytes, and 8 are left.
    #[inline]
    pub(in crate::codec) fn short_integer(&mut self, length: usize) -> Option<i64> {
        let word = self.rest.first_chunk::<8>()?;
        if !(1..=8).contains(&length) {
            return None;
        }
        self.rest = &self.rest[length..];
        Some(i64::from_be_bytes(*word) >> (64 - 8 * length))
    }

    /// Bytes behind their length.
    #[inline]
    pub(in crate::codec) fn prefixed(&mut self) -> Read<&'a [u8]> {
        let length = self.size()?;
        self.take(length)
    }

    /// Text behind its length.
    #[inline]
    pub(in crate::codec) fn text(&mut self) -> Read<&'a str> {
        let bytes = self.prefixed()?;
        str::from_utf8(bytes).map_err(|_| FieldFault::unreadable("no UTF-8"))
    }

    /// The head of a block of items: how many, and how many bytes they take where the writer says so.
    /// A count of 0 ends the list.
    pub(in crate::codec) fn block(&mut self) -> Read<(usize, Option<usize>)> {
        let count = self.long()?;
        if count >= 0 {
            return Ok((count as usize, None));
        }
        let bytes = self.size()?;
        if bytes > self.rest.len() {
            return Err(self.broken_off(bytes));
        }
        match usize::try_from(count.unsigned_abs()) {
            Ok(count) => Ok((count, Some(bytes))),
            Err(_) => Err(FieldFault::unreadable(format!("{count} is no count of items"))),
        }
    }

    #[cold]
    fn broken_off(&self, needed: usize) -> Box<FieldFault> {
        FieldFault::unreadable(format!(
            "the datum breaks off: {needed} bytes needed, {} left",
            self.rest.len()
        ))
    }
}
