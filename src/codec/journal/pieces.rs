//! What state consists of, as the journal's bytes: each type is written and read in one place, a struct as the list of its
//! fields. The order of a list never changes: it is the format (version 4).

use super::JournalFault;
use super::bytes::{ByteReader, ByteWriter};
use crate::domain::code::Code;
use crate::domain::enums::{CategoryType, CountryCode, Currency, EventType, Language};
use crate::domain::ids::TransactionId;
use crate::domain::{Amount, Micros};
use crate::state::{AccountFlags, AppliedEvents, Marks, Memory, Thing};
use compact_str::CompactString;
use std::collections::VecDeque;

/// What is written to the journal and read from it again.
pub(super) trait Journalled: Sized {
    /// Appends it.
    fn write(&self, out: &mut ByteWriter);

    /// Takes it from the front.
    fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault>;
}

impl ByteReader<'_> {
    /// Takes the next piece.
    #[inline]
    pub(super) fn piece<T: Journalled>(&mut self) -> Result<T, JournalFault> {
        T::read(self)
    }
}

/// Pieces that [`ByteWriter`] has a way to write.
macro_rules! plain {
    ($($name:ty: |$value:ident, $out:ident| $write:expr, |$input:ident| $read:expr;)+) => {
        $(impl Journalled for $name {
            #[inline]
            fn write(&self, $out: &mut ByteWriter) {
                let $value = self;
                $write;
            }

            #[inline]
            fn read($input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
                $read
            }
        })+
    };
}

plain! {
    u8: |byte, out| out.byte(*byte), |input| input.byte();
    bool: |flag, out| out.byte((*flag).into()), |input| Ok(input.byte()? != 0);
    i64: |number, out| out.signed(*number), |input| input.signed();
    // Hashes.
    u64: |hash, out| out.long(*hash), |input| input.long();
    usize: |number, out| out.unsigned(*number as u64),
        |input| Ok(usize::try_from(input.unsigned()?).unwrap_or(usize::MAX));
    Amount: |amount, out| out.signed(amount.ten_thousandths()),
        |input| Amount::new(input.signed()?).ok_or(JournalFault::Damaged("an amount is out of range"));
    Micros: |time, out| out.signed(time.0), |input| input.signed().map(Micros);
    TransactionId: |id, out| out.wide(id.0), |input| input.wide().map(TransactionId);
    Thing: |thing, out| out.unsigned(thing.0), |input| input.unsigned().map(Thing);
    Code: |code, out| out.text(code.as_str()), |input| input.text().map(Code::of);
    Box<str>: |text, out| out.text(text), |input| input.text().map(Box::from);
    Option<Box<str>>: |text, out| out.optional_text(text.as_deref()),
        |input| Ok(input.optional_text()?.map(Box::from));
    Option<CompactString>: |text, out| out.optional_text(text.as_deref()),
        |input| Ok(input.optional_text()?.map(CompactString::from));
    AccountFlags: |flags, out| out.unsigned(flags.0.into()), |input| flags_of(input.unsigned()?);
    // What is packed in memory stands here with the same bytes.
    Memory: |memory, out| write_packed(out, memory.bytes()), |input| read_packed(input, Memory::of_bytes);
    AppliedEvents: |events, out| write_packed(out, events.bytes()),
        |input| read_packed(input, AppliedEvents::of_bytes);
    Marks: |marks, out| write_packed(out, marks.bytes()), |input| read_packed(input, Marks::of_bytes);
}

/// Enums by their place in the contract, and from 1 where there may be none, which is 0.
macro_rules! symbols {
    ($($name:ident),+) => {
        $(plain! {
            $name: |symbol, out| out.byte(*symbol as u8), |input| symbol_at($name::ALL, input.byte()?);
            Option<$name>: |symbol, out| out.byte(symbol.map_or(0, |symbol| symbol as u8 + 1)),
                |input| match input.byte()? {
                    0 => Ok(None),
                    place => symbol_at($name::ALL, place - 1).map(Some),
                };
        })+
    };
}
symbols!(CategoryType, CountryCode, Currency, EventType, Language);

/// Lists: how many, and one after another.
macro_rules! lists {
    ($($list:ident),+) => {
        $(impl<T: Journalled> Journalled for $list<T> {
            fn write(&self, out: &mut ByteWriter) {
                out.unsigned(self.len() as u64);
                self.iter().for_each(|item| item.write(out));
            }

            fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
                let count = input.count()?;
                (0..count).map(|_| input.piece()).collect()
            }
        })+
    };
}
type Slice<T> = Box<[T]>;
lists!(Vec, VecDeque, Slice);

impl<T: Journalled> Journalled for Box<T> {
    #[inline]
    fn write(&self, out: &mut ByteWriter) {
        T::write(self, out);
    }

    #[inline]
    fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        input.piece().map(Self::new)
    }
}

/// What may be absent, behind a byte that says so.
#[inline]
pub(super) fn write_optional<T: Journalled>(piece: Option<&T>, out: &mut ByteWriter) {
    out.byte(piece.is_some().into());
    if let Some(piece) = piece {
        piece.write(out);
    }
}

#[inline]
pub(super) fn read_optional<T: Journalled>(input: &mut ByteReader<'_>) -> Result<Option<T>, JournalFault> {
    if input.byte()? != 0 { input.piece().map(Some) } else { Ok(None) }
}

/// Structs as their fields, in this order; behind `or` what does not stand there, and what it is then.
macro_rules! structs {
    ($($name:ident { $($field:ident),+ $(; or $absent:ident = $value:expr)? })+) => {
        $(impl Journalled for $name {
            #[inline]
            fn write(&self, out: &mut ByteWriter) {
                $(self.$field.write(out);)+
            }

            #[inline]
            fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
                Ok(Self { $($field: input.piece()?,)+ $($absent: $value)? })
            }
        })+
    };
}
pub(super) use {plain, structs};

#[inline]
pub(super) fn write_packed(out: &mut ByteWriter, bytes: &[u8]) {
    out.unsigned(bytes.len() as u64);
    out.0.extend_from_slice(bytes);
}

#[inline]
fn read_packed<T>(
    input: &mut ByteReader<'_>,
    of_bytes: impl Fn(&[u8]) -> Option<T>,
) -> Result<T, JournalFault> {
    let length = input.count()?;
    of_bytes(input.take(length)?).ok_or(JournalFault::Damaged("what is packed does not unpack"))
}

#[inline]
pub(super) fn symbol_at<T: Copy>(all: &[T], place: u8) -> Result<T, JournalFault> {
    all.get(usize::from(place)).copied().ok_or(JournalFault::Damaged("an unknown symbol"))
}

#[inline]
pub(super) fn flags_of(bits: u64) -> Result<AccountFlags, JournalFault> {
    let bits = u16::try_from(bits);
    bits.map(AccountFlags).map_err(|_| JournalFault::Damaged("unknown standing facts"))
}
